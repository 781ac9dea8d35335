/** What is compared: sstpd, its peers (peers.ts), and no tunnel at all. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, SERVER_ADDRESS } from './lab.ts';
import { cpuSeconds, LineProcess, residentKib, run, SERVER_CORE } from './processes.ts';

export interface Vpn {
  readonly name: string;
  /** Why it cannot run here. */
  readonly missing: string | undefined;
  /** What it runs over; the outer congestion control matters for TCP. */
  readonly over: 'tcp' | 'udp' | 'none';
  /** Starts its server in a namespace and waits until clients may come. */
  serve(server: string): Promise<Serving>;
}

export interface Serving {
  /** The server's address inside the tunnel. */
  readonly inside: string;
  /** Of the server and all processes below it. */
  cpuSeconds(): number;
  /** Resident memory of the same. */
  residentKib(): number;
  /** Starts a client; it is up when `inside` answers. */
  dial(client: string, index: number): Promise<LineProcess | undefined>;
  stop(): Promise<void>;
}

/** All tunnels use the same network and MTU. */
export const TUNNEL_NETWORK = '10.64.0.0';
export const TUNNEL_SERVER = '10.64.0.1';
export const TUNNEL_MTU = 1400;
export const MOST_CLIENTS = 64;

/** A server process with its clients' command. */
export function servingOf(
  process: LineProcess,
  dial: (client: string, index: number) => Promise<LineProcess | undefined>,
): Serving {
  return {
    inside: TUNNEL_SERVER,
    cpuSeconds: () => cpuSeconds(process.pid),
    residentKib: () => residentKib(process.pid),
    dial,
    stop: () => process.end(),
  };
}

/** The program of the lab, or another build to compare with. */
export interface SstpdOptions {
  readonly name: string;
  readonly program: string;
  /** Passed to `serve` and, unless the client is to do its best in any case, to `connect`; each if it knows the flag. */
  readonly tunOffload: 'auto' | 'off' | undefined;
  readonly isServerOnly?: boolean;
}

export const PASSWORD = 'a password for the bench';

/** All sessions come from few addresses and belong to one user. */
export const SERVER_ENV: NodeJS.ProcessEnv = {
  SSTPD_LOG_FORMAT: 'json',
  SSTPD_USERS_MAX_PER_USER: '20000',
  SSTPD_LIMITS_CONNECTIONS: '20000',
  SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '10000',
};

export function addUser(program: string, data: string): void {
  execFileSync(process.execPath, [program, 'user', 'add', 'bench', '--password-stdin', '--data', data], {
    input: `${PASSWORD}\n`,
  });
}

export function sstpd(lab: Lab, options: SstpdOptions): Vpn {
  const { program } = options;
  /** Data directories that no server has now. */
  const free: string[] = [];
  let made = 0;
  const wanted = options.tunOffload;
  const canChoose = wanted === undefined || knows(program, 'serve', '--tun-offload');
  const serveFlags = wanted === undefined ? [] : ['--tun-offload', wanted];
  // The far end of the tunnel is what traffic is for.
  const reach = knows(program, 'serve', '--host-access') ? ['--host-access', 'all'] : [];
  const isClientToo = wanted !== undefined && options.isServerOnly !== true;
  const connectFlags = isClientToo && knows(program, 'connect', '--tun-offload') ? serveFlags : [];
  return {
    name: options.name,
    missing: canChoose ? undefined : 'this build has no flag --tun-offload',
    over: 'tcp',
    serve: async (server) => {
      const data = free.pop() ?? join(lab.folder, `data-${options.name}-${made++}`);
      if (!existsSync(data)) addUser(program, data);
      const listener = ['--host', SERVER_ADDRESS, '--listen', '443', '--dns', TUNNEL_SERVER, '--no-nat'];
      const network = ['--pool', `${TUNNEL_NETWORK}/24`, '--mtu', String(TUNNEL_MTU)];
      const command = [
        process.execPath,
        program,
        'serve',
        '--data',
        data,
        ...listener,
        ...network,
        ...reach,
        ...serveFlags,
      ];
      const child = new LineProcess(command, { netns: server, core: SERVER_CORE, env: SERVER_ENV });
      await child.hear((line) => line.includes('"msg":"server.started"'));
      const serving = servingOf(child, async (client) => {
        const trust = ['--ca', join(data, 'ca.pem'), '--user', 'bench', '--json'];
        const dial = [process.execPath, program, 'connect', SERVER_ADDRESS, ...trust, ...connectFlags];
        return new LineProcess(dial, { netns: client, env: { SSTPD_PASSWORD: PASSWORD } });
      });
      const stop = async (): Promise<void> => {
        await serving.stop();
        free.push(data);
      };
      return { ...serving, stop };
    },
  };
}

function knows(program: string, command: string, flag: string): boolean {
  return execFileSync(process.execPath, [program, command, '--help'], { encoding: 'utf8' }).includes(flag);
}

/** The path itself: what the load generators and the line can do. */
export const noTunnel: Vpn = {
  name: 'no tunnel',
  missing: undefined,
  over: 'none',
  serve: async () => ({
    inside: SERVER_ADDRESS,
    cpuSeconds: () => 0,
    residentKib: () => 0,
    dial: async () => undefined,
    stop: async () => {},
  }),
};

/** The client's own address on the way to an address. */
export async function addressTowards(netns: string, address: string): Promise<string> {
  const [route] = JSON.parse(await run(['ip', '-n', netns, '-json', 'route', 'get', address])) as {
    prefsrc?: string;
  }[];
  if (route?.prefsrc === undefined) throw new Error(`no route to ${address}`);
  return route.prefsrc;
}

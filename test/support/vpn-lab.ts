/**
 * The machines of a VPN: clients, the server, and a host behind it.
 *
 *     client 1 --- 198.18.1.2/30 --- 198.18.1.1 --+
 *     client 2 --- 198.18.2.2/30 --- 198.18.2.1 --+- server (198.18.0.1) --- 203.0.113.1 --- 203.0.113.2 far
 *
 * The clients have a route to 198.18.0.1 and nothing else. The far host knows no route to the pool.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect, Netns } from './netns.ts';
import { type ClientOptions, SstpdClient } from './sstpd-client.ts';
import { SSTPD, SstpdProcess } from './sstpd-process.ts';
import { SstpdServer } from './sstpd-server.ts';

export const SERVER = '198.18.0.1';
export const POOL = '10.86.0.0/24';
/** The server's address inside the tunnels. */
export const INSIDE = '10.86.0.1';
export const FAR = '203.0.113.2';
export const FAR6 = '2001:db8:f::2';
/** The server's own address on the network where the far host is. */
export const UPLINK = '203.0.113.1';
export const UPLINK6 = '2001:db8:f::1';
export const USER = 'ann';
export const PASSWORD = 'correct horse';

export const TRAFFIC_PORT = '5201';
export const TRAFFIC: string = join(import.meta.dirname, 'traffic.ts');
const RELAY = join(import.meta.dirname, 'tcp-relay.ts');

export interface LabOptions {
  /** How many clients; one unless said. */
  readonly clients?: number;
  /** Whether there is a host behind the server. */
  readonly far?: boolean;
}

export interface ServeSettings {
  /** Added to the usual ones. */
  readonly args?: readonly string[];
  /** What clients are told, in the stead of two addresses that nobody has. */
  readonly dns?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export class VpnLab {
  /** For files; any user may enter it. */
  readonly folder: string;
  readonly server: Netns;
  readonly clients: readonly Netns[];
  readonly far: Netns | undefined;
  #relays = 0;

  private constructor(folder: string, server: Netns, clients: readonly Netns[], far: Netns | undefined) {
    this.folder = folder;
    this.server = server;
    this.clients = clients;
    this.far = far;
  }

  static async create({ clients = 1, far = false }: LabOptions = {}): Promise<VpnLab> {
    const made: Netns[] = [];
    const make = async (prefix: string): Promise<Netns> => {
      const netns = await Netns.create(prefix);
      made.push(netns);
      return netns;
    };
    const folder = mkdtempSync(join(tmpdir(), 'sstpd-e2e-'));
    const lab = async (): Promise<VpnLab> => {
      chmodSync(folder, 0o755);
      const server = await make('vpns');
      await server.run('ip', ['address', 'add', `${SERVER}/32`, 'dev', 'lo']);
      const clientNetns: Netns[] = [];
      for (let i = 1; i <= clients; i += 1) clientNetns.push(await makeClient(await make('vpnc'), server, i));
      return new VpnLab(folder, server, clientNetns, far ? await makeFar(await make('vpnf'), server) : undefined);
    };
    try {
      return await lab();
    } catch (error) {
      await Promise.all(made.map((netns) => netns.destroy()));
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** Writes a file into the lab's folder. @returns its path */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Everything that ran in the lab is killed, and all of it removed. */
  async destroy(): Promise<void> {
    const all = [...this.clients, this.server, ...(this.far === undefined ? [] : [this.far])];
    await Promise.all(all.map((netns) => netns.destroy()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Starts the server on 198.18.0.1:443 with the pool 10.86.0.0/24. */
  serve({ args = [], env = {}, dns }: ServeSettings = {}): Promise<SstpdServer> {
    const usual = dns === undefined ? SERVE_ARGS : [...SERVE_ARGS.slice(0, SERVE_ARGS.indexOf('--dns')), '--dns', dns];
    return SstpdServer.start({ netns: this.server, data: this.data, args: [...usual, ...args], env });
  }

  /** Starts it and makes the user `ann`. */
  async serveAnn(settings: ServeSettings = {}): Promise<SstpdServer> {
    const server = await this.serve(settings);
    await server.addUser(USER, PASSWORD);
    return server;
  }

  client(index = 0): Netns {
    const netns = this.clients[index];
    if (netns === undefined) throw new RangeError(`no client ${index}`);
    return netns;
  }

  /** Starts it without waiting, behind a shell script that ends in running its arguments: for starts that fail. */
  launch(script: string, settings: ServeSettings & { readonly data?: string } = {}): SstpdProcess {
    const { args = [], env = {}, data = this.data } = settings;
    const command = [process.execPath, SSTPD, 'serve', '--data', data, ...SERVE_ARGS, ...args];
    return new SstpdProcess(this.server, ['sh', '-c', script, 'sh', ...command], { SSTPD_LOG_FORMAT: 'json', ...env });
  }

  /** Devices, addresses, routes and firewall of the server's namespace: what a server that is gone must have left as it was. */
  state(): Promise<string> {
    const script = 'ip -o link; ip -o address; ip route show table all; ip -6 route show table all; nft list ruleset';
    return this.server.run('sh', ['-c', script]);
  }

  /** The processes in the server's namespace. */
  async serverPids(): Promise<string[]> {
    const { stdout } = await promisify(execFile)('ip', ['netns', 'pids', this.server.name]);
    return stdout.split('\n').filter(Boolean);
  }

  /**
   * Each client is a machine of its own, which remembers no address that a server of another lab gave it. What is
   * compiled is the same for all.
   */
  #cacheHome(client: number): string {
    const home = join(this.folder, `cache-${client}`);
    const own = join(home, 'sstpd');
    if (existsSync(own)) return home;
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const common = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
    symlinkSync(join(common, 'sstpd/compiled'), join(own, 'compiled'));
    return home;
  }

  /** Starts the project's client as `ann`. */
  connect(options: Partial<ClientOptions> & { readonly from?: number } = {}): SstpdClient {
    const { from = 0, ...rest } = options;
    const usual = { to: SERVER, user: USER, password: PASSWORD, caFile: join(this.data, 'ca.pem') };
    return new SstpdClient(this.client(from), { ...usual, cacheHome: this.#cacheHome(from), ...rest });
  }

  /** Starts what the other roles of traffic.ts talk to. */
  async serveTraffic(netns: Netns | undefined, address: string): Promise<void> {
    if (netns === undefined) throw new RangeError('this lab has no such host');
    const command = [process.execPath, TRAFFIC, 'serve', address, TRAFFIC_PORT];
    await new SstpdProcess(netns, command).printed(/^ready$/);
  }

  /** A door whose connections come from so many addresses of one /24, in turn. */
  async crowd(from: number, count: number): Promise<string> {
    const addresses = Array.from({ length: count }, (_, index) => `203.0.113.${index + 1}`);
    const add = addresses.map((address) => `ip address add ${address}/32 dev cable`).join(' && ');
    await this.client(from).run('sh', ['-c', add]);
    await this.server.run('ip', ['route', 'add', '203.0.113.0/24', 'via', `198.18.${from + 1}.2`]);
    return this.door(from, 443, addresses);
  }

  /** A path outside of the lab's namespaces that leads from a client to the server's port. */
  async door(from = 0, port = 443, addresses: readonly string[] = []): Promise<string> {
    this.#relays += 1;
    const path = join(this.folder, `door-${this.#relays}`);
    const relay = new SstpdProcess(this.client(from), [
      ...[process.execPath, RELAY, path, SERVER, String(port), ...addresses],
    ]);
    await relay.printed(/^ready$/);
    return path;
  }
}

export const SERVE_ARGS: readonly string[] = [
  ...['--host', SERVER, '--listen', `${SERVER}:443`, '--pool', POOL, '--dns', '192.0.2.53', '--dns', '192.0.2.54'],
];

async function makeClient(client: Netns, server: Netns, i: number): Promise<Netns> {
  await connect(client, server, {
    ...{ ifA: 'cable', ifB: `cable${i}` },
    ...{ addressA: `198.18.${i}.2/30`, addressB: `198.18.${i}.1/30` },
  });
  await client.run('ip', ['route', 'add', SERVER, 'via', `198.18.${i}.1`]);
  return client;
}

async function makeFar(far: Netns, server: Netns): Promise<Netns> {
  await connect(server, far, {
    ...{ ifA: 'uplink', ifB: 'cable' },
    ...{ addressA: [`${UPLINK}/24`, `${UPLINK6}/64`], addressB: [`${FAR}/24`, `${FAR6}/64`] },
  });
  return far;
}

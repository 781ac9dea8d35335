/** The servers that are flooded, and the network between them and the flood. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, type Place, SERVER_ADDRESS } from '../lab.ts';
import { LineProcess, missingCommand, run, SERVER_CORE } from '../processes.ts';
import { addUser, PASSWORD, TUNNEL_NETWORK, TUNNEL_SERVER } from '../vpn.ts';
import type { CleanSettings } from './clients.ts';
import { FLOOD_NETWORK, FLOOD_NETWORK6, KINDS, type Kind } from './shapes.ts';

export const SERVER_ADDRESS6 = '2001:db8:cafe::1';
const CLIENT_ADDRESS6 = '2001:db8:cafe::2';
/** The bench's user logs in from everywhere; all limits of connections are the usual ones. */
const ENV: NodeJS.ProcessEnv = { SSTPD_LOG_FORMAT: 'json', SSTPD_USERS_MAX_PER_USER: '20000' };

/** A server that runs. */
export interface Target {
  readonly pid: number;
  /** Where the established session is; undefined of a server without any. */
  readonly pinged: { readonly netns: string; readonly inside: string } | undefined;
  end(): Promise<void>;
}

export interface FloodedServer {
  readonly name: string;
  /** Why it cannot run here. */
  readonly missing: string | undefined;
  readonly protocol: CleanSettings['protocol'];
  /** What it could know as a flood. */
  readonly kinds: readonly Kind[];
  /** Whether it knows addresses that logged in before. */
  readonly knowsAddresses: boolean;
  /** The authority of its certificate; there once it has served. */
  readonly ca: string;
  serve(place: Place): Promise<Target>;
}

/** Ours is the first. */
export function floodedServers(lab: Lab): readonly FloodedServer[] {
  return [ours(lab), ocserv(lab), nginx(lab)];
}

/** Of this kind of server each flood finds one that has seen none; the addresses that logged in it knows from before. */
function ours({ folder, program }: Lab): FloodedServer {
  const data = join(folder, 'data-floods');
  const dial = async (place: Place): Promise<LineProcess> => {
    const trust = ['--ca', join(data, 'ca.pem'), '--user', 'bench', '--json'];
    const netns = place.clients[1] ?? '';
    const command = [process.execPath, program, 'connect', SERVER_ADDRESS, ...trust];
    const session = new LineProcess(command, { netns, env: { SSTPD_PASSWORD: PASSWORD } });
    for (let tries = 0; tries < 60; tries += 1) {
      if ((await run(['ping', '-c', '1', '-W', '1', TUNNEL_SERVER], { netns }).catch(() => '')) !== '') return session;
      await sleep(250);
    }
    throw new Error(`the session did not come up: ${session.lastWords}`);
  };
  let hasUser = false;
  return {
    ...{ name: 'sstpd', missing: undefined, protocol: 'sstp', kinds: KINDS, knowsAddresses: true },
    ca: join(data, 'ca.pem'),
    serve: async (place) => {
      if (!hasUser) addUser(program, data);
      hasUser = true;
      const listen = ['--listen', `${SERVER_ADDRESS}:443`, '--listen', `[${SERVER_ADDRESS6}]:443`];
      const network = ['--host', SERVER_ADDRESS, '--pool', `${TUNNEL_NETWORK}/16`, '--dns', TUNNEL_SERVER, '--no-nat'];
      const command = [process.execPath, program, 'serve', '--data', data, ...listen, ...network];
      const server = new LineProcess(command, { netns: place.server, core: SERVER_CORE, env: ENV });
      await server.hear((line) => line.includes('"msg":"server.started"'));
      const session = await dial(place);
      const end = async (): Promise<void> => {
        await session.end();
        await server.end();
      };
      return { pid: server.pid, pinged: { netns: place.clients[1] ?? '', inside: TUNNEL_SERVER }, end };
    },
  };
}

/** As many connections as sstpd lets wait for a login by default; its sample configuration has 16. */
const MOST_CLIENTS = 512;

/**
 * As its sample configuration has it, bans and time for the login included, but for what our clean clients, who are one user,
 * would run into themselves: the limits of clients, and one connection every 100 ms.
 */
function ocserv({ folder }: Lab): FloodedServer {
  const file = (name: string): string => join(folder, `floods-ocserv-${name}`);
  return {
    ...{ name: 'ocserv', missing: missingCommand('ocserv', 'ocserv'), protocol: 'anyconnect', knowsAddresses: false },
    kinds: KINDS.filter((kind) => kind !== 'half-open SSTP' && kind !== 'unknown PPP protocols'),
    ca: file('server.pem'),
    serve: async (place) => {
      makeCertificate(file('server'));
      const hash = execFileSync('openssl', ['passwd', '-5', PASSWORD], { encoding: 'utf8' });
      writeFileSync(file('users'), `bench:*:${hash}`, { mode: 0o600 });
      const lines = [
        `auth = "plain[passwd=${file('users')}]"`,
        ...['tcp-port = 443', 'run-as-user = root', 'run-as-group = root', 'isolate-workers = false'],
        ...[`socket-file = ${file('sock')}`, `pid-file = ${file('pid')}`],
        ...[`server-cert = ${file('server.pem')}`, `server-key = ${file('server.key')}`],
        ...[`max-clients = ${MOST_CLIENTS}`, 'max-same-clients = 0', 'rate-limit-ms = 0'],
        ...['auth-timeout = 240', 'max-ban-score = 80', 'ban-reset-time = 1200', 'cookie-timeout = 300'],
        ...['keepalive = 32400', 'device = ocs', 'predictable-ips = false', 'mtu = 1400'],
        ...[`ipv4-network = ${TUNNEL_NETWORK}`, 'ipv4-netmask = 255.255.0.0'],
      ];
      writeFileSync(file('conf'), `${lines.join('\n')}\n`);
      const command = ['ocserv', '--foreground', '--log-stderr', '--config', file('conf')];
      const server = new LineProcess(command, { netns: place.server, core: SERVER_CORE });
      await answering(place, server);
      return { pid: server.pid, pinged: undefined, end: () => server.end() };
    },
  };
}

/** A web server in front of nothing, as many connections as Debian gives it. */
function nginx({ folder }: Lab): FloodedServer {
  const file = (name: string): string => join(folder, `floods-nginx-${name}`);
  return {
    ...{ name: 'nginx', missing: missingCommand('nginx', 'nginx'), protocol: 'https', knowsAddresses: false },
    kinds: ['silent TCP', 'silent TLS'],
    ca: file('server.pem'),
    serve: async (place) => {
      makeCertificate(file('server'));
      writeFileSync(
        file('conf'),
        `daemon off; pid ${file('pid')}; error_log ${file('log')}; user root; worker_processes 1;
events { worker_connections 768; }
http { access_log off; server { listen ${SERVER_ADDRESS}:443 ssl; listen [${SERVER_ADDRESS6}]:443 ssl;
  ssl_certificate ${file('server.pem')}; ssl_certificate_key ${file('server.key')}; location / { return 200 "here"; } } }
`,
      );
      const server = new LineProcess(['nginx', '-c', file('conf')], { netns: place.server, core: SERVER_CORE });
      await answering(place, server);
      return { pid: server.pid, pinged: undefined, end: () => server.end() };
    },
  };
}

function makeCertificate(base: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${base}.key`];
  const names = ['-subj', '/CN=bench', '-addext', `subjectAltName=IP:${SERVER_ADDRESS},IP:${SERVER_ADDRESS6}`];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', `${base}.pem`, '-days', '30', ...names], { stdio: 'pipe' });
}

/** Once somebody listens on both addresses. @throws {Error} with what the server said */
async function answering(place: Place, server: LineProcess): Promise<void> {
  for (let tries = 0; tries < 60; tries += 1) {
    const listening = await run(['ss', '-ltnH', 'sport', '=', ':443'], { netns: place.server });
    if (listening.trim().split('\n').length >= 2) return;
    await sleep(250);
  }
  const { lastWords } = server;
  await server.end();
  throw new Error(`nobody listens: ${lastWords}`);
}

/** A server, a client that has all addresses of the floods and of the clean clients, and one with a session. */
export async function floodPlace(lab: Lab): Promise<Place> {
  const place = await lab.direct(2, 'cubic');
  const [client = ''] = place.clients;
  const ip = (netns: string, ...words: string[]) => run(['ip', '-n', netns, ...words]);
  await ip(client, 'route', 'add', 'local', FLOOD_NETWORK, 'dev', 'lo');
  await ip(client, 'route', 'add', 'local', FLOOD_NETWORK6, 'dev', 'lo');
  await ip(place.server, 'route', 'add', FLOOD_NETWORK, 'via', '192.0.2.2', 'dev', 'down0');
  await ip(client, 'address', 'add', `${CLIENT_ADDRESS6}/64`, 'dev', 'up0', 'nodad');
  await ip(place.server, 'address', 'add', `${SERVER_ADDRESS6}/64`, 'dev', 'down0', 'nodad');
  await ip(place.server, 'route', 'add', FLOOD_NETWORK6, 'via', CLIENT_ADDRESS6, 'dev', 'down0');
  // An address of a local route may be bound to in IPv4 as it is.
  await run(['sysctl', '-q', '-w', 'net.ipv6.ip_nonlocal_bind=1'], { netns: client });
  return place;
}

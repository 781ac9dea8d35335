/** Floods of connections, and what clean clients, sessions and the server notice of them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, type Place, SERVER_ADDRESS } from '../lab.ts';
import { cpuSeconds, LineProcess, residentKib, run, SERVER_CORE } from '../processes.ts';
import { addUser, PASSWORD, TUNNEL_NETWORK, TUNNEL_SERVER } from '../vpn.ts';
import type { CleanReport, CleanSettings } from './clean-load.ts';
import type { FloodReport, FloodSettings } from './flood-load.ts';
import { FLOOD_NETWORK, FLOOD_NETWORK6, KINDS, type Kind, SHAPES, type Shape } from './shapes.ts';

export interface FloodsSize {
  readonly kinds: readonly Kind[];
  readonly shapes: readonly Shape[];
  /** New connections a second. */
  readonly rate: number;
  /** Before anything is measured: a flood of a few seconds is none. */
  readonly onsetSeconds: number;
  /** Clean clients of new addresses, and as many of known ones, beside each flood. */
  readonly tries: number;
  readonly triesPerSecond: number;
}

export interface FloodCell {
  readonly fromNew: CleanReport;
  /** From addresses that logged in before; absent of a server that knows none. */
  readonly fromKnown?: CleanReport;
  /** Of a session that was up before. */
  readonly pingP99Ms?: number;
  /** Processors in use. */
  readonly serverCpu: number;
  readonly serverMib: number;
  readonly openedPerSecond: number;
}

/** By what the flood does, then by where it comes from; `no flood` first. */
export interface FloodsFigures {
  readonly rate: number;
  readonly sstpd: { [kind: string]: { [shape: string]: FloodCell } };
  readonly nginx?: { [kind: string]: { [shape: string]: FloodCell } };
}

export const NO_FLOOD = 'no flood';
const SERVER_ADDRESS6 = '2001:db8:cafe::1';
const CLIENT_ADDRESS6 = '2001:db8:cafe::2';
/** The bench's user logs in from everywhere; all limits of connections are the usual ones. */
const ENV: NodeJS.ProcessEnv = { SSTPD_LOG_FORMAT: 'json', SSTPD_USERS_MAX_PER_USER: '20000' };

interface Target {
  readonly pid: number;
  readonly protocol: CleanSettings['protocol'];
  readonly ca: string;
  /** Where the established session is. */
  readonly pinged: { readonly netns: string; readonly inside: string } | undefined;
}

export async function measureFloods(lab: Lab, program: string, size: FloodsSize): Promise<FloodsFigures> {
  const sstpd: FloodsFigures['sstpd'] = {};
  const data = join(lab.folder, 'data-floods');
  addUser(program, data);
  for (const kind of [NO_FLOOD, ...size.kinds] as const) {
    // Each kind finds a server that has seen no flood; the addresses that logged in it knows from the one before.
    const place = await floodPlace(lab);
    const server = await serveSstpd(program, data, place);
    const session = await dial(program, data, place);
    try {
      const pinged = { netns: place.clients[1] ?? '', inside: TUNNEL_SERVER };
      const target: Target = { pid: server.pid, protocol: 'sstp', ca: join(data, 'ca.pem'), pinged };
      sstpd[kind] = await measureKind(place, target, kind, size);
    } finally {
      await session.end();
      await server.end();
      await place.close();
    }
  }
  return { rate: size.rate, sstpd };
}

/** The same against a web server: what its visitors notice. Only of floods that it could know as such. */
export async function measureNginx(
  lab: Lab,
  { certificate, key }: { readonly certificate: string; readonly key: string },
  size: FloodsSize,
): Promise<NonNullable<FloodsFigures['nginx']>> {
  const nginx: NonNullable<FloodsFigures['nginx']> = {};
  const kinds = size.kinds.filter((kind) => kind === 'silent TCP' || kind === 'silent TLS');
  for (const kind of [NO_FLOOD, ...kinds] as const) {
    const place = await floodPlace(lab);
    const config = join(lab.folder, 'nginx.conf');
    const server = await serveNginx(place, config, { certificate, key });
    try {
      const target: Target = { pid: server.pid, protocol: 'https', ca: certificate, pinged: undefined };
      nginx[kind] = await measureKind(place, target, kind, size);
    } finally {
      await server.end();
      await place.close();
    }
  }
  return nginx;
}

async function measureKind(
  place: Place,
  target: Target,
  kind: Kind | typeof NO_FLOOD,
  size: FloodsSize,
): Promise<{ [shape: string]: FloodCell }> {
  const cells: { [shape: string]: FloodCell } = {};
  const first = [NO_FLOOD, ...KINDS].indexOf(kind) * size.shapes.length * size.tries;
  const clean = [await cleanLoad(place, target, first), await cleanLoad(place, target, first)] as const;
  try {
    const warmUp = await ask(clean[1], `known 10 ${size.triesPerSecond}`);
    if (warmUp.inAtFirst < warmUp.tries) throw new Error(`without a flood: ${JSON.stringify(warmUp.failures)}`);
    for (const shape of kind === NO_FLOOD ? ([NO_FLOOD] as const) : size.shapes) {
      const flood = kind === NO_FLOOD || shape === NO_FLOOD ? undefined : { kind, shape, rate: size.rate };
      cells[shape] = await measureCell(place, target, flood, clean, size);
      console.error(`floods, ${target.protocol}, ${kind}, ${shape}: ${JSON.stringify(cells[shape])}`);
    }
  } finally {
    for (const load of clean) await load.end();
  }
  return cells;
}

async function measureCell(
  place: Place,
  target: Target,
  flood: Pick<FloodSettings, 'kind' | 'shape' | 'rate'> | undefined,
  [fresh, familiar]: readonly [LineProcess, LineProcess],
  { tries, triesPerSecond, onsetSeconds }: FloodsSize,
): Promise<FloodCell> {
  // It is ended when all is measured; this is for a bench that can't do that any more.
  const seconds = onsetSeconds + tries / triesPerSecond + 60;
  const load = flood && (await floodLoad(place, { ...flood, seconds }));
  try {
    if (load !== undefined) await sleep(onsetSeconds * 1_000);
    const startedAt = performance.now();
    const cpuBefore = cpuSeconds(target.pid);
    const commands = [ask(fresh, `new ${tries} ${triesPerSecond}`), ask(familiar, `known ${tries} ${triesPerSecond}`)];
    const [pingP99Ms, fromNew, fromKnown] = await Promise.all([
      target.pinged && pingP99(target.pinged, tries / triesPerSecond),
      ...commands,
    ]);
    if (fromNew === undefined || fromKnown === undefined) throw new Error('a load did not answer');
    const wallSeconds = (performance.now() - startedAt) / 1e3;
    const serverCpu = (cpuSeconds(target.pid) - cpuBefore) / wallSeconds;
    const serverMib = residentKib(target.pid) / 1_024;
    const report = load && (await reportOf(load));
    return {
      fromNew,
      ...(target.protocol === 'sstp' ? { fromKnown } : {}),
      ...(pingP99Ms === undefined ? {} : { pingP99Ms }),
      serverCpu,
      serverMib,
      openedPerSecond:
        report === undefined ? 0 : report.opened / ((performance.now() - startedAt) / 1e3 + onsetSeconds),
    };
  } finally {
    await load?.end();
  }
}

async function floodPlace(lab: Lab): Promise<Place> {
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

async function serveSstpd(program: string, data: string, place: Place): Promise<LineProcess> {
  const listen = ['--listen', `${SERVER_ADDRESS}:443`, '--listen', `[${SERVER_ADDRESS6}]:443`];
  const network = ['--host', SERVER_ADDRESS, '--pool', `${TUNNEL_NETWORK}/16`, '--dns', TUNNEL_SERVER, '--no-nat'];
  const command = [process.execPath, program, 'serve', '--data', data, ...listen, ...network];
  const server = new LineProcess(command, { netns: place.server, core: SERVER_CORE, env: ENV });
  await server.hear((line) => line.includes('"msg":"server.started"'));
  return server;
}

async function dial(program: string, data: string, place: Place): Promise<LineProcess> {
  const trust = ['--ca', join(data, 'ca.pem'), '--user', 'bench', '--json'];
  const command = [process.execPath, program, 'connect', SERVER_ADDRESS, ...trust];
  const netns = place.clients[1] ?? '';
  const session = new LineProcess(command, { netns, env: { SSTPD_PASSWORD: PASSWORD } });
  for (let tries = 0; tries < 60; tries += 1) {
    if ((await run(['ping', '-c', '1', '-W', '1', TUNNEL_SERVER], { netns }).catch(() => '')) !== '') return session;
    await sleep(250);
  }
  throw new Error(`the session did not come up: ${session.lastWords}`);
}

async function serveNginx(
  place: Place,
  file: string,
  { certificate, key }: { readonly certificate: string; readonly key: string },
): Promise<LineProcess> {
  const { writeFileSync } = await import('node:fs');
  writeFileSync(
    file,
    `daemon off; pid ${file}.pid; error_log stderr; user root; worker_processes 1;
events { worker_connections 768; }
http { access_log off; server { listen ${SERVER_ADDRESS}:443 ssl; listen [${SERVER_ADDRESS6}]:443 ssl;
  ssl_certificate ${certificate}; ssl_certificate_key ${key}; location / { return 200 "here"; } } }
`,
  );
  const server = new LineProcess(['nginx', '-c', file], { netns: place.server, core: SERVER_CORE });
  await sleep(1_000);
  return server;
}

async function floodLoad(
  place: Place,
  { kind, shape, rate, seconds }: Omit<FloodSettings, 'host' | 'port'>,
): Promise<LineProcess> {
  const host = shape === 'an IPv6 /48' ? SERVER_ADDRESS6 : SERVER_ADDRESS;
  const settings: FloodSettings = { kind, shape, host, port: 443, rate, seconds };
  const script = join(import.meta.dirname, 'flood-load.ts');
  const load = new LineProcess([process.execPath, script, JSON.stringify(settings)], { netns: place.clients[0] ?? '' });
  await load.hear((line) => line === 'flooding');
  return load;
}

async function reportOf(load: LineProcess): Promise<FloodReport> {
  const ended = load.end();
  const line = await load.hear((text) => text.startsWith('{'));
  await ended;
  return JSON.parse(line) as FloodReport;
}

async function cleanLoad(place: Place, { protocol, ca }: Target, first: number): Promise<LineProcess> {
  const account = { user: 'bench', password: PASSWORD };
  const settings: CleanSettings = { protocol, host: SERVER_ADDRESS, port: 443, ca, ...account, first };
  const script = join(import.meta.dirname, 'clean-load.ts');
  const load = new LineProcess([process.execPath, script, JSON.stringify(settings)], { netns: place.clients[0] ?? '' });
  await load.hear((line) => line === 'ready');
  return load;
}

async function ask(load: LineProcess, line: string): Promise<CleanReport> {
  load.tell(line);
  return JSON.parse(await load.hear((text) => text.startsWith('{'))) as CleanReport;
}

async function pingP99({ netns, inside }: NonNullable<Target['pinged']>, seconds: number): Promise<number> {
  const text = await run(['ping', '-n', '-i', '0.05', '-w', String(Math.ceil(seconds)), inside], { netns }).catch(
    (error: Error) => error.message,
  );
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms)).sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

export { KINDS, SHAPES };

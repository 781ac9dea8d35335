/** Server CPU per connect and memory per idle session, each beside a bare node:tls server in the same run. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from './lab.ts';
import { cpuSeconds, LineProcess, residentKib, SERVER_CORE } from './processes.ts';
import { addUser, PASSWORD, SERVER_ENV } from './vpn.ts';

const HOST = '127.0.0.1';
const SSTP_PORT = 443;
const TLS_PORT = 444;
/** Connections that the load is told to open before it has to say that they are. */
const AT_ONCE = 500;

export interface SessionsSize {
  readonly warmUp: number;
  readonly connects: number;
  /** Also how many there are when connects among others are measured. */
  readonly idle: number;
  readonly idleSeconds: number;
}

export interface SessionFigures {
  /** CPU seconds of the server for one connection, from TCP accept until it is up. */
  readonly cpuPerConnect: number;
  /** Connections per second that one core has time for. */
  readonly connectsPerCpuSecond: number;
  /** By the clock, eight at a time; the load has a core of its own and may be what is slower. */
  readonly connectsPerSecond: number;
  /** Resident KiB for one idle connection. */
  readonly kibPerIdle: number;
  /** The CPU seconds of a connection that joins many idle ones, and how many; absent from results of before. */
  readonly among?: { readonly idle: number; readonly cpuPerConnect: number };
}

export interface SessionsFigures {
  /** TLS, MS-CHAPv2, IPCP; no session is resumed. */
  readonly sstpd: SessionFigures;
  /** Another build of it, where there is one to compare with. */
  readonly against?: SessionFigures;
  /** Handshakes only, with the same certificate and TLS options. */
  readonly tls: SessionFigures;
}

/**
 * Server and load have a core each and share the loopback of a namespace.
 *
 * @param against another build's bin/sstpd.js
 */
export async function measureSessions(
  lab: Lab,
  program: string,
  against: string | undefined,
  size: SessionsSize,
): Promise<SessionsFigures> {
  const data = join(lab.folder, 'data-sessions');
  const place = await lab.direct(1, 'cubic');
  const inServerPlace = { netns: place.server, core: SERVER_CORE };
  const sstp = async (build: string): Promise<SessionFigures> => {
    // Each its own: what one build has stored another one need not read.
    const own = build === program ? data : `${data}-against`;
    addUser(build, own);
    const pool = ['--host', HOST, '--listen', `${HOST}:${SSTP_PORT}`, '--pool', '10.64.0.0/16'];
    const serve = [process.execPath, build, 'serve', '--data', own, ...pool, '--dns', '10.64.0.1', '--no-nat'];
    const server = new LineProcess(serve, { ...inServerPlace, env: SERVER_ENV });
    return measure(server, place.server, 'sstp', own, size);
  };
  try {
    const sstpd = await sstp(program);
    const other = against === undefined ? {} : { against: await sstp(against) };
    const reference = [process.execPath, join(import.meta.dirname, 'tls-reference.ts'), data, String(TLS_PORT)];
    const tls = await measure(new LineProcess(reference, inServerPlace), place.server, 'tls', data, size);
    return { sstpd, ...other, tls };
  } finally {
    await place.close();
  }
}

async function measure(
  server: LineProcess,
  netns: string,
  kind: 'sstp' | 'tls',
  data: string,
  size: SessionsSize,
): Promise<SessionFigures> {
  const port = String(kind === 'sstp' ? SSTP_PORT : TLS_PORT);
  const script = join(import.meta.dirname, 'session-load.ts');
  let load: LineProcess | undefined;
  try {
    await server.hear((line) => line === 'ready' || line.includes('"msg":"server.started"'));
    const sessions = new LineProcess([process.execPath, script, kind, port, join(data, 'ca.pem'), PASSWORD], { netns });
    load = sessions;
    const command = async (line: string): Promise<void> => {
      sessions.tell(line);
      await sessions.hear((answer) => answer === 'done');
    };
    const open = async (count: number): Promise<void> => {
      for (let left = count; left > 0; left -= AT_ONCE) await command(`open ${Math.min(left, AT_ONCE)}`);
    };
    await open(size.warmUp);
    await command('close');
    const cost = async (): Promise<{ cpuPerConnect: number; connectsPerSecond: number }> => {
      const cpuBefore = cpuSeconds(server.pid);
      const start = performance.now();
      await open(size.connects);
      const connectsPerSecond = size.connects / ((performance.now() - start) / 1e3);
      return { cpuPerConnect: (cpuSeconds(server.pid) - cpuBefore) / size.connects, connectsPerSecond };
    };
    const { cpuPerConnect, connectsPerSecond } = await cost();
    await command('close');
    const residentBefore = residentKib(server.pid);
    await open(size.idle);
    await sleep(size.idleSeconds * 1_000);
    const kibPerIdle = (residentKib(server.pid) - residentBefore) / size.idle;
    const among = { idle: size.idle, cpuPerConnect: (await cost()).cpuPerConnect };
    return { cpuPerConnect, connectsPerCpuSecond: 1 / cpuPerConnect, connectsPerSecond, kibPerIdle, among };
  } finally {
    await load?.end();
    await server.end();
  }
}

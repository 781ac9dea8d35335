import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, LineProcess, residentKib } from './processes.ts';

/** The limits that a release has to hold. */
const MOST_CPU_RATIO = 6;
const MOST_KIB_PER_SESSION = 120;

const PROGRAM = join(import.meta.dirname, '../bin/sstpd.js');
const PASSWORD = 'a password for the bench';
const SSTP_PORT = 443;
const TLS_PORT = 444;

interface Size {
  readonly warmUp: number;
  readonly connects: number;
  readonly idle: number;
  readonly idleSeconds: number;
}

const FULL: Size = { warmUp: 200, connects: 1_000, idle: 2_000, idleSeconds: 30 };
const QUICK: Size = { warmUp: 8, connects: 24, idle: 16, idleSeconds: 1 };

interface Figures {
  /** CPU seconds of the server for one connection, from TCP accept until it is up. */
  readonly cpuPerConnect: number;
  /** Resident KiB for one idle connection. */
  readonly kibPerIdle: number;
}

/**
 * Prints server CPU per connect and memory per idle session, each beside a bare node:tls server in the same run. Server
 * and load have a core each. Needs root, for a network namespace.
 *
 * @returns the exit status: 1 if a limit is not held (never with `isQuick`)
 */
export async function benchSessions({ isQuick }: { readonly isQuick: boolean }): Promise<number> {
  if (process.getuid?.() !== 0) {
    console.error('the bench makes a network namespace and needs root');
    return 1;
  }
  const size = isQuick ? QUICK : FULL;
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-bench-'));
  const namespace = `sstpd-bench-${process.pid}`;
  const ip = (...words: string[]): void => void execFileSync('ip', words);
  try {
    chmodSync(folder, 0o755); // the server becomes another user and has to pass through
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    const data = join(folder, 'data');
    addUser(data);
    const sstp = await measure(namespace, 'sstp', data, size);
    const tls = await measure(namespace, 'tls', data, size);
    return report(sstp, tls, size, isQuick);
  } finally {
    execFileSync('ip', ['netns', 'delete', namespace]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function addUser(data: string): void {
  execFileSync(process.execPath, [PROGRAM, 'user', 'add', 'bench', '--password-stdin', '--data', data], {
    input: `${PASSWORD}\n`,
  });
}

async function measure(namespace: string, kind: 'sstp' | 'tls', data: string, size: Size): Promise<Figures> {
  const inside = ['ip', 'netns', 'exec', namespace, process.execPath];
  const lastCore = Math.max(0, cpus().length - 1);
  const server =
    kind === 'sstp'
      ? new LineProcess([...inside, PROGRAM, 'serve', '--data', data, ...SERVER_FLAGS], { cpu: 0, env: SERVER_ENV })
      : new LineProcess([...inside, join(import.meta.dirname, 'tls-reference.ts'), data, String(TLS_PORT)], { cpu: 0 });
  await server.hear((line) => line === 'ready' || line.includes('"msg":"server.started"'));
  const port = kind === 'sstp' ? SSTP_PORT : TLS_PORT;
  const load = new LineProcess(
    [...inside, join(import.meta.dirname, 'session-load.ts'), kind, String(port), join(data, 'ca.pem'), PASSWORD],
    { cpu: lastCore },
  );
  try {
    const command = async (line: string): Promise<void> => {
      load.tell(line);
      await load.hear((answer) => answer === 'done');
    };
    await command(`open ${size.warmUp}`);
    await command('close');
    const cpuBefore = cpuSeconds(server.pid);
    await command(`open ${size.connects}`);
    const cpuPerConnect = (cpuSeconds(server.pid) - cpuBefore) / size.connects;
    await command('close');
    const residentBefore = residentKib(server.pid);
    await command(`open ${size.idle}`);
    await sleep(size.idleSeconds * 1_000);
    const kibPerIdle = (residentKib(server.pid) - residentBefore) / size.idle;
    return { cpuPerConnect, kibPerIdle };
  } finally {
    await load.end();
    await server.end();
  }
}

/** All sessions come from one address and belong to one user. */
const SERVER_FLAGS = [
  '--host',
  '127.0.0.1',
  '--listen',
  `127.0.0.1:${SSTP_PORT}`,
  '--pool',
  '10.64.0.0/16',
  '--dns',
  '10.64.0.1',
  '--no-nat',
];
const SERVER_ENV = {
  SSTPD_LOG_FORMAT: 'json',
  SSTPD_USERS_MAX_PER_USER: '10000',
  SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '10000',
};

function report(sstp: Figures, tls: Figures, size: Size, isQuick: boolean): number {
  const cpuRatio = sstp.cpuPerConnect / tls.cpuPerConnect;
  const row = (name: string, ours: string, reference: string, verdict: string): void =>
    console.log(`${name.padEnd(34)} ${ours.padStart(12)} ${reference.padStart(14)}   ${verdict}`);
  row('', 'sstpd', 'bare node:tls', '');
  const micros = (seconds: number): string => `${Math.round(seconds * 1e6)} us`;
  const kib = (value: number): string => `${value.toFixed(1)} KiB`;
  const isCpuHeld = cpuRatio <= MOST_CPU_RATIO;
  const isMemoryHeld = sstp.kibPerIdle < MOST_KIB_PER_SESSION;
  row(
    `server CPU per connect (${size.connects})`,
    micros(sstp.cpuPerConnect),
    micros(tls.cpuPerConnect),
    `ratio ${cpuRatio.toFixed(2)}, limit ${MOST_CPU_RATIO}: ${isCpuHeld ? 'held' : 'NOT HELD'}`,
  );
  row(
    `memory per idle session (${size.idle})`,
    kib(sstp.kibPerIdle),
    kib(tls.kibPerIdle),
    `limit ${MOST_KIB_PER_SESSION} KiB: ${isMemoryHeld ? 'held' : 'NOT HELD'}`,
  );
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const file = join(results, 'sessions.json');
  const summary = { date: new Date().toISOString(), node: process.version, size, sstp, tls, cpuRatio };
  if (isQuick) console.log('(--quick: these figures mean nothing)');
  else writeFileSync(file, `${JSON.stringify(summary, null, 2)}\n`);
  return isQuick || (isCpuHeld && isMemoryHeld) ? 0 : 1;
}

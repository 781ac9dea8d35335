/**
 * Clean clients beside a flood, in a process of its own: `node clean-load.ts JSON`. Each comes once from the next of its
 * addresses, and leaves when it is up. Says `ready`, then for each line `new COUNT PER_SECOND` or `known COUNT PER_SECOND`
 * a report: how many got in at the first try, and how long that took.
 */
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { SstpClient } from '../../client/index.ts';
import { systemClock } from '../../core/index.ts';
import { ChunkPool, PlainPath } from '../../datapath/index.ts';
import { MemoryTun } from '../../tun/index.ts';
import { cleanSource } from './shapes.ts';

export interface CleanSettings {
  /** A session of ours, or the answer to a GET. */
  readonly protocol: 'sstp' | 'https';
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly user: string;
  readonly password: string;
  /** Number of the first new address; those of earlier loads are known by now. */
  readonly first: number;
}

export interface CleanReport {
  readonly tries: number;
  readonly inAtFirst: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly longestMs: number;
  /** Why the others did not get in, with how many. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Addresses that come again and again. */
const KNOWN = 10;
/** As long as people wait. */
const TRY_MS = 10_000;

const settings = JSON.parse(process.argv[2] ?? '') as CleanSettings;
const caPem = readFileSync(settings.ca, 'utf8');
const chunks = new ChunkPool();
let next = KNOWN + settings.first;

type Try = { readonly ms: number; readonly failure: string | undefined };

/** A web server's clean visitor. */
async function visit(localAddress: string): Promise<Try> {
  const { host, port } = settings;
  const startedAt = performance.now();
  const failure = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ socket: connectTcp({ host, port, localAddress }), rejectUnauthorized: false });
    socket.once('secureConnect', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    socket.once('data', (bytes: Buffer) =>
      resolve(/^HTTP\/1\.1 [23]/.test(String(bytes)) ? undefined : String(bytes).slice(0, 12)),
    );
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed without an answer'));
    const timer = setTimeout(() => socket.destroy(new Error('no answer in 10 s')), TRY_MS);
    socket.once('close', () => clearTimeout(timer));
  });
  return { ms: performance.now() - startedAt, failure };
}

async function connectOnce(localAddress: string): Promise<Try> {
  const { host, port, user, password } = settings;
  const startedAt = performance.now();
  const client = new SstpClient({
    ...{ host, port, user, password, caPem, methods: ['mschapv2'] as const, clock: systemClock },
    path: new PlainPath({ tun: new MemoryTun(), clock: systemClock, chunks }),
    localAddress,
    onUp: ({ ipv4 }) => {
      if (ipv4 !== undefined) up('');
    },
  });
  let up: (failure: string) => void = () => {};
  const outcome = new Promise<string>((resolve) => {
    up = resolve;
  });
  void client.ended.then(({ reason, detail }) => up(`${reason}: ${detail}`.slice(0, 100)));
  const timer = setTimeout(() => up('not up in 10 s'), TRY_MS);
  client.start();
  const failure = await outcome;
  clearTimeout(timer);
  const ms = performance.now() - startedAt;
  client.disconnect('done');
  return { ms, failure: failure === '' ? undefined : failure };
}

function report(tries: readonly Try[]): CleanReport {
  const times = tries
    .filter(({ failure }) => failure === undefined)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
  const failures: Record<string, number> = {};
  for (const { failure } of tries) if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1;
  const longestMs = Math.round(times.at(-1) ?? 0);
  return {
    ...{ tries: tries.length, inAtFirst: times.length },
    ...{ medianMs: at(0.5), p95Ms: at(0.95), longestMs, failures },
  };
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [kind, count, perSecond] = line.split(' ');
  const tries: Promise<Try>[] = [];
  for (let i = 0; i < Number(count); i += 1) {
    const from = cleanSource(kind === 'known' ? i % KNOWN : next++);
    tries.push(settings.protocol === 'sstp' ? connectOnce(from) : visit(from));
    await sleep(1_000 / Number(perSecond));
  }
  console.log(JSON.stringify(report(await Promise.all(tries))));
}

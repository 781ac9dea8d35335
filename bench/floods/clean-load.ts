/**
 * Clean clients beside a flood, in a process of its own: `node clean-load.ts JSON`. Each comes once from the next of its
 * addresses, and leaves when it is up. Says `ready`, then for each line `new COUNT PER_SECOND` or `known COUNT PER_SECOND`
 * a report: how many got in at the first try, and how long that took.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CleanSettings, cleanClient, type Try } from './clients.ts';
import { cleanSource, cleanSource6, neighbourSource6 } from './shapes.ts';

export type { CleanSettings };

export interface CleanReport {
  readonly tries: number;
  readonly inAtFirst: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly longestMs: number;
  /** By how much this process itself was late, p99: what it says of the server is no better than that. */
  readonly ownDelayMs: number;
  /** Why the others did not get in, with how many. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Addresses that come again and again. */
const KNOWN = 10;
const SAMPLE_MS = 10;

const settings = JSON.parse(process.argv[2] ?? '') as CleanSettings;
const come = cleanClient(settings);
const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
const [fresh, known] = settings.family === 6 ? [cleanSource6, neighbourSource6] : [cleanSource, cleanSource];
let next = KNOWN + settings.first;

function report(tries: readonly Try[]): CleanReport {
  const times = tries
    .filter(({ failure }) => failure === undefined)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
  const failures: Record<string, number> = {};
  for (const { failure } of tries) if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1;
  const longestMs = Math.round(times.at(-1) ?? 0);
  const ownDelayMs = Math.max(0, Math.round(delay.percentile(99) / 1e6 - SAMPLE_MS));
  return {
    ...{ tries: tries.length, inAtFirst: times.length },
    ...{ medianMs: at(0.5), p95Ms: at(0.95), longestMs, ownDelayMs, failures },
  };
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [kind, count, perSecond] = line.split(' ');
  delay.reset();
  delay.enable();
  const tries: Promise<Try>[] = [];
  for (let i = 0; i < Number(count); i += 1) {
    tries.push(come(kind === 'known' ? known(i % KNOWN) : fresh(next++)));
    await sleep(1_000 / Number(perSecond));
  }
  const done = await Promise.all(tries);
  delay.disable();
  console.log(JSON.stringify(report(done)));
}

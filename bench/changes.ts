/** A line that changes in the middle of a download: does the sender find the new rate, and how long is the lag? */
import type { Lab, Line } from './lab.ts';
import { type EachPing, IPERF_PORT, iperfServer, pingEach, type Tunnel, withTunnels } from './measure.ts';
import { LineProcess } from './processes.ts';
import type { Vpn } from './vpn.ts';

export interface NamedChange {
  readonly name: string;
  readonly title: string;
  /** The lines one after the other, each for the same time. */
  readonly phases: readonly { readonly title: string; readonly line: Line }[];
  /** Share of the line that the stream has to have in the second half of each phase. */
  readonly leastSettled: number;
  /** Within so long after each change the lag has to be gone. */
  readonly mostCalmMs: number;
}

const HOME: Line = { mbits: 100, roundTripMs: 20, queueMs: 50, loss: 0 };
/** The router keeps its buffer of 625 KB, which is now five times as long. */
const SLOWER: Line = { ...HOME, mbits: 20, queueMs: 250 };
const FARTHER: Line = { ...HOME, roundTripMs: 100 };

export const CHANGES: readonly NamedChange[] = [
  {
    name: 'rate',
    title: 'the rate falls from 100 to 20 Mbit/s and comes back',
    leastSettled: 0.85,
    mostCalmMs: 3_000,
    phases: [
      { title: '100 Mbit/s', line: HOME },
      { title: '20 Mbit/s', line: SLOWER },
      { title: '100 Mbit/s again', line: HOME },
    ],
  },
  {
    name: 'round-trip',
    title: 'the round trip grows from 20 to 100 ms and comes back',
    // The stream begins with the window of the short path, and cubic takes more than a phase to make it five times as
    // long. A sender that lost its way on top of that had a tenth.
    leastSettled: 0.2,
    mostCalmMs: 3_000,
    phases: [
      { title: '20 ms', line: HOME },
      { title: '100 ms', line: FARTHER },
      { title: '20 ms again', line: HOME },
    ],
  },
];

export interface PhaseFigures {
  readonly title: string;
  readonly lineMbits: number;
  readonly lineRoundTripMs: number;
  /** Of the whole phase, and of its second half. */
  readonly mbits: number;
  readonly settledMbits: number;
  /** Round trips in its second half, and the longest of all. */
  readonly settledPing: { readonly median: number; readonly p95: number };
  readonly longestPingMs: number;
  /** Until the stream has so much of the line; the phase's length if it never does. */
  readonly fullAfterMs: number;
  /** Until the lag stays small; the phase's length if it never does. */
  readonly calmAfterMs: number;
}

/** Half a second of the run. */
export interface Moment {
  /** From the start of the first phase to the end of this half second. */
  readonly atMs: number;
  /** -1 if the stream said nothing, as at its end. */
  readonly mbits: number;
  /** Median; -1 if no ping was answered. */
  readonly pingMs: number;
}

export interface ChangeFigures {
  readonly phaseMs: number;
  readonly phases: readonly PhaseFigures[];
  readonly moments: readonly Moment[];
}

const STEP_MS = 500;
const FULL_SHARE = 0.8;
/** Above the line's own round trip: twice what CoDel and the cap allow at 20 Mbit/s. */
export const CALM_MS = 25;

export async function measureChange(
  lab: Lab,
  vpn: Vpn,
  change: NamedChange,
  size: { readonly phaseSeconds: number; readonly congestion: string },
): Promise<ChangeFigures> {
  const [first] = change.phases;
  const place = await lab.behindLine(first?.line ?? HOME, size.congestion);
  try {
    return await withTunnels(lab, vpn, place, async (tunnel) => {
      const phaseMs = size.phaseSeconds * 1e3;
      const { rates, pings, starts } = await load(tunnel, change, phaseMs);
      const phases = change.phases.map(({ title, line }, i) =>
        phaseFigures({ title, line, from: starts[i] ?? 0, phaseMs, rates, pings }),
      );
      return { phaseMs, phases, moments: momentsOf(starts[0] ?? 0, phaseMs * phases.length, rates, pings) };
    });
  } finally {
    await place.close();
  }
}

interface Rate {
  /** End of the interval, in milliseconds since 1970. */
  readonly until: number;
  readonly mbits: number;
}

const now = (): number => performance.timeOrigin + performance.now();

/** One stream through all phases, pings beside it, and the line changed at their borders. */
async function load(tunnel: Tunnel, change: NamedChange, phaseMs: number) {
  const { place, serving } = tunnel;
  const server = await iperfServer(place.server, IPERF_PORT);
  const seconds = (change.phases.length * phaseMs) / 1e3;
  const words = ['-p', String(IPERF_PORT), '-t', String(seconds), '-C', 'cubic', '-R', '-f', 'k'];
  const client = new LineProcess(
    ['iperf3', '-c', serving.inside, ...words, '-i', String(STEP_MS / 1e3), '--forceflush'],
    { netns: place.clients[0] ?? '' },
  );
  try {
    await client.hear((line) => line.includes('local') && line.includes('connected'));
    const starts = [now()];
    const streamed = readRates(client);
    const pinged = pingEach(tunnel, seconds);
    for (const promise of [streamed, pinged]) promise.catch(() => {}); // told below
    for (const { line } of change.phases.slice(1)) {
      const next = (starts[0] ?? 0) + starts.length * phaseMs;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - now())));
      await place.change(line);
      starts.push(now());
    }
    return { rates: await streamed, pings: await pinged, starts };
  } finally {
    await client.end();
    await server.end();
  }
}

/** What iperf3 says at the end of each interval, with the time at which it does. */
async function readRates(client: LineProcess): Promise<Rate[]> {
  const rates: Rate[] = [];
  for (;;) {
    const line = await client.hear((text) => /bits\/sec|iperf3: |iperf Done/.test(text));
    if (line.includes('iperf3: ')) throw new Error(line);
    if (line.includes('iperf Done')) return rates;
    if (/sender|receiver/.test(line)) continue;
    const kbits = Number(/([\d.]+) Kbits\/sec/.exec(line)?.[1]);
    if (Number.isFinite(kbits)) rates.push({ until: now(), mbits: kbits / 1e3 });
  }
}

interface PhaseInput {
  readonly title: string;
  readonly line: Line;
  readonly from: number;
  readonly phaseMs: number;
  readonly rates: readonly Rate[];
  readonly pings: readonly EachPing[];
}

/** From its start in milliseconds since 1970, and for so long. */
export function phaseFigures({ title, line, from, phaseMs, rates, pings }: PhaseInput): PhaseFigures {
  const middle = from + phaseMs / 2;
  const end = from + phaseMs;
  // An interval belongs to the phase in which it lies with its larger part.
  const own = rates.filter(({ until }) => until - STEP_MS / 2 >= from && until - STEP_MS / 2 < end);
  const settled = own.filter(({ until }) => until - STEP_MS / 2 >= middle);
  const full = own.find(({ mbits }) => mbits >= FULL_SHARE * line.mbits);
  const answered = (since: number): number[] =>
    pings.filter(([at, ms]) => ms >= 0 && at >= since && at < end).map(([, ms]) => ms);
  const lags = Array.from({ length: Math.round(phaseMs / STEP_MS) }, (_, i) => {
    const since = from + i * STEP_MS;
    return medianOf(pings.filter(([at, ms]) => ms >= 0 && at >= since && at < since + STEP_MS).map(([, ms]) => ms));
  });
  // No answer at all is lag, too.
  const lastLag = lags.findLastIndex((ms) => ms < 0 || ms > line.roundTripMs + CALM_MS);
  const sorted = answered(middle).sort((a, b) => a - b);
  return {
    title,
    lineMbits: line.mbits,
    lineRoundTripMs: line.roundTripMs,
    mbits: meanOf(own),
    settledMbits: meanOf(settled),
    settledPing: { median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) },
    longestPingMs: Math.max(0, ...answered(from)),
    fullAfterMs: full === undefined ? phaseMs : Math.max(0, full.until - from),
    calmAfterMs: (lastLag + 1) * STEP_MS,
  };
}

function momentsOf(start: number, length: number, rates: readonly Rate[], pings: readonly EachPing[]): Moment[] {
  return Array.from({ length: Math.round(length / STEP_MS) }, (_, i) => {
    const from = start + i * STEP_MS;
    const lies = (at: number): boolean => at >= from && at < from + STEP_MS;
    const own = rates.filter(({ until }) => lies(until - STEP_MS / 2));
    const pingMs = medianOf(pings.filter(([at, ms]) => ms >= 0 && lies(at)).map(([, ms]) => ms));
    return { atMs: (i + 1) * STEP_MS, mbits: own.length === 0 ? -1 : meanOf(own), pingMs };
  });
}

function meanOf(rates: readonly Rate[]): number {
  return rates.length === 0 ? 0 : rates.reduce((sum, { mbits }) => sum + mbits, 0) / rates.length;
}

function medianOf(values: readonly number[]): number {
  return values.length === 0
    ? -1
    : quantile(
        [...values].sort((a, b) => a - b),
        0.5,
      );
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export function changeTitle(name: string): string {
  return CHANGES.find((one) => one.name === name)?.title ?? name;
}

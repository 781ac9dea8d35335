/** A home line: throughput and round trips under load, and the time to connect, each VPN on the same line. */
import { join } from 'node:path';
import { countRoundTrips, readCapture } from './capture.ts';
import { type Lab, type Line, type LineReport, type Place, SERVER_ADDRESS } from './lab.ts';
import { DIRECTIONS, type Direction, type PingFigures, ping, type TcpFigures, tcp, withTunnels } from './measure.ts';
import { LineProcess } from './processes.ts';
import { addressTowards, type Vpn } from './vpn.ts';

export interface NamedLine extends Line {
  readonly name: string;
  readonly title: string;
}

const ROUND_TRIP_MS = 20;

/** Rate, the router's queue, and on the last one random loss each way. */
export const LINES: readonly NamedLine[] = [
  line(100, 50, 0),
  line(100, 200, 0),
  line(20, 50, 0),
  line(20, 200, 0),
  line(100, 50, 0.01),
];

function line(mbits: number, queueMs: number, loss: number): NamedLine {
  const name = `${mbits}-${queueMs}${loss === 0 ? '' : '-loss'}`;
  const lossText = loss === 0 ? '' : `, ${loss * 100} % loss`;
  const title = `${mbits} Mbit/s, ${queueMs} ms queue${lossText}`;
  return { name, title, mbits, roundTripMs: ROUND_TRIP_MS, queueMs, loss };
}

export interface LineFigures {
  readonly idle: PingFigures;
  readonly down: TcpFigures;
  readonly up: TcpFigures;
  readonly line: LineReport | undefined;
}

/** The relay keeps far below that on a quiet machine, but nobody can be on time while the hypervisor runs others. */
const MOST_LATE_US = 1_000;

/**
 * Measures again if the line itself was late, and keeps the best of the attempts.
 *
 * @param size.congestion outer congestion control of TCP connections that choose none themselves
 */
export async function measureLine(
  lab: Lab,
  vpn: Vpn,
  on: NamedLine,
  size: { readonly seconds: number; readonly congestion: string; readonly attempts: number },
): Promise<LineFigures> {
  let best = await measureOnce(lab, vpn, on, size);
  for (let i = 1; i < size.attempts && latenessOf(best) > MOST_LATE_US; i += 1) {
    const again = await measureOnce(lab, vpn, on, size);
    if (latenessOf(again) < latenessOf(best)) best = again;
  }
  return best;
}

function latenessOf({ line: report }: LineFigures): number {
  return report === undefined ? Number.POSITIVE_INFINITY : Math.max(report.aToB.lateUs.p99, report.bToA.lateUs.p99);
}

async function measureOnce(
  lab: Lab,
  vpn: Vpn,
  on: NamedLine,
  size: { readonly seconds: number; readonly congestion: string },
): Promise<LineFigures> {
  const place = await lab.behindLine(on, size.congestion);
  let line: LineReport | undefined;
  try {
    const figures = await withTunnels(lab, vpn, place, async (tunnel) => {
      const idle = await ping(tunnel, Math.min(3, size.seconds));
      const loaded: Partial<Record<Direction, TcpFigures>> = {};
      for (const direction of DIRECTIONS) loaded[direction] = await tcp(tunnel, direction, size.seconds);
      return { idle, ...loaded } as { idle: PingFigures; down: TcpFigures; up: TcpFigures };
    });
    line = await place.close();
    return { ...figures, line };
  } finally {
    await place.close();
  }
}

export interface ConnectFigures {
  /** From starting the client to the first answered ping; median of the runs. */
  readonly ms: number;
  /** Of the same run: in the capture, with the ping's own. */
  readonly roundTrips: number;
  /** What of the time is no round trip: programs that start, arithmetic. */
  readonly restMs: number;
  /** Of that, until the client's first packet. */
  readonly startMs: number;
  readonly runs: readonly ConnectRun[];
}

interface ConnectRun {
  readonly ms: number;
  readonly startMs: number;
  readonly roundTrips: number;
}

export function titleOf(name: string): string {
  return LINES.find((one) => one.name === name)?.title ?? name;
}

const PING_INTERVAL_US = '1000';
const TIMEOUT_S = '30';

/** Connects a few times over an idle line of 100 Mbit/s. */
export async function measureConnect(
  lab: Lab,
  vpn: Vpn,
  size: { readonly runs: number; readonly congestion: string },
): Promise<ConnectFigures> {
  const on = line(100, 50, 0);
  const place = await lab.behindLine(on, size.congestion);
  const serving = await vpn.serve(place.server).catch(async (error: unknown) => {
    await place.close();
    throw error;
  });
  try {
    const runs: ConnectRun[] = [];
    for (let i = 0; i < size.runs; i += 1) {
      const file = join(lab.folder, `connect-${i}.pcap`);
      const { start, end, packets } = await connectOnce(lab, place, serving, file);
      const startMs = (packets.find(({ isFromClient }) => isFromClient)?.at ?? end) - start;
      runs.push({ ms: end - start, startMs, roundTrips: countRoundTrips(packets, on.roundTripMs, end) });
    }
    const middle = [...runs].sort((a, b) => a.ms - b.ms)[Math.floor(runs.length / 2)];
    if (middle === undefined) throw new Error('no run');
    return { ...middle, restMs: middle.ms - middle.roundTrips * on.roundTripMs, runs };
  } finally {
    await serving.stop();
    await place.close();
  }
}

async function connectOnce(lab: Lab, place: Place, serving: Awaited<ReturnType<Vpn['serve']>>, file: string) {
  const netns = place.clients[0] ?? '';
  const ownAddress = await addressTowards(netns, SERVER_ADDRESS);
  // -Z root: it would become another user, who may not write here.
  const tcpdump = ['tcpdump', '-Z', 'root', '-i', 'up0', '-n', '-U', '--immediate-mode', '-s', '96', '-w', file];
  const capture = new LineProcess(tcpdump, { netns });
  let client: LineProcess | undefined;
  try {
    await capture.hear((text) => text.includes('listening on'));
    const first = [lab.tools, 'ping', serving.inside, PING_INTERVAL_US, TIMEOUT_S, 'first'];
    const prober = new LineProcess(first, { netns });
    await prober.hear((text) => text === 'ready');
    const start = performance.timeOrigin + performance.now();
    client = await serving.dial(netns, 0);
    const { answered, firstAnswerRealtimeMs: end } = JSON.parse(
      await prober.hear((text) => text.startsWith('{')),
    ) as PingFigures;
    if (answered === 0) throw new Error(`no answer within ${TIMEOUT_S} s`);
    await capture.end();
    return { start, end, packets: readCapture(file, ownAddress) };
  } finally {
    await client?.end();
    await capture.end();
  }
}

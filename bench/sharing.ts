/** Who shares what: several bulk flows of one client, and a fast client beside many that do not keep up. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab, Line } from './lab.ts';
import {
  DIRECTIONS,
  type Direction,
  IPERF_PORT,
  iperfServer,
  type PingFigures,
  ping,
  pingBeside,
  type TcpFigures,
  type Tunnel,
  tcp,
  withTunnels,
} from './measure.ts';
import { LineProcess, run } from './processes.ts';
import { addressTowards, type Vpn } from './vpn.ts';

export interface FlowsFigures {
  readonly flows: number;
  readonly idle: PingFigures;
  readonly down: SharedFigures;
  readonly up: SharedFigures;
}

export interface SharedFigures {
  /** Of all flows together. */
  readonly mbits: number;
  /** Least and most of one flow. */
  readonly least: number;
  readonly most: number;
  /** Jain's index of the flows: 1 if all have the same, 1/n if one has all. */
  readonly fairness: number;
  readonly ping: PingFigures;
}

const FLOWS_LINE: Line = { mbits: 100, roundTripMs: 20, queueMs: 50, loss: 0 };

/** Several TCP streams of one client over one home line. */
export async function measureFlows(
  lab: Lab,
  vpn: Vpn,
  size: { readonly flows: number; readonly seconds: number; readonly congestion: string },
): Promise<FlowsFigures> {
  const place = await lab.behindLine(FLOWS_LINE, size.congestion);
  try {
    return await withTunnels(lab, vpn, place, async (tunnel) => {
      const idle = await ping(tunnel, Math.min(3, size.seconds));
      const loaded: Partial<Record<Direction, SharedFigures>> = {};
      for (const direction of DIRECTIONS) loaded[direction] = await share(tunnel, direction, size);
      return { flows: size.flows, idle, ...loaded } as FlowsFigures;
    });
  } finally {
    await place.close();
  }
}

interface IperfStreams {
  readonly error?: string;
  readonly end: { readonly streams: readonly { readonly receiver: { readonly bits_per_second: number } }[] };
}

async function share(
  tunnel: Tunnel,
  direction: Direction,
  { flows, seconds }: { readonly flows: number; readonly seconds: number },
): Promise<SharedFigures> {
  const { place, serving } = tunnel;
  const server = await iperfServer(place.server, IPERF_PORT);
  try {
    const beside = pingBeside(tunnel, seconds);
    const words = ['-p', String(IPERF_PORT), '-t', String(seconds), '-P', String(flows), '-C', 'cubic', '-J'];
    const command = ['iperf3', '-c', serving.inside, ...words, ...(direction === 'down' ? ['-R'] : [])];
    const { error, end } = JSON.parse(await run(command, { netns: place.clients[0] ?? '' })) as IperfStreams;
    if (error !== undefined) throw new Error(`iperf3: ${error}`);
    const rates = end.streams.map(({ receiver }) => receiver.bits_per_second / 1e6);
    return {
      mbits: rates.reduce((sum, rate) => sum + rate, 0),
      least: Math.min(...rates),
      most: Math.max(...rates),
      fairness: fairnessOf(rates),
      ping: await beside,
    };
  } finally {
    await server.end();
  }
}

/** R. Jain, D. Chiu, W. Hawe, DEC-TR-301 (1984). */
export function fairnessOf(rates: readonly number[]): number {
  const sum = rates.reduce((all, rate) => all + rate, 0);
  const squares = rates.reduce((all, rate) => all + rate * rate, 0);
  return squares === 0 ? 0 : (sum * sum) / (rates.length * squares);
}

export interface SlowFigures {
  /** Clients that do not keep up: half of them on a slow line, half of them stopped. */
  readonly slow: number;
  readonly alone: FastFigures;
  readonly beside: FastFigures;
  /** What the slow ones cost, in MiB of the server's resident memory. */
  readonly mebibytes: number;
}

export interface FastFigures {
  readonly down: TcpFigures;
}

const SLOW_LINE: Line = { mbits: 1, roundTripMs: 40, queueMs: 200, loss: 0 };
/** More than twice what the slow lines carry. */
const FLOOD = { pps: 250, payload: 1_300 };
const FLOOD_PORT = 6_100;
const FLOOD_LEAD_MS = 2_000;

/**
 * A fast client's download alone, and while as many packets as they can't take are sent to all the others. On a home
 * line, because without one the load of all the others would take its rate by keeping its processor busy.
 */
export async function measureSlow(
  lab: Lab,
  vpn: Vpn,
  size: { readonly slow: number; readonly seconds: number; readonly congestion: string },
): Promise<SlowFigures> {
  const onSlowLine = Math.ceil(size.slow / 2);
  const lines = [FLOWS_LINE, ...Array.from({ length: size.slow }, (_, i) => (i < onSlowLine ? SLOW_LINE : undefined))];
  const place = await lab.behindLines(lines, size.congestion);
  try {
    return await withTunnels(lab, vpn, place, async (tunnel) => {
      const { clients, serving } = tunnel;
      // One download of the fast one alone reads only the first client's part of the tunnel.
      const first: Tunnel = { ...tunnel, place: { ...place, clients: place.clients.slice(0, 1) } };
      const alone = { down: await tcp(first, 'down', size.seconds) };
      const stopped = clients.slice(1 + onSlowLine);
      for (const client of stopped) client?.signal('SIGSTOP');
      const before = serving.residentKib();
      const flood = await floodAll(tunnel, size.seconds + FLOOD_LEAD_MS / 1e3 + 2);
      try {
        await sleep(FLOOD_LEAD_MS);
        const beside = { down: await tcp(first, 'down', size.seconds) };
        const mebibytes = (serving.residentKib() - before) / 1024;
        return { slow: size.slow, alone, beside, mebibytes };
      } finally {
        for (const client of stopped) client?.signal('SIGCONT');
        await Promise.all(flood.map((sender) => sender.end()));
      }
    });
  } finally {
    await place.close();
  }
}

/** A steady stream of UDP from the server's network to each client but the first. */
async function floodAll({ lab, place, serving }: Tunnel, seconds: number): Promise<LineProcess[]> {
  const senders: LineProcess[] = [];
  for (const client of place.clients.slice(1)) {
    const target = await addressTowards(client, serving.inside);
    const words = [target, FLOOD_PORT, FLOOD.pps, seconds, FLOOD.payload].map(String);
    senders.push(new LineProcess([lab.tools, 'udp-send', ...words], { netns: place.server }));
  }
  return senders;
}

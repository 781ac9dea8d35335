/** Tunnels without a bottleneck but the processors: one, many at once, and small packets. */
import type { Lab } from './lab.ts';
import {
  bothWays,
  type Direction,
  highestRate,
  type PingFigures,
  ping,
  type RateFigures,
  type TcpFigures,
  type Tunnel,
  tcp,
  type UdpFigures,
  udp,
  withTunnels,
} from './measure.ts';
import type { Vpn } from './vpn.ts';

export interface SingleFigures {
  readonly idle: PingFigures;
  readonly tcp: { readonly down: TcpFigures; readonly up: TcpFigures };
  /** The highest rate of large packets that was held. */
  readonly udp: { readonly down: RateFigures; readonly up: RateFigures };
}

export interface ManyFigures {
  readonly tunnels: number;
  readonly down: TcpFigures;
  readonly up: TcpFigures;
}

export interface SmallFigures {
  /** The highest rate that was held. */
  readonly down: RateFigures;
  readonly up: RateFigures;
  /** At one rate that all can hold: only there CPU per packet can be compared, for batches grow with the rate. */
  readonly atOneRate: { readonly down: UdpFigures; readonly up: UdpFigures };
}

/** Durations, in seconds. */
export interface ThroughputSize {
  readonly tcp: number;
  readonly probe: number;
  readonly confirm: number;
  readonly tunnels: number;
  /** For the search of a rate: see RateSearch. */
  readonly closeEnough: number;
  readonly mostPps: number;
}

const MOST_LOSS = 0.001;
/** Fits a tunnel's MTU with room for IPv4 and UDP. */
const LARGE_PAYLOAD = 1_300;
const SMALL_PAYLOAD = 64;
const COMMON_PPS = 10_000;

export async function measureSingle(lab: Lab, vpn: Vpn, size: ThroughputSize): Promise<SingleFigures> {
  return inTunnels(lab, vpn, 1, async (tunnel) => ({
    idle: await ping(tunnel, Math.min(5, size.tcp)),
    tcp: await bothWays((direction) => tcp(tunnel, direction, size.tcp)),
    udp: await bothWays((direction) => highestRate(tunnel, direction, searchOf(LARGE_PAYLOAD, size))),
  }));
}

/** One TCP stream through one tunnel. */
export function measureStream(lab: Lab, vpn: Vpn, size: ThroughputSize): Promise<Record<Direction, TcpFigures>> {
  return inTunnels(lab, vpn, 1, (tunnel) => bothWays((direction) => tcp(tunnel, direction, size.tcp)));
}

export async function measureMany(lab: Lab, vpn: Vpn, size: ThroughputSize): Promise<ManyFigures> {
  return inTunnels(lab, vpn, size.tunnels, async (tunnel) => ({
    tunnels: size.tunnels,
    ...(await bothWays((direction) => tcp(tunnel, direction, size.tcp))),
  }));
}

export async function measureSmall(lab: Lab, vpn: Vpn, size: ThroughputSize): Promise<SmallFigures> {
  const load = { pps: COMMON_PPS, seconds: size.confirm, payload: SMALL_PAYLOAD };
  return inTunnels(lab, vpn, 1, async (tunnel) => ({
    ...(await bothWays((direction) => highestRate(tunnel, direction, searchOf(SMALL_PAYLOAD, size)))),
    atOneRate: await bothWays((direction) => udp(tunnel, direction, load)),
  }));
}

function searchOf(payload: number, size: ThroughputSize) {
  return {
    payload,
    startPps: 10_000,
    mostLoss: MOST_LOSS,
    probeSeconds: size.probe,
    confirmSeconds: size.confirm,
    closeEnough: size.closeEnough,
    mostPps: size.mostPps,
  };
}

async function inTunnels<T>(lab: Lab, vpn: Vpn, count: number, work: (tunnel: Tunnel) => Promise<T>): Promise<T> {
  const place = await lab.direct(count, 'cubic');
  try {
    return await withTunnels(lab, vpn, place, work);
  } finally {
    await place.close();
  }
}

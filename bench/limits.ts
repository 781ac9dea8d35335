/** The limits that a release has to hold. Only ratios of one run count, except where a line sets the measure. */
import { CALM_MS, CHANGES, type ChangeFigures } from './changes.ts';
import { LINES } from './home-line.ts';
import { DIRECTIONS, type RateFigures } from './measure.ts';
import { OURS, OURS_PLAIN, type Results } from './results.ts';

export interface Limit {
  readonly target: string;
  readonly reached: string;
  readonly reference: string;
  readonly verdict: 'held' | 'NOT HELD' | 'not measured' | 'not judged';
}

/** Whose throughput and processor time are the measure of ours. */
export const RIVALS: readonly string[] = ['openvpn-tcp', 'ocserv'];

const MOST_ADDED_PING_MS = 15;
const LEAST_SHARE_OF_LINE = 0.88;
const LOSSY_MBITS = 75;
const LOSSY_P95_MS = 80;
const CONNECT_ROUND_TRIPS = 8;
const CONNECT_REST_MS = 100;
const ROUND_TRIP_MS = 20;
const HANDSHAKE_SHARE = 1 / 6;
const MOST_KIB_PER_SESSION = 120;
const LEAST_FAIRNESS = 0.95;
const LEAST_KEPT = 0.95;

export function judge(results: Results): Limit[] {
  return [
    ...throughput(results),
    ...plain(results),
    ...smallPackets(results),
    ...sessions(results),
    ...lines(results),
    connect(results),
    ...changes(results),
    ...sharing(results),
  ];
}

interface Ratio {
  readonly target: string;
  readonly ours: number | undefined;
  readonly peer: number | undefined;
  readonly peerName: string;
  readonly unit: string;
  /** The ratio ours to peer's must be at least so, */
  readonly least?: number;
  /** or at most so. */
  readonly most?: number;
}

function ratio({ target, ours, peer, peerName, unit, least, most }: Ratio): Limit {
  const text = (value: number | undefined): string => (value === undefined ? '-' : `${short(value)} ${unit}`);
  const reference = `${peerName} ${text(peer)}`;
  if (ours === undefined || peer === undefined || peer === 0) {
    return { target, reached: text(ours), reference, verdict: 'not measured' };
  }
  const value = ours / peer;
  const isHeld = least !== undefined ? value >= least : value <= (most ?? Number.POSITIVE_INFINITY);
  return { target, reached: `${text(ours)}, ratio ${value.toFixed(2)}`, reference, verdict: verdict(isHeld) };
}

function throughput({ single }: Results): Limit[] {
  return RIVALS.flatMap((peerName) =>
    DIRECTIONS.flatMap((direction) => {
      const [ours, peer] = [single[OURS]?.tcp[direction], single[peerName]?.tcp[direction]];
      return [
        ratio({
          target: `single tunnel ${direction} >= 10 x ${peerName}`,
          ours: ours?.mbits,
          peer: peer?.mbits,
          peerName,
          unit: 'Mbit/s',
          least: 10,
        }),
        ratio({
          target: `server CPU ${direction} <= 1/10 of ${peerName}`,
          ours: ours?.serverCpuPerGb,
          peer: peer?.serverCpuPerGb,
          peerName,
          unit: 's/GB',
          most: 0.1,
        }),
      ];
    }),
  );
}

function plain({ single }: Results): Limit[] {
  return DIRECTIONS.map((direction) =>
    ratio({
      target: `no TUN offload, ${direction} >= ${direction === 'down' ? 5 : 3} x openvpn-tcp`,
      ours: single[OURS_PLAIN]?.tcp[direction].mbits,
      peer: single['openvpn-tcp']?.tcp[direction].mbits,
      peerName: 'openvpn-tcp',
      unit: 'Mbit/s',
      least: direction === 'down' ? 5 : 3,
    }),
  );
}

function smallPackets({ small }: Results): Limit[] {
  const peerName = 'openvpn-udp';
  return DIRECTIONS.flatMap((direction) => [
    ratio({
      target: `64-byte UDP ${direction} >= 2 x ${peerName}`,
      ours: heldRate(small[OURS]?.[direction]),
      peer: heldRate(small[peerName]?.[direction]),
      peerName,
      unit: 'packets/s',
      least: 2,
    }),
    ratio({
      target: `CPU per 64-byte packet ${direction} <= 1/2 of ${peerName}, at one rate`,
      ours: small[OURS]?.atOneRate[direction].serverCpuPerPacketUs,
      peer: small[peerName]?.atOneRate[direction].serverCpuPerPacketUs,
      peerName,
      unit: 'us',
      most: 0.5,
    }),
  ]);
}

function heldRate(figures: RateFigures | undefined): number | undefined {
  return figures?.isHeld === true ? figures.pps : undefined;
}

function sessions({ sessions: figures }: Results): Limit[] {
  const memory = figures?.sstpd.kibPerIdle;
  return [
    ratio({
      target: 'connect rate >= 1/6 of bare node:tls handshakes',
      ours: figures?.sstpd.connectsPerCpuSecond,
      peer: figures?.tls.connectsPerCpuSecond,
      peerName: 'node:tls',
      unit: 'per CPU second',
      least: HANDSHAKE_SHARE,
    }),
    {
      target: `memory per idle session < ${MOST_KIB_PER_SESSION} KiB`,
      reached: memory === undefined ? '-' : `${short(memory)} KiB`,
      reference: `node:tls ${figures === undefined ? '-' : short(figures.tls.kibPerIdle)} KiB`,
      verdict: memory === undefined ? 'not measured' : verdict(memory < MOST_KIB_PER_SESSION),
    },
  ];
}

function lines({ lines: figures }: Results): Limit[] {
  return LINES.flatMap(({ name, title, mbits, loss }) =>
    DIRECTIONS.filter((direction) => loss === 0 || direction === 'down').map((direction) => {
      const all = figures[name] ?? {};
      const ours = all[OURS];
      const rate = ours?.[direction].mbits ?? 0;
      const p95 = ours?.[direction].ping.p95 ?? 0;
      const added = p95 - (ours?.idle.median ?? 0);
      const isHeld =
        loss === 0
          ? rate >= LEAST_SHARE_OF_LINE * mbits && added <= MOST_ADDED_PING_MS
          : rate >= LOSSY_MBITS && p95 <= LOSSY_P95_MS;
      const wanted =
        loss === 0
          ? `p95 <= idle + ${MOST_ADDED_PING_MS} ms at >= ${LEAST_SHARE_OF_LINE * 100} %`
          : `>= ${LOSSY_MBITS} Mbit/s, p95 <= ${LOSSY_P95_MS} ms`;
      const text = (vpn: string): string => {
        const one = all[vpn];
        if (one === undefined) return `${vpn} -`;
        const { mbits: speed, ping } = one[direction];
        return `${vpn} ${short(speed)} Mbit/s, +${short(ping.p95 - one.idle.median)} ms`;
      };
      return {
        target: `${title}, ${direction}: ${wanted}`,
        reached: ours === undefined ? '-' : `${short(rate)} Mbit/s, p95 ${short(p95)} ms (+${short(added)})`,
        reference: text('openvpn-tcp'),
        verdict: ours === undefined ? 'not measured' : verdict(isHeld),
      };
    }),
  );
}

/** A sender that has lost its way finds it again, and the lag with it. */
function changes({ changes: figures }: Results): Limit[] {
  return CHANGES.map(({ name, title, leastSettled, mostCalmMs }) => {
    const ours = figures[name]?.[OURS];
    const peer = figures[name]?.['openvpn-tcp'];
    const share = (of: ChangeFigures): number =>
      Math.min(...of.phases.slice(1).map(({ settledMbits, lineMbits }) => settledMbits / lineMbits));
    const calm = (of: ChangeFigures): number => Math.max(...of.phases.slice(1).map(({ calmAfterMs }) => calmAfterMs));
    const text = (of: ChangeFigures | undefined): string => {
      if (of === undefined) return '-';
      return `${Math.round(share(of) * 100)} %, calm after ${short(calm(of) / 1e3)} s`;
    };
    const isHeld = ours !== undefined && share(ours) >= leastSettled && calm(ours) <= mostCalmMs;
    return {
      target: `${title}: settled >= ${leastSettled * 100} % of the line, lag below ${CALM_MS} ms within ${mostCalmMs / 1e3} s`,
      reached: text(ours),
      reference: `openvpn-tcp ${text(peer)}`,
      verdict: ours === undefined ? 'not measured' : verdict(isHeld),
    };
  });
}

function sharing({ flows, slow }: Results): Limit[] {
  const shares = flows[OURS];
  const fairness = shares === undefined ? undefined : Math.min(shares.down.fairness, shares.up.fairness);
  const added = shares === undefined ? 0 : Math.max(shares.down.ping.p95, shares.up.ping.p95) - shares.idle.median;
  const beside = slow[OURS];
  const kept = beside === undefined ? undefined : beside.beside.down.mbits / beside.alone.down.mbits;
  const lag = beside === undefined ? 0 : beside.beside.down.ping.p95 - beside.alone.down.ping.p95;
  const peer = slow['openvpn-tcp'];
  return [
    {
      target: `${shares?.flows ?? 4} streams of one client: Jain's index >= ${LEAST_FAIRNESS}, p95 <= idle + ${MOST_ADDED_PING_MS} ms`,
      reached: fairness === undefined ? '-' : `${fairness.toFixed(3)}, +${short(added)} ms`,
      reference: `no tunnel ${flows['no tunnel']?.down.fairness.toFixed(3) ?? '-'}`,
      verdict:
        fairness === undefined ? 'not measured' : verdict(fairness >= LEAST_FAIRNESS && added <= MOST_ADDED_PING_MS),
    },
    {
      target: `beside ${beside?.slow ?? 20} stalled clients a fast one keeps >= ${LEAST_KEPT * 100} % of its rate, p95 <= + ${MOST_ADDED_PING_MS} ms`,
      reached: kept === undefined ? '-' : `${Math.round(kept * 100)} %, +${short(lag)} ms`,
      reference: `openvpn-tcp ${peer === undefined ? '-' : `${Math.round((peer.beside.down.mbits / peer.alone.down.mbits) * 100)} %`}`,
      verdict: kept === undefined ? 'not measured' : verdict(kept >= LEAST_KEPT && lag <= MOST_ADDED_PING_MS),
    },
  ];
}

function connect({ connect: figures }: Results): Limit {
  const most = CONNECT_ROUND_TRIPS * ROUND_TRIP_MS + CONNECT_REST_MS;
  const ours = figures[OURS];
  const text = (vpn: string): string => {
    const one = figures[vpn];
    return one === undefined ? '-' : `${short(one.ms)} ms, ${one.roundTrips} round trips + ${short(one.restMs)} ms`;
  };
  return {
    target: `first answered ping after <= ${CONNECT_ROUND_TRIPS} round trips of ${ROUND_TRIP_MS} ms + ${CONNECT_REST_MS} ms`,
    reached: text(OURS),
    reference: `ocserv ${text('ocserv')}`,
    verdict: ours === undefined ? 'not measured' : verdict(ours.ms <= most && ours.roundTrips <= CONNECT_ROUND_TRIPS),
  };
}

function verdict(isHeld: boolean): 'held' | 'NOT HELD' {
  return isHeld ? 'held' : 'NOT HELD';
}

/** Three digits, as more mean nothing. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

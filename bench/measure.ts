/** Single measurements through a tunnel that is up: TCP load, round trips, paced UDP. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab, Place } from './lab.ts';
import { LineProcess, run } from './processes.ts';
import { addressTowards, type Serving, type Vpn } from './vpn.ts';

/** As the user of the client sees it: `down` is server to client. */
export type Direction = 'down' | 'up';
export const DIRECTIONS: readonly Direction[] = ['down', 'up'];

/** One after the other. */
export async function bothWays<T>(measure: (direction: Direction) => Promise<T>): Promise<Record<Direction, T>> {
  const [down, up] = [await measure('down'), await measure('up')];
  return { down, up };
}

/** Round trips in milliseconds. */
export interface PingFigures {
  readonly sent: number;
  readonly answered: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Milliseconds since 1970; 0 if none came. */
  readonly firstAnswerRealtimeMs: number;
}

export interface TcpFigures {
  /** What the receiver's program got, in Mbit/s. */
  readonly mbits: number;
  readonly serverCpuPerGb: number;
  /** Of the TCP inside the tunnel. */
  readonly retransmits: number;
  readonly ping: PingFigures;
}

/** Both ends of a tunnel. */
export interface Tunnel {
  readonly lab: Lab;
  readonly vpn: Vpn;
  readonly place: Place;
  readonly serving: Serving;
  readonly clients: readonly (LineProcess | undefined)[];
}

const PING_INTERVAL_US = 10_000;
const CONNECT_TIMEOUT_S = 30;
export const IPERF_PORT = 5201;

/** Starts a server and a client in each client namespace, works with the tunnels, and ends all of it. */
export async function withTunnels<T>(
  lab: Lab,
  vpn: Vpn,
  place: Place,
  work: (tunnel: Tunnel) => Promise<T>,
): Promise<T> {
  const serving = await vpn.serve(place.server);
  const clients: (LineProcess | undefined)[] = [];
  try {
    for (const [index, client] of place.clients.entries()) {
      const dialled = await serving.dial(client, index);
      clients.push(dialled);
      await awaitAnswer(lab, client, serving.inside, dialled);
    }
    return await work({ lab, vpn, place, serving, clients });
  } finally {
    await Promise.all(clients.map((client) => client?.end()));
    await serving.stop();
  }
}

/** @throws {Error} if the address does not answer in time, with what the tunnel's client said */
async function awaitAnswer(
  lab: Lab,
  netns: string,
  address: string,
  client: LineProcess | undefined,
): Promise<PingFigures> {
  const ping = new LineProcess([lab.tools, 'ping', address, '2000', String(CONNECT_TIMEOUT_S), 'first'], { netns });
  const figures = JSON.parse(await ping.hear((line) => line.startsWith('{'))) as PingFigures;
  if (figures.answered === 0)
    throw new Error(`${address} did not answer within ${CONNECT_TIMEOUT_S} s: ${client?.lastWords ?? ''}`);
  return figures;
}

/** Round trips from the first client to the server's inside address. */
export async function ping({ lab, place, serving }: Tunnel, seconds: number): Promise<PingFigures> {
  const words = [lab.tools, 'ping', serving.inside, String(PING_INTERVAL_US), String(seconds)];
  const process = new LineProcess(words, { netns: place.clients[0] ?? '' });
  const line = await process.hear((text) => text.startsWith('{'));
  return JSON.parse(line) as PingFigures;
}

/** Round trips while something runs for so long, without its first second. Its rejection is for who awaits it. */
export function pingBeside(tunnel: Tunnel, seconds: number): Promise<PingFigures> {
  const lead = Math.min(1, seconds / 4);
  const figures = sleep(lead * 1e3).then(() => ping(tunnel, seconds - 1.5 * lead));
  figures.catch(() => {});
  return figures;
}

/** When each was sent, in milliseconds since 1970, and its round trip; -1 if no answer came. */
export type EachPing = readonly [sentAt: number, ms: number];

/** As `ping`, but every single round trip. */
export async function pingEach({ lab, place, serving }: Tunnel, seconds: number): Promise<readonly EachPing[]> {
  const words = [lab.tools, 'ping', serving.inside, String(PING_INTERVAL_US), String(seconds), 'each'];
  const process = new LineProcess(words, { netns: place.clients[0] ?? '' });
  const line = await process.hear((text) => text.startsWith('{'));
  return (JSON.parse(line) as { each: EachPing[] }).each;
}

/** One TCP stream (cubic, what most senders behind a VPN use) through each tunnel at once, and pings beside it. */
export async function tcp(tunnel: Tunnel, direction: Direction, seconds: number): Promise<TcpFigures> {
  const { place, serving } = tunnel;
  const servers = await Promise.all(place.clients.map((_, index) => iperfServer(place.server, IPERF_PORT + index)));
  try {
    const cpuBefore = serving.cpuSeconds();
    const beside = pingBeside(tunnel, seconds);
    const streams = await Promise.all(
      place.clients.map((client, index) => iperfClient(client, serving.inside, IPERF_PORT + index, direction, seconds)),
    );
    const cpu = serving.cpuSeconds() - cpuBefore;
    const bytes = streams.reduce((sum, stream) => sum + stream.bytes, 0);
    return {
      mbits: streams.reduce((sum, stream) => sum + stream.mbits, 0),
      serverCpuPerGb: cpu / (bytes / 1e9),
      retransmits: streams.reduce((sum, stream) => sum + stream.retransmits, 0),
      ping: await beside,
    };
  } finally {
    await Promise.all(servers.map((server) => server.end()));
  }
}

/** A TCP server for one test in a namespace. */
export async function iperfServer(netns: string, port: number): Promise<LineProcess> {
  const server = new LineProcess(['iperf3', '-s', '-1', '-p', String(port), '--forceflush'], { netns });
  await server.hear((line) => line.includes('Server listening'));
  return server;
}

interface IperfResult {
  readonly error?: string;
  readonly end: {
    readonly sum_sent: { readonly retransmits?: number };
    readonly sum_received: { readonly bytes: number; readonly bits_per_second: number };
  };
}

async function iperfClient(netns: string, address: string, port: number, direction: Direction, seconds: number) {
  const words = ['iperf3', '-c', address, '-p', String(port), '-t', String(seconds), '-C', 'cubic', '-J'];
  const text = await run(direction === 'down' ? [...words, '-R'] : words, { netns });
  const { error, end } = JSON.parse(text) as IperfResult;
  if (error !== undefined) throw new Error(`iperf3: ${error}`);
  const { bytes, bits_per_second: bits } = end.sum_received;
  return { bytes, mbits: bits / 1e6, retransmits: end.sum_sent.retransmits ?? 0 };
}

export interface UdpFigures {
  /** Packets per second that were sent. */
  readonly pps: number;
  /** Share of the sent packets that did not arrive. */
  readonly loss: number;
  readonly reordered: number;
  readonly mbits: number;
  /** Of the server, in microseconds for each packet that arrived. */
  readonly serverCpuPerPacketUs: number;
}

const UDP_PORT = 6_000;

/** UDP at a steady rate for so many seconds. */
export async function udp(
  tunnel: Tunnel,
  direction: Direction,
  load: { readonly pps: number; readonly seconds: number; readonly payload: number },
): Promise<UdpFigures> {
  const { lab, place, serving } = tunnel;
  const client = place.clients[0] ?? '';
  const [from, to] = direction === 'up' ? [client, place.server] : [place.server, client];
  const target = direction === 'up' ? serving.inside : await addressTowards(client, serving.inside);
  const receiver = new LineProcess([lab.tools, 'udp-receive', String(UDP_PORT)], { netns: to });
  try {
    await receiver.hear((line) => line === 'ready');
    const cpuBefore = serving.cpuSeconds();
    const words = [target, UDP_PORT, load.pps, load.seconds, load.payload].map(String);
    const sent = JSON.parse(await run([lab.tools, 'udp-send', ...words], { netns: from })) as UdpSent;
    await sleep(500); // what is on its way
    const cpu = serving.cpuSeconds() - cpuBefore;
    const ended = receiver.end();
    const received = JSON.parse(await receiver.hear((line) => line.startsWith('{'))) as UdpReceived;
    await ended;
    return {
      pps: sent.sent / sent.seconds,
      loss: 1 - received.received / sent.sent,
      reordered: received.reordered,
      mbits: (received.bytes * 8) / sent.seconds / 1e6,
      serverCpuPerPacketUs: (cpu / Math.max(1, received.received)) * 1e6,
    };
  } finally {
    await receiver.end();
  }
}

interface UdpSent {
  readonly sent: number;
  readonly seconds: number;
}

interface UdpReceived {
  readonly received: number;
  readonly bytes: number;
  readonly reordered: number;
}

export interface RateFigures extends UdpFigures {
  /** False if even the lowest rate that was tried lost too much; the figures are then that one's. */
  readonly isHeld: boolean;
}

export interface RateSearch {
  readonly payload: number;
  readonly startPps: number;
  readonly mostLoss: number;
  readonly probeSeconds: number;
  /** The rate that is told was held for so long. */
  readonly confirmSeconds: number;
  /** Ends when the rate that fails is no more than so many times the one that works. */
  readonly closeEnough: number;
  /** Nothing faster is tried. */
  readonly mostPps: number;
}

/** Below this share of the wanted rate the sender, not the tunnel, is what is measured. */
const LEAST_OFFERED = 0.95;
const STEP_BACK = 0.93;
const MOST_STEPS_BACK = 10;

/** The highest steady rate with hardly any loss: doubling, then bisection with short probes, then one long run. */
export async function highestRate(tunnel: Tunnel, direction: Direction, search: RateSearch): Promise<RateFigures> {
  const once = (pps: number, seconds: number): Promise<UdpFigures> =>
    udp(tunnel, direction, { pps, seconds, payload: search.payload });
  const isGood = (figures: UdpFigures, pps: number): boolean =>
    figures.loss <= search.mostLoss && figures.pps >= pps * LEAST_OFFERED;
  // Twice, because the machine may have been busy with something else.
  const works = async (pps: number): Promise<boolean> =>
    isGood(await once(pps, search.probeSeconds), pps) || isGood(await once(pps, search.probeSeconds), pps);
  let good = 0;
  let bad = search.startPps;
  while (bad < search.mostPps && (await works(bad))) {
    good = bad;
    bad *= 2;
  }
  if (good === 0) good = bad / 8;
  while (bad / good > search.closeEnough) {
    const middle = Math.sqrt(good * bad);
    if (await works(middle)) good = middle;
    else bad = middle;
  }
  let last: UdpFigures | undefined;
  for (let i = 0; i < MOST_STEPS_BACK; i += 1) {
    const pps = good * STEP_BACK ** i;
    last = await once(pps, search.confirmSeconds);
    if (isGood(last, pps)) return { ...last, isHeld: true };
  }
  if (last === undefined) throw new Error('nothing was measured');
  return { ...last, isHeld: false };
}

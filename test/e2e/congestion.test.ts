/** Which congestion control the TCP connection of a tunnel has, on both sides, by the path that it is on. */
// Needs: iperf3
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lab, type Line, type Place } from '../../bench/lab.ts';
import { type Tunnel, withTunnels } from '../../bench/measure.ts';
import { run } from '../../bench/processes.ts';
import { sstpd, type Vpn } from '../../bench/vpn.ts';
import { availableCongestionControls } from '../../datapath/index.ts';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';

const skip = tunMissing() ?? (availableCongestionControls().includes('bbr') ? false : 'this kernel has no BBR');
const PROGRAM = new URL('../../bin/sstpd.js', import.meta.url).pathname;
const HOME: Line = { mbits: 100, roundTripMs: 20, queueMs: 50, loss: 0 };

let lab: Lab;
let vpn: Vpn;
around(
  async () => {
    if (skip !== false) return;
    lab = await Lab.make();
    vpn = sstpd(lab, { name: 'sstpd', program: PROGRAM, tunOffload: undefined });
  },
  () => lab?.closeNow(),
);

/** What ss says of the established connections to or from port 443 in a namespace. */
async function connections(netns: string): Promise<string> {
  const filter = ['state', 'established', '( sport = :443 or dport = :443 )'];
  return run(['ss', '-tinH', ...filter], { netns });
}

async function withTunnel(
  place: Place,
  work: (tunnel: Tunnel, both: readonly string[]) => Promise<void>,
): Promise<void> {
  try {
    await withTunnels(lab, vpn, place, (tunnel) => work(tunnel, [place.server, place.clients[0] ?? '']));
  } finally {
    await place.close();
  }
}

test('in a local network the system’s stays: BBR would only cost time there', { skip }, async () => {
  await withTunnel(await lab.direct(1, 'reno'), async (_, both) => {
    for (const netns of both) assert.match(await connections(netns), /\breno\b(?!.*pacing_gain)/s, netns);
  });
});

interface Download {
  /** How often the server was seen with the window of one. */
  readonly probes: number;
  /** Bit/s. */
  readonly rate: number;
}

/** Takes 13 seconds. */
async function download(tunnel: Tunnel): Promise<Download> {
  const { server, clients } = tunnel.place;
  const ended = run(['iperf3', '-s', '-1', '-p', '5201'], { netns: server });
  const load = run(['iperf3', '-c', tunnel.serving.inside, '-p', '5201', '-t', '13', '-R', '-J'], {
    netns: clients[0] ?? '',
  });
  let probes = 0;
  let isOver = false;
  void load.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    if (/cwnd:4\b/.test(await connections(server))) probes += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await ended;
  const { end } = JSON.parse(await load) as { end: { sum_received: { bits_per_second: number } } };
  return { probes, rate: end.sum_received.bits_per_second };
}

test('behind a line it is BBR, which need not stop to measure the round trip', { skip }, async () => {
  await withTunnel(await lab.behindLine(HOME, 'reno'), async (tunnel, both) => {
    for (const netns of both) assert.match(await connections(netns), /\bbbr\b/, netns);
    // A processor that others have sees no round trip as short as the line's for ten seconds, and then BBR has to stop:
    // one download of three without that shows that it need not.
    const downloads: Download[] = [];
    const isFine = ({ probes, rate }: Download): boolean => probes === 0 && rate > 60e6;
    while (downloads.length < 3 && !downloads.some(isFine)) downloads.push(await download(tunnel));
    assert.ok(downloads.some(isFine), `BBR let each download stand: ${JSON.stringify(downloads)}`);
  });
});

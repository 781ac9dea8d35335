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

test('behind a line it is BBR, which need not stop to measure the round trip', { skip, timeout: 60_000 }, async () => {
  await withTunnel(await lab.behindLine(HOME, 'reno'), async (tunnel, both) => {
    for (const netns of both) assert.match(await connections(netns), /\bbbr\b/, netns);
    const server = tunnel.place.server;
    const ended = run(['iperf3', '-s', '-1', '-p', '5201'], { netns: server });
    const client = tunnel.place.clients[0] ?? '';
    const load = run(['iperf3', '-c', tunnel.serving.inside, '-p', '5201', '-t', '13', '-R', '-J'], { netns: client });
    let probes = 0;
    let isOver = false;
    void load.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const text = await connections(server);
      if (/cwnd:4\b/.test(text)) probes += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await ended;
    const { end } = JSON.parse(await load) as { end: { sum_received: { bits_per_second: number } } };
    assert.equal(probes, 0, 'BBR let a download stand to measure the round trip');
    assert.ok(end.sum_received.bits_per_second > 60e6, `${end.sum_received.bits_per_second}`);
  });
});

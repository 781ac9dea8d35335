import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';
import type { SstpdClient, UpLine } from '../support/sstpd-client.ts';
import { FAR, INSIDE, POOL, TRAFFIC, TRAFFIC_PORT, UPLINK, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const BYTES = 100_000_000;

let lab: VpnLab;
let client: SstpdClient;
let up: UpLine;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create({ far: true });
    await lab.serveAnn({ args: ['--host-access', `tcp/${TRAFFIC_PORT}`, '--host-access', `udp/${TRAFFIC_PORT}`] });
    await lab.serveTraffic(lab.far, FAR);
    await lab.serveTraffic(lab.server, INSIDE);
    client = lab.connect({ args: ['--route', '203.0.113.0/24'] });
    up = await client.up();
  },
  () => lab?.destroy(),
);

async function traffic(role: 'download' | 'upload' | 'udp', address: string, bytes: number): Promise<unknown> {
  return JSON.parse(await client.netns.run(process.execPath, [TRAFFIC, role, address, TRAFFIC_PORT, String(bytes)]));
}

/** The checksum of what traffic.ts sends, made here. */
function expected(bytes: number): { bytes: number; sha256: string } {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  return {
    bytes,
    sha256: createHash('sha256')
      .update(cipher.update(Buffer.alloc(bytes)))
      .digest('hex'),
  };
}

test('a host behind the server is reached, and sees the server’s address (NAT)', { skip }, async () => {
  await client.netns.run('ping', ['-c', '3', '-i', '0.2', FAR]);
  assert.deepEqual(await traffic('udp', FAR, 100), { from: UPLINK, bytes: 100, same: true });
});

test('100 MB come down over TCP from a host behind the server, unharmed', { skip }, async () => {
  assert.deepEqual(await traffic('download', FAR, BYTES), expected(BYTES));
});

test('100 MB go up over TCP to a host behind the server, unharmed', { skip }, async () => {
  assert.deepEqual(await traffic('upload', FAR, BYTES), expected(BYTES));
});

test('UDP goes both ways, a datagram of 4 KB in fragments too', { skip }, async () => {
  assert.deepEqual(await traffic('udp', INSIDE, 1200), { from: up.ipv4, bytes: 1200, same: true });
  assert.deepEqual(await traffic('udp', INSIDE, 4096), { from: up.ipv4, bytes: 4096, same: true });
  assert.deepEqual(await traffic('udp', FAR, 4096), { from: UPLINK, bytes: 4096, same: true });
});

test('--no-nat: the host behind the server sees the client’s own address', { skip }, async (t) => {
  const routed = await VpnLab.create({ far: true });
  t.after(() => routed.destroy());
  await routed.serveAnn({ args: ['--no-nat'] });
  await routed.serveTraffic(routed.far, FAR);
  await routed.far?.run('ip', ['route', 'add', POOL, 'via', UPLINK]);
  const other = routed.connect({ args: ['--route', '203.0.113.0/24'] });
  const { ipv4 } = await other.up();
  const seen = await other.netns.run(process.execPath, [TRAFFIC, 'udp', FAR, TRAFFIC_PORT, '100']);
  assert.deepEqual(JSON.parse(seen), { from: ipv4, bytes: 100, same: true });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planeReport } from '../../../server/connections/plane-report.ts';
import type { Report } from '../../../server/observe/metrics/report.ts';
import type { TunPath } from '../../../tun/index.ts';
import { settle, World } from '../support.ts';
import { PASSWORD } from './mschapv2-peer.ts';
import { accepted, connected } from './session.ts';

const USERS = [{ name: 'alice', password: PASSWORD }];
const TOTALS = { reads: 1, writes: 2, writeDrops: 3, dropsUnknown: 4, dropsGroup: 5, dropsMalformed: 6, memory: 7 };

function reportOf(world: World): Report {
  const tun = { isOpen: true, totals: TOTALS } as unknown as TunPath;
  return planeReport({ table: world.table, tun, floodDrops: 9, config: world.context.config });
}

/** An IPv4 packet from 10.9.0.2 to 10.9.0.1, in its SSTP and PPP headers. */
const PACKET = Buffer.from(`10000024ff030021${'4500001c000000004011661a0a0900020a090001'}${'0035003500080000'}`, 'hex');

test('sessions by stage and method, what is carried, and what the device says', async (t) => {
  const world = new World(t, { users: USERS, flags: { 'metrics.users': 'true' } });
  await accepted(world);
  const peer = await connected(world);
  peer.socket.deliver(PACKET);
  await settle();
  const report = reportOf(world);
  assert.deepEqual(report.sessions, [
    { stage: 'sstp', method: 'none', count: 1 },
    { stage: 'up', method: 'mschapv2', count: 1 },
  ]);
  assert.equal(report.counts.packetsIn, 1);
  assert.equal(report.counts.bytesIn, 28);
  assert.equal(report.counts.floodDrops, 9);
  assert.equal(report.counts.deviceDropsWrite, 3);
  assert.equal(report.levels.queueMemory, 7);
  const own = report.traffic.find(({ id }) => id === peer.connection.id);
  assert.deepEqual(own, { id: peer.connection.id, bytesIn: 28, bytesOut: 0 });
});

test('what a session carried stays when it has ended', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  peer.socket.deliver(PACKET);
  peer.socket.deliver(PACKET);
  await settle();
  assert.equal(reportOf(world).counts.bytesIn, 56);
  peer.socket.destroy();
  await settle();
  const report = reportOf(world);
  assert.equal(report.counts.bytesIn, 56);
  assert.deepEqual(report.sessions, []);
  assert.deepEqual(report.traffic, []);
});

test('what a client does not read counts as unsent', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  peer.socket.isStalled = true;
  peer.connection.disconnect('killed-by-admin');
  await settle();
  const { levels } = reportOf(world);
  assert.ok(levels.unsentBytes > 0);
  assert.equal(levels.unsentBytesMost, levels.unsentBytes);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../../server/connections/connection.ts';
import { ConnectionTable } from '../../../server/connections/connection-table.ts';
import { settle, World } from '../support.ts';
import { PASSWORD } from './mschapv2-peer.ts';
import { accepted, connected } from './session.ts';

const USERS = [
  { name: 'alice', password: PASSWORD },
  { name: 'bobby', password: PASSWORD },
];

test('an empty table is closed at once', async () => {
  await new ConnectionTable().close('server-shutdown');
});

test('tunnels are the connections that speak SSTP, oldest first; others are known by their id only', async (t) => {
  const world = new World(t, { users: USERS });
  const silent = world.connect();
  const first = await accepted(world);
  const second = await connected(world);
  assert.deepEqual(world.table.tunnels(), [first.connection, second.connection]);
  assert.equal(world.table.get(silent.connection.id), silent.connection);
  assert.equal(world.table.get('00'), undefined);
  second.socket.destroy();
  await settle();
  assert.deepEqual(world.table.tunnels(), [first.connection]);
});

test('close: everybody is told in order, and it is over when the last has gone', async (t) => {
  const world = new World(t, { users: USERS });
  const silent = world.connect();
  const peer = await connected(world);
  let isClosed = false;
  void world.table.close('server-shutdown').then(() => {
    isClosed = true;
  });
  await settle();
  assert.equal(silent.socket.destroyed, true);
  await peer.play(`
    < 1000 000c ff03 c021 05 <id:1> 0004
    > 1000 000c ff03 c021 06 <id> 0004
    < 1001 0014 0006 0001 0002 000c 000000 00 00000000
    > 1001 0008 0007 0000
  `);
  assert.equal(peer.socket.isEnded, true);
  assert.equal(isClosed, false);
  peer.socket.deliverEnd();
  await settle();
  assert.equal(isClosed, true);
  assert.equal(world.now, 0);
  assert.deepEqual(
    world.log.of('connection.closed').map((line) => line.fields.reason),
    ['server-shutdown', 'server-shutdown'],
  );
});

test('close: who does not answer is torn down after 6.5 s, all given back, and no timer left', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  peer.socket.isStalled = true; // nor does it read
  let isClosed = false;
  let heldAtTheEnd = 0;
  void world.table.close('server-shutdown').then(() => {
    isClosed = true;
    heldAtTheEnd = world.pool.used;
  });
  await world.advance(6499, 1);
  assert.equal(isClosed, false);
  await world.advance(1);
  assert.equal(isClosed, true);
  assert.equal(peer.socket.destroyed, true);
  assert.equal(heldAtTheEnd, 0);
  const timers = t.mock.method(globalThis, 'setTimeout');
  await world.advance(200_000, 5000);
  assert.equal(timers.mock.callCount(), 0);
});

test('close leaves no timer behind that would keep the process', async () => {
  const table = new ConnectionTable();
  const connection = {
    id: '1',
    disconnect: () => table.remove(connection),
    destroy: () => {},
  } as unknown as Connection;
  table.add(connection);
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  await table.close('server-shutdown');
  assert.equal(timers(), before);
});

test('new ids are eight hexadecimal digits that no open connection has', (t) => {
  const world = new World(t);
  const { id } = world.connect().connection;
  assert.match(id, /^[0-9a-f]{8}$/);
  const ids = new Set(Array.from({ length: 1000 }, () => world.table.newId()));
  assert.ok(ids.size > 990);
  assert.ok(!ids.has(id));
});

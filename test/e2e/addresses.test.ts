/** Which address a user gets, and which connection has to make room for another. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { tunMissing } from '../support/netns.ts';
import { RawPeer } from '../support/raw-peer.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;
let door: string;

before(async () => {
  if (skip) return;
  lab = await VpnLab.create();
  server = await lab.serveAnn({ args: ['--auth', 'pap'], env: { SSTPD_USERS_MAX_PER_USER: '2' } });
  door = await lab.door();
});
after(() => lab?.destroy());

const connect = (user = USER, password = PASSWORD) => lab.connect({ user, password, args: ['--auth', 'pap'] });

test('user set --ip: the fixed address, in the pool or outside; a second connection takes it over', {
  skip,
}, async () => {
  for (const fixed of ['10.86.0.77', '192.0.2.77']) {
    await server.must(['user', 'set', USER, '--ip', fixed]);
    const { peer, address } = await RawPeer.up(door, USER, PASSWORD);
    assert.equal(address.join('.'), fixed);
    const second = connect();
    const [up] = await Promise.all([second.up(), peer.endedInOrder()]);
    assert.equal(up.ipv4, fixed);
    await second.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', '10.86.0.1']);
    const { correlationId } = peer;
    assert.equal((await server.logged('connection.closed', { correlationId })).reason, 'replaced-by-new-connection');
    await second.stop();
    assert.doesNotMatch(await lab.state(), /192\.0\.2\.77/);
  }
  await server.must(['user', 'set', USER, '--no-ip']);
});

test('users.maxPerUser: one connection more replaces the oldest', { skip }, async () => {
  const oldest = (await RawPeer.up(door, USER, PASSWORD)).peer;
  const kept = (await RawPeer.up(door, USER, PASSWORD)).peer;
  const newest = RawPeer.up(door, USER, PASSWORD);
  await oldest.endedInOrder();
  await newest;
  assert.equal((await server.sessions()).length, 2);
  const { correlationId } = oldest;
  assert.equal((await server.logged('connection.closed', { correlationId })).reason, 'replaced-by-new-connection');
  kept.destroy();
  (await newest).peer.destroy();
});

test('the same user gets the same address again: after a reconnect, and after a restart', { skip }, async () => {
  await server.addUser('joe', PASSWORD);
  const first = connect('joe');
  const { ipv4 } = await first.up();
  await first.stop();
  // Another user in between must not be given it.
  const other = connect();
  assert.notEqual((await other.up()).ipv4, ipv4);
  const second = connect('joe');
  assert.equal((await second.up()).ipv4, ipv4);
  assert.equal((await server.stop()).status, 0);
  await Promise.all([second.ended(), other.ended()]);
  server = await lab.serve({ args: ['--auth', 'pap'] });
  const third = connect('joe');
  assert.equal((await third.up()).ipv4, ipv4);
  await third.stop();
  assert.equal((await server.stop()).status, 0);
});

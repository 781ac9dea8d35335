/** Which address a user gets, and which connection has to make room for another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { eventually } from '../support/eventually.ts';
import { ping4 } from '../support/ip-packets.ts';
import { tunMissing } from '../support/netns.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { runSstpd, type SstpdServer } from '../support/sstpd-server.ts';
import { FAR, PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;
let door: string;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({
      args: ['--auth', 'pap', '--pool-fixed', '192.0.2.77'],
      env: { SSTPD_USERS_MAX_PER_USER: '2' },
    });
    door = await lab.door();
  },
  () => lab?.destroy(),
);

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
    // The route goes once the kernel has forgotten the flows of the address.
    await eventually(
      'nothing of the address is left',
      async () => !/192\.0\.2\.77/.test(await lab.state()) || undefined,
    );
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

test('a fixed address outside the pool is translated from its first packet on, however slow nft is', {
  skip,
}, async (t) => {
  const far = await VpnLab.create({ far: true });
  t.after(() => far.destroy());
  const slow = far.file('nft', '#!/bin/sh\ncase "$*" in "-f -") sleep 1;; esac\nexec /run/real-nft "$@"\n');
  const behind =
    `mount -t tmpfs none /run && nft=$(readlink -f "$(command -v nft)") && cp "$nft" /run/real-nft && ` +
    `chmod 755 ${slow} && mount --bind ${slow} "$nft" && exec "$@"`;
  const started = far.launch(behind, { args: ['--auth', 'pap', '--pool-fixed', '172.31.9.9'] });
  await started.line({ msg: 'server.started' });
  const fixed = ['user', 'add', 'eve', '--password-stdin', '--ip', '172.31.9.9'];
  const added = await runSstpd(far.server, far.data, fixed, PASSWORD);
  assert.equal(added.code, 0, added.stderr);
  const { peer, address } = await RawPeer.up(await far.door(), 'eve', PASSWORD);
  assert.equal(address.join('.'), '172.31.9.9');
  peer.sendPpp(0x0021, ping4('172.31.9.9', FAR));
  assert.equal((await peer.ppp(0x0021)).payload.subarray(12, 16).join('.'), FAR);
  // After the table was flushed by somebody else, the next such session brings it back.
  peer.destroy();
  await started.line({ msg: 'connection.closed' });
  await far.server.run('nft', ['flush', 'ruleset']);
  const { peer: next } = await RawPeer.up(await far.door(), 'eve', PASSWORD);
  next.sendPpp(0x0021, ping4('172.31.9.9', FAR));
  assert.equal((await next.ppp(0x0021)).payload.subarray(12, 16).join('.'), FAR);
  next.destroy();
});

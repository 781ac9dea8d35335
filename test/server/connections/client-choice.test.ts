/** A client that asks for an address of its own, as Open-SSTP-Client's "static IPv4" does: who gets it, and who does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World, type WorldOptions } from '../support.ts';
import { PASSWORD } from './mschapv2-peer.ts';
import type { ScriptedPeer } from './scripted-peer.ts';
import { authenticated, CALL_CONNECTED, connected } from './session.ts';

const USERS = [
  { name: 'alice', password: PASSWORD },
  { name: 'bobby', password: PASSWORD },
  { name: 'carol', password: PASSWORD, ipv4: 0x0a090063 }, // 10.9.0.99
];

const start = (t: ConstructorParameters<typeof World>[0], options: WorldOptions = {}): World =>
  new World(t, { users: USERS, ...options });

/** Asks for an address in the first IPCP request. @returns what it ends up with */
async function ask(world: World, name: string, wish: string): Promise<string | undefined> {
  const peer = await authenticated(world, name);
  await peer.sendBytes(peer.bytesOf(CALL_CONNECTED));
  await peer.sendBytes(peer.bytesOf(`> 1000 0012 ff03 8021 01 02 000a 0306 ${wish}`));
  await world.advance(1);
  answerRequests(peer);
  await world.advance(1);
  const { ipv4, stage } = peer.connection.view;
  if (stage !== 'up') return ipv4;
  return `${ipv4} up`;
}

/** Acks our request, which is there in any case. */
function answerRequests(peer: ScriptedPeer): void {
  const sent = peer.socket.takeWritten();
  const at = sent.indexOf(Buffer.from('ff03802101', 'hex'));
  assert.notEqual(at, -1, sent.toString('hex'));
  const request = Buffer.from(sent.subarray(at - 4, at + 14));
  request[8] = 2;
  peer.socket.deliver(request);
}

for (const isWorker of [false, true]) {
  const where = isWorker ? 'in a worker' : 'in one process';
  test(`a free address is granted as asked for, without a Nak, ${where}`, async (t) => {
    const world = start(t, { isWorker });
    assert.equal(await ask(world, 'alice', '0a09004d'), '10.9.0.77 up');
  });

  test(`an address that is not to be had is none, ${where}`, async (t) => {
    const world = start(t, { isWorker });
    const bobby = await connected(world, 'bobby'); // has 10.9.0.2
    assert.equal(bobby.connection.view.ipv4, '10.9.0.2');
    for (const [wish, why] of [
      ['0a090002', 'held'],
      ['0a090063', "carol's fixed one"],
      ['0a090001', "the server's"],
      ['0a0900ff', 'broadcast'],
      ['c0a80105', 'not of the pool'],
      ['ffffffff', 'no address'],
      ['00000000', 'any'],
    ] as const) {
      assert.equal(await ask(world, 'alice', wish), '10.9.0.3', why);
      world.control.disconnectUser('alice', 'user-disabled');
      await world.advance(10_000, 500);
    }
    bobby.socket.destroy();
    await world.advance(1);
    assert.equal(await ask(world, 'alice', '0a090002'), '10.9.0.3', "bobby's of last time");
    assert.equal(await ask(world, 'bobby', '0a090002'), '10.9.0.2 up');
  });

  test(`with pool.clientChoice off nobody chooses, ${where}`, async (t) => {
    const world = start(t, { isWorker, flags: { 'pool.clientChoice': 'false' } });
    assert.equal(await ask(world, 'alice', '0a09004d'), '10.9.0.2');
  });
}

test('a fixed address goes before a wish', async (t) => {
  const world = start(t);
  assert.equal(await ask(world, 'carol', '0a09004d'), '10.9.0.99');
});

test('who kept the identifier of an address that it gave up shares it with nobody', async (t) => {
  const world = start(t, { flags: { 'pool.ipv6': '2001:db8:7::/48', 'users.maxPerUser': '5' } });
  const ids = new Set<string>();
  for (let i = 0; i < 4; i += 1) {
    const holder = { id: `x${i}`, device: 'tun', replace: () => undefined };
    const user = world.store.find('alice') ?? assert.fail();
    const lease = world.leases.lease(user, holder) ?? assert.fail();
    const chosen = world.leases.choose(user, holder, 0x0a090080 + i) ?? assert.fail();
    assert.equal(chosen.ipv4.address, 0x0a090080 + i);
    assert.deepEqual(chosen.interfaceId, lease.interfaceId);
    ids.add(Buffer.from(lease.linkLocal).toString('hex'));
  }
  assert.equal(ids.size, 4);
});

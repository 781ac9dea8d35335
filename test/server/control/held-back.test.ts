/** What becomes of a login that has to wait: what its client gets, and what an operator reads of it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AttemptView } from '../../../admin/index.ts';
import type { RemoteControl } from '../../../server/workers/remote-control.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import type { ScriptedPeer } from '../connections/scripted-peer.ts';
import { challenged, RESPONSE } from '../connections/session.ts';
import { settle, World } from '../support.ts';

const USERS = [{ name: 'alice', password: PASSWORD }];

function attemptOf(world: World): AttemptView {
  return world.attempts.list({}).attempts.at(-1) ?? assert.fail('no attempt');
}

/** RESPONSE with that Name; its proof is not looked at. */
function responseOf(peer: ScriptedPeer, name: Buffer): Buffer {
  const chap = Buffer.concat([Buffer.of(2), peer.value('chapId'), Buffer.of(0, 0, 49), Buffer.alloc(49), name]);
  chap.writeUInt16BE(chap.length, 2);
  const packet = Buffer.concat([Buffer.from('10000000ff03c223', 'hex'), chap]);
  packet.writeUInt16BE(packet.length, 2);
  return packet;
}

for (const isWorker of [false, true]) {
  const where = isWorker ? 'in a worker' : 'in this process';

  test(`a client that hangs up while others' failures hold it back: its user, the delay and their number (${where})`, async (t: TestContext) => {
    const world = new World(t, { users: USERS, isWorker });
    world.failLogin('192.0.2.7', 'somebody', 4);
    const peer = await challenged(world);
    await peer.play(RESPONSE);
    await world.advance(1_000, 100);
    assert.equal(world.attempts.list({ user: 'alice' }).attempts.length, 1, 'found by name while it waits');
    peer.socket.destroy();
    await settle();
    const [line] = world.log.of('auth.held-back');
    const { user, method, delayMs, failures, from } = line?.fields ?? {};
    assert.deepEqual(
      { user, method, failures, from },
      { user: 'alice', method: 'mschapv2', failures: 4, from: '192.0.2.7' },
    );
    assert.ok(Number(delayMs) >= 1_000 && Number(delayMs) < 1_200, String(delayMs));
    const { user: name, explanation } = attemptOf(world);
    assert.equal(name, 'alice');
    assert.match(
      explanation?.text ?? '',
      /^The login was held back 2\.5 s because of 4 failures from 192\.0\.2\.7, and the client hung up after 1(\.\d)? s\.$/,
    );
    assert.match(explanation?.fix ?? '', /sstpd throttle lift 192\.0\.2\.7/);
  });

  for (const [sent, user] of [
    ['CORP\\alice', 'alice'],
    ['alice@corp.example', 'alice'],
    ['alice ', 'alice'],
    ['ALICE', 'alice'],
    [Buffer.from('j\u00f6rg', 'latin1'), 'j\u00f6rg'],
    ['CORP\\nobody', 'CORP\\nobody'],
    [' nobody ', ' nobody '],
  ] as const) {
    for (const leaves of [true, false]) {
      const end = leaves ? 'leaves' : 'waits in vain';
      test(`a client that sends "${sent.toString('latin1')}" and ${end}: found as "${user}" (${where})`, async (t: TestContext) => {
        const world = new World(t, { users: [...USERS, { name: 'j\u00f6rg', password: PASSWORD }], isWorker });
        if (leaves) {
          world.failLogin('192.0.2.7', 'somebody', 4);
        } else {
          for (let i = 0; i < 31; i += 1) world.failLogin(`198.51.100.${i}`, user);
          for (let i = 0; i < 30; i += 1) {
            world.throttle.enter({ realm: 'vpn', address: `203.0.${i}.1`, user, isKnown: false }, world.now);
          }
        }
        const peer = await challenged(world);
        await peer.sendBytes(responseOf(peer, Buffer.from(sent)));
        const { id } = peer.connection;
        assert.equal(world.attempts.find(id)?.user, user, 'while it waits');
        await world.advance(leaves ? 1_000 : 25_000, 500);
        peer.socket.destroy();
        await settle();
        assert.equal(world.attempts.find(id)?.user, user);
        assert.equal(world.attempts.list({ user }).attempts.length, 1);
        assert.deepEqual(
          world.log.of('auth.held-back').map(({ fields }) => fields.user),
          [user],
        );
      });
    }
  }

  test(`a name under attack: held for 25 s, then ended in order and not refused (${where})`, async (t: TestContext) => {
    const world = new World(t, { users: USERS, isWorker });
    for (let i = 0; i < 31; i += 1) world.failLogin(`198.51.100.${i}`, 'alice');
    for (let i = 0; i < 30; i += 1) {
      world.throttle.enter({ realm: 'vpn', address: `203.0.${i}.1`, user: 'alice', isKnown: false }, world.now);
    }
    const peer = await challenged(world);
    await peer.play(RESPONSE);
    await world.advance(25_000, 500);
    await settle();
    assert.deepEqual(world.log.of('auth.refused'), []);
    assert.deepEqual(world.log.of('auth.held-back')[0]?.fields.attacked, 'alice');
    const written = peer.socket.takeWritten().toString('hex');
    assert.ok(written.includes('ff03c02105'), 'LCP Terminate-Request');
    assert.ok(!written.includes('ff03c22304'), 'no CHAP Failure');
    peer.socket.destroy();
    await settle();
    const { explanation } = attemptOf(world);
    assert.match(
      explanation?.text ?? '',
      /the name is under attack, with 31 failures from addresses that never logged in as "alice"/,
    );
    assert.match(explanation?.text ?? '', /31 networks wait for a turn, so how long it takes can not be promised/);
    assert.match(explanation?.fix ?? '', /sstpd throttle lift alice --for 10m/);
    assert.equal(explanation?.code, '629');
  });

  test(`where the user logged in before, an attack on the name holds nobody back (${where})`, async (t: TestContext) => {
    const world = new World(t, { users: USERS, isWorker });
    world.store.rememberPlace('alice', '192.0.2.7');
    for (let i = 0; i < 31; i += 1) world.failLogin(`198.51.100.${i}`, 'alice');
    world.failLogin('192.0.2.7', 'somebody', 20);
    const peer = await challenged(world);
    peer.socket.deliver(peer.bytesOf(RESPONSE));
    await settle();
    const [accepted, ...others] = world.log.of('auth.accepted');
    assert.deepEqual([accepted?.fields.delayMs, others], [0, []]);
  });

  test(`the line of a login that is accepted says how long it was held back (${where})`, async (t: TestContext) => {
    const world = new World(t, { users: USERS, isWorker });
    world.failLogin('192.0.2.7', 'somebody', 20);
    const peer = await challenged(world);
    await peer.play(RESPONSE);
    await world.advance(2_500, 100);
    await settle();
    assert.deepEqual(
      world.log.of('auth.accepted').map(({ fields }) => fields.delayMs),
      [2_500],
    );
  });
}

for (const [what, sent, user, explained] of [
  ['has to wait', 'CORP\\alice', 'alice', /^The login was held back 2\.5 s .*, and the client hung up after 0 s\.$/],
  ['is wrong', 'CORP\\alice', 'alice', /^The password is wrong\./],
  ["is nobody's", 'CORP\\nobody', 'CORP\\nobody', /^There is no such user\./],
  ['can not be judged', 'CORP\\alice', 'alice', /login/],
] as const) {
  test(`a client of a worker that leaves before the supervisor says that its login ${what}: one record, under its user`, async (t: TestContext) => {
    const world = new World(t, { users: USERS, isWorker: true });
    if (what === 'has to wait') world.failLogin('192.0.2.7', 'somebody', 4);
    if (what === 'can not be judged') {
      t.mock.method(world.authenticator, 'verify', () => {
        throw new Error('disk is gone');
      });
    }
    const told = t.mock.method(world.attempts, 'put');
    const peer = await challenged(world);
    const goOn = world.stallSupervisor();
    await peer.sendBytes(responseOf(peer, Buffer.from(sent)));
    peer.socket.destroy();
    await settle();
    const { id } = peer.connection;
    assert.equal(world.attempts.find(id)?.state, 'under-way');
    const { size } = world.context.control as RemoteControl;
    assert.equal(size, 1, 'the answer is still to come');
    goOn();
    await settle();
    const ends = told.mock.calls.map(({ arguments: [view] }) => view).filter(({ state }) => state === 'failed');
    assert.deepEqual(
      ends.map(({ id: of, user: whose }) => [of, whose]),
      [[id, what === 'can not be judged' ? sent : user]],
    );
    assert.match(ends[0]?.explanation?.text ?? '', explained);
    assert.equal((world.context.control as RemoteControl).size, 0);
    assert.deepEqual([world.control.count, world.throttle.size.waiting], [0, 0]);
    const lines = world.log.of('auth.held-back').map(({ fields }) => [fields.user, fields.delayMs]);
    assert.deepEqual(lines, what === 'has to wait' ? [['alice', 0]] : []);
    const refused = world.log.of('auth.refused').map(({ fields }) => [fields.user, fields.errorCode]);
    assert.deepEqual(refused, what === 'is wrong' || what === "is nobody's" ? [[user, 691]] : []);
  });
}

test('a fault of the store is no failure, and leaves nothing open: five of them, and a right password waits no longer', async (t) => {
  const world = new World(t, { users: USERS });
  const verify = t.mock.method(world.authenticator, 'verify', () => {
    throw new Error('disk is gone');
  });
  for (let i = 0; i < 5; i += 1) {
    const peer = await challenged(world);
    await peer.play(RESPONSE);
    peer.socket.destroy();
    await settle();
  }
  assert.equal(verify.mock.callCount(), 5);
  verify.mock.restore();
  assert.equal(world.delayAt('192.0.2.7'), 0);
  assert.deepEqual(world.throttle.size, { addresses: 0, users: 0, waiting: 0, attacked: 0 });
});

test('a login is remembered with its place, one through a tunnel that ends here is not', async (t) => {
  const world = new World(t, { users: USERS });
  for (const [address, isKnown] of [
    ['192.0.2.7', true],
    ['127.0.0.1', false],
  ] as const) {
    const done = new Promise<void>((resolve) => {
      world.logins.enter({
        ...{ realm: 'vpn', address, name: 'alice', method: 'pap' },
        judge: async () => ({ outcome: 'accepted', reason: 'ok', user: { name: 'alice' } }),
        answer: () => resolve(),
      });
    });
    await done;
    assert.equal(world.store.usersKnownAt(['alice'], address).length === 1, isKnown, address);
  }
});

/** What the control plane tells of sessions, whichever process they are in. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { SessionEnd } from '../../../server/control/control-plane.ts';
import type { LiveSession, Login, SessionObserver } from '../../../server/control/session-observer.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import { challenged, connected, RESPONSE } from '../connections/session.ts';
import { settle, World } from '../support.ts';

class Recorder implements SessionObserver {
  readonly logins: Login[] = [];
  readonly ups: LiveSession[] = [];
  readonly downs: [LiveSession, SessionEnd][] = [];

  judged(login: Login): void {
    this.logins.push(login);
  }

  up(session: LiveSession): void {
    this.ups.push(session);
  }

  down(session: LiveSession, end: SessionEnd): void {
    this.downs.push([session, end]);
  }
}

function newWorld(t: TestContext, isWorker: boolean): { world: World; seen: Recorder } {
  const seen = new Recorder();
  const users = [{ name: 'alice', password: PASSWORD, ipv4: 0x0a090042 }];
  return { world: new World(t, { users, isWorker, observers: [seen] }), seen };
}

for (const isWorker of [false, true]) {
  const where = isWorker ? 'in a worker' : 'in one process';

  test(`a session ${where}: judged, up with its address, and down with what it carried`, async (t) => {
    const { world, seen } = newWorld(t, isWorker);
    const peer = await connected(world);
    assert.deepEqual(
      seen.logins.map(({ name, method, reason, peerAddress }) => ({ name, method, reason, peerAddress })),
      [{ name: 'alice', method: 'mschapv2', reason: 'ok', peerAddress: '192.0.2.7' }],
    );
    const [up = assert.fail()] = seen.ups;
    assert.equal(seen.ups.length, 1);
    assert.equal(up.id, peer.connection.id);
    assert.equal(up.user.name, 'alice');
    assert.equal(up.device, 'memory0');
    assert.equal(up.lease.ipv4.address, 0x0a090042);
    peer.socket.destroy();
    await settle();
    const [[down, end] = assert.fail()] = seen.downs;
    assert.equal(seen.downs.length, 1);
    assert.equal(down, up);
    assert.deepEqual(end, { reason: 'closed', bytesIn: 0, bytesOut: 0 });
  });

  test(`a session ${where} that was never up has no end`, async (t) => {
    const { world, seen } = newWorld(t, isWorker);
    const peer = await challenged(world, 'wrong');
    await peer.sendBytes(peer.bytesOf(RESPONSE));
    peer.socket.destroy();
    await settle();
    assert.equal(seen.logins[0]?.reason, 'unknown-user');
    assert.deepEqual([seen.ups, seen.downs], [[], []]);
  });

  test(`who leaves before the answer ${where} has abandoned the login`, async (t) => {
    const { world, seen } = newWorld(t, isWorker);
    world.failLogin('192.0.2.7', 'somebody');
    const peer = await challenged(world);
    await peer.play(RESPONSE);
    peer.socket.destroy();
    await settle();
    assert.deepEqual(
      seen.logins.map(({ reason }) => reason),
      ['abandoned'],
    );
  });
}

test('a worker that is gone: its sessions end with what was last heard of them', async (t) => {
  const { world, seen } = newWorld(t, true);
  const peer = await connected(world);
  world.control.noteTraffic([{ id: peer.connection.id, bytesIn: 500, bytesOut: 70 }]);
  world.control.noteTraffic([{ id: peer.connection.id, bytesIn: 400, bytesOut: 80 }]);
  world.control.noteTraffic([{ id: peer.connection.id, bytesIn: Number.NaN, bytesOut: Number.POSITIVE_INFINITY }]);
  world.desk?.close();
  assert.deepEqual(seen.downs[0]?.[1], { reason: 'worker-ended', bytesIn: 500, bytesOut: 80 });
});

test('a store that cannot be read is a fault, not a wrong password', async (t) => {
  const { world, seen } = newWorld(t, false);
  const peer = await challenged(world);
  t.mock.method(world.authenticator, 'verify', () => {
    throw new Error('disk is gone');
  });
  await peer.play(RESPONSE);
  assert.equal(seen.logins[0]?.reason, 'fault');
});

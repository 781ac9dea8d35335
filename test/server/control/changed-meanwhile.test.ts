/** An operator changes a user while a login of that user is being judged, or is about to lead to something. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EndReason } from '../../../server/control/end-reason.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import { challenged, RESPONSE, SUCCESS } from '../connections/session.ts';
import { settle, World } from '../support.ts';

const REASONS: readonly EndReason[] = ['user-disabled', 'password-changed', 'user-removed'];

for (const isWorker of [false, true]) {
  for (const reason of REASONS) {
    const where = isWorker ? 'in a worker' : 'in one process';
    test(`${where}: ${reason}: a login that was judged by what held before does not stay`, async (t) => {
      const judged = Promise.withResolvers<void>();
      const world = new World(t, {
        users: ['alice', 'bobby'].map((name) => ({ name, password: PASSWORD })),
        isWorker,
        verifier: (passwords) => ({
          read: (proof, place) => passwords.read(proof, place),
          nameOf: (read) => passwords.nameOf(read),
          verify: async (read, place, only) => {
            const result = await passwords.verify(read, place, only);
            await judged.promise;
            return result;
          },
        }),
      });
      const alice = await challenged(world, 'alice');
      await alice.play(RESPONSE);
      const bobby = await challenged(world, 'bobby');
      await bobby.play(RESPONSE);
      await settle();
      world.control.disconnectUser('ALICE', reason);
      judged.resolve();
      await settle();
      assert.equal(alice.connection.view.reason, reason);
      assert.equal(bobby.connection.view.reason, undefined);
      assert.equal(world.control.countOfUser('bobby'), 1);
    });
  }
}

const PORTAL = { kind: 'sign-in', address: '192.0.2.7', name: 'alice', password: PASSWORD } as const;

/** Judged by what holds before `change`, which is done before anybody hears of it. */
function changing(t: TestContext, change: (world: World) => void): World {
  const world: World = new World(t, {
    users: [{ name: 'alice', password: PASSWORD }],
    verifier: (passwords) => ({
      read: (proof, place) => passwords.read(proof, place),
      nameOf: (read) => passwords.nameOf(read),
      verify: async (read, place, only) => {
        const result = await passwords.verify(read, place, only);
        change(world);
        return result;
      },
    }),
  });
  return world;
}

const changedPassword = (world: World): void => {
  world.store.change('alice', { password: 'another password' });
};
const replacedUser = (world: World): void => {
  world.store.remove('alice');
  world.store.add('alice', PASSWORD, { weak: true });
};

for (const [what, change] of [
  ['a changed password', changedPassword],
  ['another user of the name', replacedUser],
] as const) {
  test(`${what}: what was judged before leads to no sign-in and to no cookie of a browser`, async (t) => {
    const world = changing(t, change);
    assert.deepEqual(await world.control.portal(PORTAL), { kind: 'refused', isDisabled: false });
  });

  test(`${what}: a login that was judged before makes no address known`, async (t) => {
    const world = changing(t, change);
    const alice = await challenged(world, 'alice');
    await alice.play(`${RESPONSE}\n${SUCCESS}`);
    await settle();
    assert.equal(world.control.countOfUser('alice'), 1, 'it was accepted');
    assert.deepEqual(world.store.usersKnownAt(['alice'], '192.0.2.7'), []);
  });
}

test('without a change both are known from then on', async (t) => {
  const world = changing(t, () => undefined);
  const alice = await challenged(world, 'alice');
  await alice.play(`${RESPONSE}\n${SUCCESS}`);
  await settle();
  assert.deepEqual(world.store.usersKnownAt(['alice'], '192.0.2.7'), ['alice']);
  assert.equal((await world.control.portal(PORTAL)).kind, 'welcome');
});

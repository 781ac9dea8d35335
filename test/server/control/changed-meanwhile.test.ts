/** An operator ends the sessions of a user while a login of that user is being judged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndReason } from '../../../server/control/end-reason.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import { challenged, RESPONSE } from '../connections/session.ts';
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

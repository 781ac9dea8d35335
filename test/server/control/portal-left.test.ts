/** A browser that hangs up at whatever point of a sign-in: the question has an answer, and the place in line is free. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PortalAnswer } from '../../../server/site/index.ts';
import { settle, World } from '../support.ts';

const WRONG = { kind: 'sign-in', address: '192.0.2.7', name: 'ann', password: 'wrong' } as const;
/** More turns of the microtask queue than a sign-in takes until it stands in line. */
const MOST_TURNS = 40;

for (const hasToWait of [true, false]) {
  test(`whoever leaves a sign-in ${hasToWait ? 'that has to wait' : 'that is judged at once'} gets an answer, whenever that is`, async (t) => {
    const never: number[] = [];
    for (let turns = 0; turns < MOST_TURNS; turns += 1) {
      t.mock.timers.reset();
      const world = new World(t, { users: [{ name: 'ann', password: 'correct horse' }] });
      if (hasToWait) world.failLogin('192.0.2.7', 'ann', 4);
      const gone = new AbortController();
      let answer: PortalAnswer | undefined;
      void world.control.portal(WRONG, gone.signal).then((given) => {
        answer = given;
      });
      for (let turn = 0; turn < turns; turn += 1) await undefined;
      gone.abort();
      await settle();
      if (answer === undefined) never.push(turns);
      assert.equal(world.throttle.size.waiting, 0);
    }
    assert.deepEqual(never, []);
  });
}

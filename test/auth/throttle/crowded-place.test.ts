/** Several at one place: at the address from which the owner logged in before, or on loopback, where nothing tells them apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginThrottle } from '../../../auth/throttle/login-throttle.ts';
import { Crowd, randomFrom } from './crowd.ts';

const SECOND = 1_000;
const MINUTE = 60_000;

for (const [where, address, isKnown] of [
  ['at the address from which he logged in before', '198.51.100.7', true],
  ['on loopback', '127.0.0.1', false],
] as const) {
  for (const guessers of [8, 12]) {
    test(`the owner gets in ${where} while ${guessers} connections there guess at his name without end`, (t) => {
      const waits = Array.from({ length: 60 }, (_, seed) => {
        const crowd = new Crowd(seed);
        for (let index = 0; index < guessers; index++) {
          crowd.add({ address, user: 'alice', isKnown, pauseMs: SECOND, startsAt: index });
        }
        const person = { address, user: 'alice', isKnown, isRight: true, pauseMs: 2 * SECOND, startsAt: 20 * MINUTE };
        const owner = crowd.add(person);
        crowd.run(60 * MINUTE, () => crowd.logins.has(owner));
        return (crowd.logins.get(owner) ?? Number.POSITIVE_INFINITY) / SECOND;
      }).sort((a, b) => a - b);
      const [median = 0, most = 0] = [waits[30], waits.at(-1)];
      t.diagnostic(`${where}, ${guessers} guessers: median ${median.toFixed(0)} s, at most ${most.toFixed(0)} s of 60`);
      assert.ok(median < (3 * MINUTE) / SECOND, `${median} s`);
      assert.ok(most < (20 * MINUTE) / SECOND, `${most} s`);
    });
  }
}

test('who comes ninth is not the one who has to go in any case: each of them is as likely to', () => {
  const gone = new Map<number, number>();
  const random = randomFrom(1);
  for (let time = 0; time < 900; time++) {
    const throttle = new LoginThrottle({ random });
    const attempt = { realm: 'vpn', address: '127.0.0.1', user: 'alice', isKnown: false } as const;
    for (let index = 0; index < 30; index++) throttle.settle(throttle.enter(attempt, 0), 'refused', 0);
    const turns = Array.from({ length: 9 }, () => throttle.enter(attempt, 0));
    const { judge, release } = throttle.due(0);
    assert.deepEqual([judge.length, release.length, throttle.size.waiting], [0, 1, 8]);
    const index = turns.findIndex((turn) => release.includes(turn));
    gone.set(index, (gone.get(index) ?? 0) + 1);
  }
  for (let index = 0; index < 9; index++) {
    const times = gone.get(index) ?? 0;
    assert.ok(times > 60 && times < 140, `${index}: ${times} of 900`);
  }
});

test('who fails and comes again at once is judged after those that waited meanwhile', () => {
  const throttle = new LoginThrottle({ random: () => 0.999 });
  const attempt = { realm: 'vpn', address: '127.0.0.1', user: 'alice', isKnown: false } as const;
  for (let index = 0; index < 30; index++) throttle.settle(throttle.enter(attempt, 0), 'refused', 0);
  const [owner, guesser] = [throttle.enter(attempt, 0), throttle.enter(attempt, 0)];
  assert.deepEqual(throttle.due(10 * SECOND).judge, [guesser]);
  throttle.settle(guesser, 'refused', 10 * SECOND);
  throttle.enter(attempt, 10 * SECOND);
  throttle.enter(attempt, 10 * SECOND);
  assert.deepEqual(throttle.due(20 * SECOND).judge, [owner]);
});

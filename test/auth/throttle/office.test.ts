/** Many people at one address, or in one IPv6 network, where somebody fails: in virtual time. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LoginThrottle } from '../../../auth/throttle/login-throttle.ts';
import type { LoginAttempt } from '../../../auth/throttle/place.ts';
import { Crowd, randomFrom } from './crowd.ts';

const SECOND = 1_000;
const HOUR = 3_600_000;
const OFFICE = '198.51.100.7';

function attempt(address: string, user: string): LoginAttempt {
  return { realm: 'vpn', address, user, isKnown: false };
}

/** How long a name that never failed waits. */
function freshWait(throttle: LoginThrottle, address: string, now: number): number {
  const turn = throttle.enter(attempt(address, 'somebody new'), now);
  const at = turn.hold === undefined ? now : (turn.hold.ms ?? HOUR) + now;
  throttle.leave(turn, now);
  return at - now;
}

for (const users of [40, 64, 100]) {
  test(`one wrong password, and then ${users} users come at one new address with the right one: none waits for 3 s`, () => {
    const crowd = new Crowd(1);
    crowd.add({ address: OFFICE, user: 'alice', most: 1, startsAt: 0 });
    const people = Array.from({ length: users }, (_, index) => {
      const startsAt = 100 + Math.round((index * 2_000) / users);
      // Whom there is no room for dials again.
      return crowd.add({ address: OFFICE, user: `user${index}`, isRight: true, startsAt, pauseMs: 500 });
    });
    crowd.run(HOUR, () => people.every((person) => crowd.logins.has(person)));
    const waits = people.map((person) => crowd.logins.get(person) ?? Number.POSITIVE_INFINITY);
    assert.ok(Math.max(...waits) < 3 * SECOND, `${Math.max(...waits)} ms`);
  });
}

test('attempts that were given up make nobody wait, at their address or in the networks around', () => {
  for (const [other, addresses] of [
    [OFFICE, [OFFICE]],
    ['2001:db8:1:ffff::1', Array.from({ length: 250 }, (_, i) => `2001:db8:1:${(i << 8).toString(16)}::1`)],
  ] as const) {
    const throttle = new LoginThrottle({ random: randomFrom(1) });
    for (let index = 0; index < 400; index++) {
      throttle.settle(throttle.enter(attempt(addresses[index % addresses.length] ?? '', 'x'), 0), 'refused', 0);
    }
    const before = freshWait(throttle, other, SECOND);
    for (let index = 0; index < 400; index++) {
      const address = addresses[index % addresses.length] ?? '';
      throttle.leave(throttle.enter(attempt(address, `user${index}`), SECOND), SECOND);
    }
    assert.ok(before <= 2_500, `${before} ms`);
    assert.equal(freshWait(throttle, other, SECOND), before);
  }
});

function sprayed(
  t: TestContext,
  what: string,
  more: { readonly patienceMs?: number; readonly pauseMs?: number },
): void {
  const crowd = new Crowd(3);
  for (let index = 0; index < 150; index++) {
    crowd.add({ address: OFFICE, user: `user${index}`, startsAt: index * 100, pauseMs: 5 * SECOND, ...more });
  }
  crowd.run(HOUR / 2);
  const guesses = crowd.guesses.length * 2;
  t.diagnostic(`${what}: ${guesses} guesses in an hour`);
  assert.ok(guesses <= 1_300, `${guesses}`);
}

test('name after name from one address: at most 1,300 guesses in an hour', (t) => {
  sprayed(t, 'names that wait', {});
});

test('nor more by clients that hang up and come again when their turn would be', (t) => {
  sprayed(t, 'names that hang up', { patienceMs: 100, pauseMs: 8 * SECOND });
});

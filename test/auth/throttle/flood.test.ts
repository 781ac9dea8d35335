/** Made-up names without number: they cost their sender next to nothing, and must cost others nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginThrottle } from '../../../auth/throttle/login-throttle.ts';
import type { LoginAttempt } from '../../../auth/throttle/place.ts';
import { randomFrom } from './crowd.ts';

const SECOND = 1_000;
const MINUTE = 60_000;

function attempt(address: string, user: string, more: Partial<LoginAttempt> = {}): LoginAttempt {
  return { realm: 'vpn', address, user, isKnown: false, ...more };
}

/** One failure, and then clients that hang up while they wait, each with another name. */
function flood(throttle: LoginThrottle, addresses: readonly string[], names: number, now: number): void {
  for (const address of addresses) throttle.settle(throttle.enter(attempt(address, 'first'), now), 'refused', now);
  for (let index = 0; index < names; index++) {
    const address = addresses[index % addresses.length] ?? '';
    throttle.leave(throttle.enter(attempt(address, `${now} ${index}`), now), now);
  }
}

/** At `user`, always from another network. */
function guesses(throttle: LoginThrottle, user: string, tries: number, now: number): number {
  let judged = 0;
  for (let index = 0; index < tries; index++) {
    const turn = throttle.enter(attempt(`10.${index >> 8}.${index & 255}.1`, user), now);
    const { judge } = throttle.due(now);
    for (const each of judge) throttle.settle(each, 'refused', now);
    if (judge.length > 0) judged += 1;
    else throttle.leave(turn, now);
  }
  return judged;
}

const MANY = Array.from({ length: 400 }, (_, index) => `192.${index >> 6}.${index & 63}.1`);

for (const [from, addresses, names] of [
  ['one address', ['192.0.2.1'], 10_100],
  ['one IPv6 /48', Array.from({ length: 400 }, (_, i) => `2001:db8:1:${i.toString(16)}::1`), 25_000],
  ['400 networks', MANY, 25_000],
] as const) {
  test(`a flood of names from ${from}: the limit of a name holds, and a login elsewhere costs no more than before`, () => {
    const throttle = new LoginThrottle({ random: randomFrom(1) });
    flood(throttle, addresses, names, 0);
    assert.equal(guesses(throttle, 'alice', 300, SECOND), 30);
    assert.equal(guesses(throttle, 'alice', 300, SECOND + MINUTE), 1);
    const startedAt = performance.now();
    for (let index = 0; index < 2_000; index++) {
      const turn = throttle.enter(attempt(`172.16.${index >> 8}.${index & 255}`, `user${index}`), 2 * MINUTE);
      assert.equal(throttle.due(2 * MINUTE).judge.length, 1);
      throttle.settle(turn, 'accepted', 2 * MINUTE);
    }
    // It is about 20 µs; a walk over all who are remembered would take some 40 ms.
    const ms = (performance.now() - startedAt) / 2_000;
    assert.ok(ms < 5, `${ms} ms each`);
  });
}

test('what is remembered of a flood is bounded, from one address closely, and gone after ten minutes', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  flood(throttle, ['192.0.2.1'], 5_000, 0);
  assert.ok(throttle.size.users <= 66, `${throttle.size.users} names`);
  flood(throttle, MANY, 30_000, 1);
  assert.ok(throttle.size.users <= 20_000 + 400 + 66, `${throttle.size.users} names`);
  const later = throttle.enter(attempt('203.0.113.1', 'bob'), 11 * MINUTE);
  throttle.settle(later, 'accepted', 11 * MINUTE);
  assert.ok(throttle.size.users <= 1, `${throttle.size.users} names`);
});

test('one address washes out no place of others: what was drawn for one that is away is there when it comes again', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  assert.equal(guesses(throttle, 'alice', 40, 0), 30);
  for (let index = 0; index < 40; index++) throttle.settle(throttle.enter(attempt('192.0.2.1', 'x'), 0), 'refused', 0);
  const owner = attempt('203.0.113.9', 'alice');
  const first = throttle.enter(owner, 0);
  for (let now = MINUTE; now < 9 * MINUTE; now += MINUTE) {
    if (now === MINUTE) throttle.leave(first, now);
    flood(throttle, ['192.0.2.1'], 5_000, now);
    for (const judged of throttle.due(now).judge) throttle.settle(judged, 'refused', now);
  }
  // There are eleven lots, one a minute is drawn, and those of others are not used: whoever is left out waits on.
  const again = throttle.enter(owner, 9 * MINUTE);
  assert.equal(again.place, first.place);
});

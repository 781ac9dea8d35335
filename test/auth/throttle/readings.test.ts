/** Names that may be read in several ways: a guess counts for each of them, and its wait follows from what was sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { plainName, userKeys } from '../../../auth/throttle/keys.ts';
import { type Attack, LoginThrottle } from '../../../auth/throttle/login-throttle.ts';
import type { Turn } from '../../../auth/throttle/place.ts';
import { ADDRESS_RULE, Source } from '../../../auth/throttle/source.ts';
import { nameCandidates } from '../../../auth/user-name.ts';
import { foldUserName } from '../../../core/index.ts';
import { randomFrom } from './crowd.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

test('all names by which the store finds a user have the key of that user', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'B', '@', '\\', ' ', 'é', '\0'), maxLength: 8 });
  fc.assert(
    fc.property(part, (sent) => {
      for (const candidate of nameCandidates(sent)) {
        if (candidate.includes('\\')) continue; // no user has it
        assert.equal(plainName(foldUserName(candidate)), plainName(sent), candidate);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('readings that no user can have count for nothing; one counts in any case', () => {
  assert.deepEqual(userKeys('vpn', ['МАРИЯ', 'Ð\x9c', 'CORP\\мария@x', 'a|b', 'mapiß']), ['vмария', 'vmapiß']);
  assert.deepEqual(userKeys('vpn', ['\x01']), ['v\x01']);
  assert.deepEqual(userKeys('admin', []), ['a']);
  assert.ok(
    userKeys(
      'vpn',
      Array.from({ length: 1_000 }, (_, index) => `é${index}`),
    ).length <= 24,
  );
});

/** Who guess at `u` in spellings that may each be something else besides, and at that alone. */
function guessesInAnHour(spellings: number, seed: number): number {
  const throttle = new LoginThrottle({ random: randomFrom(seed) });
  const turns = new Map<Turn, boolean>();
  let guesses = 0;
  for (let now = 0; now < HOUR; now += 10 * SECOND) {
    for (let caller = 0; caller < 60; caller++) {
      const other = `é${caller % spellings}`;
      const isOfUser = caller % 3 > 0;
      const readings = isOfUser ? [other, 'ü'] : [other];
      const attempt = { realm: 'vpn', address: `10.${caller}.0.1`, user: 'u', readings, isKnown: false } as const;
      turns.set(throttle.enter(attempt, now), isOfUser);
    }
    for (;;) {
      const { judge, release } = throttle.due(now);
      for (const turn of judge) {
        if (turns.get(turn) === true) guesses += 1;
        throttle.settle(turn, 'refused', now);
      }
      if (judge.length + release.length === 0) break;
    }
  }
  return guesses;
}

test('guesses at one name in many spellings: 90 in an hour, as in one', () => {
  for (const spellings of [1, 3, 20]) {
    const guesses = guessesInAnHour(spellings, spellings);
    assert.ok(guesses <= 90, `${guesses} in ${spellings} spellings`);
    assert.ok(guesses >= 40, `${guesses} in ${spellings} spellings`);
  }
});

test('an attack in several spellings is told once, under the name that is shown, and listed as one', () => {
  const attacks: Attack[] = [];
  const throttle = new LoginThrottle({ random: () => 0, attacked: (attack) => void attacks.push(attack) });
  for (let index = 0; index < 60; index++) {
    const readings = [`é${index % 3}`, 'мария', `ñ${index % 3}`];
    const attempt = { realm: 'vpn', address: `192.0.2.${index}`, user: 'мария', readings, isKnown: false } as const;
    const turn = throttle.enter(attempt, 0);
    for (const judged of throttle.due(0).judge) throttle.settle(judged, 'refused', 0);
    assert.equal(turn.hold?.cause, index < 30 ? undefined : 'strangers', `${index}`);
  }
  const limit = { limit: 'strangers', at: undefined } as const;
  const expected: Attack = { realm: 'vpn', user: 'мария', ...limit, failures: 30, others: 1, ms: 0 };
  assert.deepEqual(attacks, [expected]);
  const names = throttle.list(0).filter(({ kind }) => kind === 'name');
  assert.deepEqual(
    names.map(({ of, failures, waiting }) => [of, failures, waiting]),
    [['мария', 30, 30]],
  );
  assert.deepEqual([throttle.size.users, throttle.size.attacked], [1, 1]);
  for (const name of ['ñ0', 'é1', 'мария']) throttle.lift({ kind: 'name', name }, MINUTE, 0);
  assert.equal(throttle.due(0).judge.length, 30, 'lifted by any reading');
});

test('a place that waits for the tokens of two names gets both in the end', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  for (const [index, name] of ['é', 'ü'].entries()) {
    for (let time = 0; time < 40; time++) {
      const address = `10.${index}.${time}.1`;
      throttle.enter({ realm: 'vpn', address, user: name, isKnown: false }, 0);
      for (const judged of throttle.due(0).judge) throttle.settle(judged, 'refused', 0);
    }
  }
  const owner = { realm: 'vpn', address: '198.51.100.7', user: 'é', readings: ['é', 'ü'], isKnown: false } as const;
  let turn = throttle.enter(owner, 0);
  for (let now = 0; now < 3 * HOUR; now += 5 * SECOND) {
    const { judge, release } = throttle.due(now);
    if (judge.includes(turn)) return;
    for (const judged of judge) throttle.settle(judged, 'refused', now);
    if (release.includes(turn)) turn = throttle.enter(owner, now);
    for (const [index, name] of ['é', 'ü'].entries()) {
      const address = `10.${index}.${(now / SECOND) % 200}.1`;
      throttle.enter({ realm: 'vpn', address, user: name, isKnown: false }, now);
    }
  }
  assert.fail('never');
});

test('at an address a name is no fresh one in another spelling', () => {
  const source = new Source(ADDRESS_RULE, 0);
  const fail = (users: readonly string[]): number => {
    const slot = source.reserve(users, 0);
    assert.ok(source.pay(slot, users, 0, { proof: undefined, isHome: false }));
    return slot.notBefore;
  };
  for (let time = 0; time < 10; time++) fail(['é', 'u']);
  const slow = fail(['é', 'u']);
  assert.equal(fail(['x']), 2_500, 'another name is');
  assert.ok(fail(['ü', 'u']) > slow, 'one that may be the same is not');
  assert.ok(fail(['ü']) > slow, 'nor is one that may be the same as that');
});

test('the keys of names at an address are bounded, whatever they may be', () => {
  const source = new Source(ADDRESS_RULE, 0);
  for (let index = 0; index < 5_000; index++) {
    const users = ['u', ...Array.from({ length: 20 }, (_, reading) => `é${index} ${reading}`)];
    source.pay(source.reserve(users, 0), users, 0, { proof: undefined, isHome: false });
  }
  assert.equal(source.names, 1);
  assert.equal(source.keys, 32 * 24);
  source.reserve(['other'], 0);
  assert.ok(source.names <= 2);
  assert.equal(source.isIdle(10 * HOUR), false, 'one is about to be judged');
});

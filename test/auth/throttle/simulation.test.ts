/**
 * The throttle against crowds of guessers in virtual time. The figures are in docs/guessing.md; `--test-reporter=spec`
 * shows those of this run.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Crowd, type Person } from './crowd.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;

const ONE = ['192.0.2.9'];
const HUNDRED = addresses(100, (index) => `192.0.2.${index + 1}`);
const OF_FOUR_NETWORKS = addresses(1_000, (index) => `192.0.${index % 4}.${1 + (index >> 2)}`);
const OF_AS_MANY_NETWORKS = addresses(1_000, (index) => `${11 + (index >> 8)}.${index & 255}.0.9`);
const OF_ONE_48 = addresses(1_000, (index) => `2001:db8:1:${index.toString(16)}::1`);

/** They dial again after each verdict at once, and after a wait that was too long a while later. */
const EAGER = { patienceMs: 20_000, pauseMs: 40_000 };

function addresses(count: number, each: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => each(index));
}

function attack(crowd: Crowd, from: readonly string[], more: Partial<Person> = EAGER): void {
  for (const [index, address] of from.entries()) crowd.add({ address, user: 'alice', startsAt: index * 10, ...more });
}

for (const [what, from, more] of [
  ['1 address', ONE, {}],
  ['100 addresses', HUNDRED, EAGER],
  ['1,000 addresses of four /24', OF_FOUR_NETWORKS, EAGER],
  ['1,000 addresses of as many /24', OF_AS_MANY_NETWORKS, EAGER],
  [
    '1,000 addresses of as many /24 that hang up after a second',
    OF_AS_MANY_NETWORKS,
    { patienceMs: 1_000, pauseMs: 90_000 },
  ],
  ['one IPv6 /48, 1,000 of its /64', OF_ONE_48, EAGER],
] as const) {
  test(`guesses at one name from ${what}: 90 in the first hour, 60 in the next`, (t) => {
    const crowd = new Crowd(1);
    attack(crowd, from, more);
    crowd.run(2 * HOUR);
    const [first, second] = [crowd.guessesAt('alice', 0, HOUR), crowd.guessesAt('alice', HOUR, 2 * HOUR)];
    t.diagnostic(`${what}: ${first} guesses in the first hour, ${second} in the second`);
    assert.ok(first <= 90 && second <= 60, `${first}, ${second}`);
    assert.ok(first >= 60, 'the simulation guesses');
    assert.deepEqual(crowd.attacks, ['alice']);
  });
}

test('guessers who save up what they draw get no more than 60 in any hour', (t) => {
  const crowd = new Crowd(3);
  attack(crowd, OF_AS_MANY_NETWORKS.slice(0, 200), { patienceMs: 500, pauseMs: 9 * MINUTE });
  crowd.run(3 * HOUR);
  const after = crowd.guesses.map(({ at }) => at).filter((at) => at > HOUR);
  const most = Math.max(...after.map((from) => after.filter((at) => at >= from && at < from + HOUR).length));
  t.diagnostic(`at most ${most} in an hour`);
  assert.ok(most <= 60 && most > 20, `${most}`);
});

/** Owners one after another, each in a hotel of its own; how long each takes, sorted. */
function owners(t: TestContext, what: string, from: readonly string[], count: number): number[] {
  const crowd = new Crowd(7);
  attack(crowd, from, from.length === 1 ? {} : EAGER);
  const people = Array.from({ length: count }, (_, index) =>
    crowd.add({
      ...{
        address: `203.0.${index}.5`,
        user: 'alice',
        isRight: true,
        startsAt: 40 * MINUTE + (index * 11_003_000) / 10,
      },
      // As Windows does: it stays for a while, and its user clicks again.
      ...{ patienceMs: 15_000, pauseMs: 15_000 },
    }),
  );
  crowd.run(40 * MINUTE + count * 1_100_300 + HOUR);
  const waits = people.map((person) => crowd.logins.get(person) ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const [median, most] = [waits[waits.length >> 1] ?? 0, waits[Math.floor(waits.length * 0.9)] ?? 0];
  t.diagnostic(
    `an owner in a new place, while ${what} guesses: median ${Math.round(median / 1_000)} s, 90 % ${Math.round(most / 1_000)} s`,
  );
  return waits;
}

test('the owner in a new place gets in, half of the time within 2 minutes, while one address guesses', (t) => {
  const waits = owners(t, '1 address', ONE, 101);
  assert.ok((waits[50] ?? 0) < 2 * MINUTE, `${waits[50]}`);
});

test('and within 5 minutes while 1,000 addresses of four /24 guess', (t) => {
  const waits = owners(t, '1,000 addresses of four /24', OF_FOUR_NETWORKS, 21);
  assert.ok((waits[10] ?? 0) < 5 * MINUTE, `${waits[10]}`);
});

test('while 1,000 networks guess nothing is promised, and that is what it says', (t) => {
  const crowd = new Crowd(7);
  attack(crowd, OF_AS_MANY_NETWORKS);
  crowd.run(30 * MINUTE);
  const turn = crowd.throttle.enter({ realm: 'vpn', address: '203.0.113.5', user: 'alice', isKnown: false }, crowd.now);
  assert.equal(turn.hold?.cause, 'strangers');
  assert.ok((turn.hold?.lots ?? 0) > 900, `${turn.hold?.lots}`);
  t.diagnostic(
    `an owner in a new place, while 1,000 networks guess: one of ${turn.hold?.lots} networks, one turn a minute`,
  );
  const known = crowd.add({
    address: '198.51.100.7',
    user: 'alice',
    isRight: true,
    isKnown: true,
    startsAt: crowd.now,
  });
  crowd.run(crowd.now + MINUTE, () => crowd.logins.has(known));
  assert.equal(crowd.logins.get(known), 0);
});

test('a right password at an address where others fail', (t) => {
  const wait = (before: (crowd: Crowd) => void, from: number, person: Partial<Person>): number => {
    const crowd = new Crowd(5);
    before(crowd);
    const owner = crowd.add({ address: '198.51.100.7', user: 'bob', isRight: true, startsAt: from, ...person });
    crowd.run(from + HOUR, () => crowd.logins.has(owner));
    return crowd.logins.get(owner) ?? Number.POSITIVE_INFINITY;
  };
  const guesser = { address: '198.51.100.7', user: 'alice' };
  const each = (crowd: Crowd): void => void crowd.add({ ...guesser, thinkMs: MINUTE });
  const twenty = (crowd: Crowd): void => void crowd.add({ ...guesser, most: 20 });
  const figures = [
    ['one failure a minute for an hour, a new name', wait(each, HOUR, {})],
    ['one failure a minute for an hour, a known pair', wait(each, HOUR, { isKnown: true })],
    ['20 failures, a new name', wait(twenty, 3 * MINUTE, {})],
    ['20 failures, a known pair', wait(twenty, 3 * MINUTE, { isKnown: true })],
    ['20 failures, a known pair of the name that failed', wait(twenty, 3 * MINUTE, { user: 'alice', isKnown: true })],
  ] as const;
  for (const [what, ms] of figures) {
    t.diagnostic(`${what}: ${ms} ms`);
    assert.ok(ms < (what.includes('known') ? 1 : 3_000), `${what}: ${ms}`);
  }
});

/** Everybody who comes through a tunnel that ends here, or through a proxy that hides them: no address tells them apart. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Attack, LoginThrottle } from '../../../auth/throttle/login-throttle.ts';
import type { LoginAttempt, Turn } from '../../../auth/throttle/place.ts';
import { Crowd, type Person, randomFrom } from './crowd.ts';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const LOOPBACK = ['127.0.0.1', '::1', '127.8.9.10', '::ffff:127.0.0.1'] as const;

function attempt(user: string, more: Partial<LoginAttempt> = {}): LoginAttempt {
  return { realm: 'vpn', address: '127.0.0.1', user, isKnown: false, ...more };
}

/** Judges what there is to judge, as wrong. @returns how many that were */
function refuse(throttle: LoginThrottle, now: number): number {
  const { judge } = throttle.due(now);
  for (const turn of judge) throttle.settle(turn, 'refused', now);
  return judge.length;
}

/** Name after name, until nobody is judged any more, at most 1,000. @returns how many were */
function spray(throttle: LoginThrottle, now: number, more: Partial<LoginAttempt> = {}): number {
  for (let guesses = 0; guesses < 1_000; guesses++) {
    const turn = throttle.enter(attempt(`made up ${now} ${guesses}`, more), now);
    if (refuse(throttle, now) > 0) continue;
    throttle.leave(turn, now);
    return guesses;
  }
  return 1_000;
}

function isJudgedAtOnce(throttle: LoginThrottle, wanted: LoginAttempt, now: number): boolean {
  const turn = throttle.enter(wanted, now);
  const isJudged = throttle.due(now).judge.includes(turn);
  if (isJudged) throttle.settle(turn, 'unjudged', now);
  else throttle.leave(turn, now);
  return isJudged;
}

/** A spray over 10,000 names by so many connections, and users there with their right passwords, one after the other. */
function sprayed(t: TestContext, connections: number, more: Partial<Person>): { readonly waits: readonly number[] } {
  const crowd = new Crowd(1);
  let next = 0;
  const user = (): string => `name${next++ % 10_000}`;
  for (let index = 0; index < connections; index++) {
    crowd.add({ address: '127.0.0.1', user, startsAt: index * 10, ...more });
  }
  // As Windows does: it stays for a while, and its user clicks again.
  const patience = { patienceMs: 15 * SECOND, pauseMs: 15 * SECOND };
  const owners = Array.from({ length: 21 }, (_, index) => {
    const startsAt = 10 * MINUTE + index * MINUTE;
    return crowd.add({ address: '127.0.0.1', user: `owner${index}`, isRight: true, startsAt, ...patience });
  });
  crowd.run(HOUR);
  const guesses = crowd.guesses.length;
  const waits = owners
    .map((owner) => (crowd.logins.get(owner) ?? Number.POSITIVE_INFINITY) / SECOND)
    .sort((a, b) => a - b);
  const [median = 0, most = 0] = [waits[10], waits[18]];
  t.diagnostic(
    `${connections} connections that try 10,000 names on loopback: ${guesses} guesses in an hour; a user there waits ${median.toFixed(0)} s, 90 % ${most.toFixed(0)} s`,
  );
  assert.ok(guesses <= 300 + 3_600, `${guesses}`);
  assert.ok(guesses > 2_000, 'the simulation guesses');
  assert.deepEqual(crowd.attacks, ['loopback']);
  return { waits };
}

for (const [connections, most] of [
  [1, 10],
  [20, 120],
  [64, 240],
] as const) {
  test(`10,000 names tried on loopback by ${connections} connections: 3,900 guesses in an hour, and users there get in`, (t) => {
    const { waits } = sprayed(t, connections, { pauseMs: SECOND });
    assert.ok((waits[10] ?? 0) < most, `${waits[10]} s`);
    assert.ok((waits[20] ?? 0) < 20 * 60, `${waits[20]} s`);
  });
}

test('whatever the names, in whatever realm, order and outcome: the guesses of a realm on loopback are bounded in any hour', () => {
  const name = fc.oneof(
    fc.nat(1e6).map((number) => `name${number}`),
    fc.nat(3).map((number) => `again${number}`),
    fc.string({ maxLength: 4 }),
  );
  const step = fc.record({
    ms: fc.nat(1_500),
    names: fc.array(name, { minLength: 1, maxLength: 30 }),
    readings: fc.nat(3),
    address: fc.constantFrom(...LOOPBACK),
    isAdmin: fc.boolean(),
    leaves: fc.boolean(),
    outcome: fc.constantFrom('refused', 'refused', 'refused', 'accepted', 'stale', 'unjudged'),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 80 }), fc.nat(), (steps, seed) => {
      const throttle = new LoginThrottle({ random: randomFrom(seed) });
      const guesses = { vpn: [] as number[], admin: [] as number[] };
      let now = 0;
      let made = 0;
      for (const { ms, names, readings, address, isAdmin, leaves, outcome } of steps) {
        now += ms;
        const realm = isAdmin ? 'admin' : 'vpn';
        for (const each of names) {
          const more = Array.from({ length: readings }, (_, index) => `${each}é${index}`);
          const turns = [`${each}`, `${each} ${made++}`].map((user) =>
            throttle.enter({ realm, address, user, readings: [user, ...more], isKnown: false }, now),
          );
          for (const turn of throttle.due(now).judge) {
            throttle.settle(turn, outcome, now);
            if (outcome === 'refused') guesses[turn.attempt.realm].push(now);
          }
          if (leaves) for (const turn of turns) if (!throttle.isJudged(turn)) throttle.leave(turn, now);
        }
        const deadline = throttle.deadline(now);
        assert.ok(deadline === undefined || deadline >= now);
      }
      for (const times of [guesses.vpn, guesses.admin]) {
        for (const [index, from] of times.entries()) {
          const last = times.at(-1) ?? 0;
          assert.ok(times.length - index <= 300 + (last - from) / SECOND + 1, `${times.length - index}`);
        }
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test('a name there is that user or nobody: each waits for as long, and its turn is drawn by the same lot', () => {
  // By construction: no attempt says whether there is such a user. So it is with the name of one who has logged in there.
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  throttle.settle(throttle.enter(attempt('ann'), 0), 'accepted', 0);
  assert.equal(spray(throttle, 0), 300);
  const turns = ['ann', 'nobody'].map((user) => throttle.enter(attempt(user), 0));
  assert.deepEqual(
    turns.map(({ hold }) => [hold?.cause, hold?.failures, hold?.ms]),
    [
      ['loopback', 300, undefined],
      ['loopback', 300, undefined],
    ],
  );
});

test('logins that succeed take nothing away, however many there are', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  for (let index = 0; index < 2_000; index++) {
    const turn = throttle.enter(attempt(`user${index}`), 0);
    assert.deepEqual(throttle.due(0).judge, [turn]);
    throttle.settle(turn, 'accepted', 0);
  }
  assert.deepEqual(throttle.list(0), []);
  assert.deepEqual(throttle.size, { addresses: 0, users: 0, waiting: 0, attacked: 0 });
});

test('clients that wait for a name there, or have gone, hold none of what all share', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  let guesses = 0;
  for (let time = 0; time < 40; time++) {
    throttle.enter(attempt('root'), 0);
    guesses += refuse(throttle, 0);
  }
  assert.equal(guesses, 30);
  for (let time = 0; time < 40; time++) throttle.leave(throttle.enter(attempt('root'), 0), 0);
  assert.equal(spray(throttle, 0), 270);
});

test('administrators who come through ssh do not wait for what guesses at VPN users, nor do browsers, nor anybody elsewhere', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  assert.equal(spray(throttle, 0), 300);
  assert.equal(isJudgedAtOnce(throttle, attempt('ann'), 0), false);
  for (const address of LOOPBACK)
    assert.equal(isJudgedAtOnce(throttle, attempt('ann', { address }), 0), false, address);
  assert.ok(isJudgedAtOnce(throttle, attempt('ann', { realm: 'admin' }), 0));
  assert.ok(isJudgedAtOnce(throttle, attempt('ann', { browser: 'b' }), 0));
  assert.ok(isJudgedAtOnce(throttle, attempt('ann', { address: '192.0.2.1' }), 0));
  assert.equal(spray(throttle, 0, { realm: 'admin' }), 300);
});

test('the attack is told once, by realm, with the names; it is over when half of the guesses are back', () => {
  const attacks: Attack[] = [];
  const throttle = new LoginThrottle({ random: randomFrom(1), attacked: (attack) => void attacks.push(attack) });
  spray(throttle, 0);
  for (let now = SECOND; now < 10 * SECOND; now += SECOND) spray(throttle, now);
  spray(throttle, MINUTE, { realm: 'admin' });
  const shared = { user: undefined, limit: 'loopback', at: '127.0.0.1', failures: 300, others: 300, ms: 0 } as const;
  const expected: Attack[] = [
    { realm: 'vpn', ...shared },
    { realm: 'admin', ...shared },
  ];
  assert.deepEqual(attacks, expected);
  assert.equal(throttle.size.attacked, 2);
  throttle.settle(throttle.enter(attempt('late'), 10 * MINUTE), 'refused', 10 * MINUTE);
  assert.equal(throttle.size.attacked, 1);
});

test('who guesses at one name there is told of and listed too, and so is who does where its user logged in before', () => {
  for (const [where, limit, at] of [
    [{}, 'loopback-name', '127.0.0.1'],
    [{ address: '198.51.100.7', isKnown: true }, 'known-address', '198.51.100.7'],
    [{ browser: 'b' }, 'known-browser', undefined],
  ] as const) {
    const attacks: Attack[] = [];
    const throttle = new LoginThrottle({ random: randomFrom(1), attacked: (attack) => void attacks.push(attack) });
    for (let time = 0; time < 30; time++) throttle.settle(throttle.enter(attempt('ann', where), 0), 'refused', 0);
    const turn = throttle.enter(attempt('ann', where), 0);
    assert.deepEqual([turn.hold?.cause, turn.hold?.of, turn.hold?.failures], [limit, 'ann', 30]);
    const expected: Attack[] = [{ realm: 'vpn', user: 'ann', limit, at, failures: 30, others: 1, ms: 0 }];
    assert.deepEqual(attacks, expected);
    const [row] = throttle.list(0).filter(({ kind }) => kind === 'name');
    assert.deepEqual(
      [row?.of, row?.limit, row?.at, row?.failures, row?.waiting, row?.isAttacked],
      ['ann', limit, at, 30, 1, true],
    );
  }
});

test('what is listed of a spray: loopback, with how many failed at how many names and wait; at most 1,000 names', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  spray(throttle, 0);
  for (let index = 0; index < 5; index++) throttle.enter(attempt(`waits${index}`), 0);
  const [loopback, ...others] = throttle.list(0).filter(({ kind }) => kind === 'loopback');
  assert.deepEqual(others, []);
  const { realm, of, failures, waiting, delayMs, isAttacked, liftedMs } = loopback ?? assert.fail('not listed');
  assert.deepEqual([realm, of, failures, loopback?.others], ['vpn', '127.0.0.1', 300, 300]);
  assert.deepEqual([waiting, delayMs, isAttacked, liftedMs], [5, undefined, true, undefined]);
  for (let now = SECOND; now < 2_000 * SECOND; now += SECOND) {
    throttle.settle(throttle.enter(attempt(`later ${now}`), now), 'refused', now);
  }
  const names = throttle.list(2_000 * SECOND).filter(({ kind }) => kind === 'name');
  assert.ok(names.length > 0 && names.length <= 1_000, `${names.length}`);
});

for (const [what, target] of [
  ['the name', { kind: 'name', name: 'CORP\\Ann' }],
  ['its address', { kind: 'address', address: '127.0.0.1' }],
  ['its address, as the other family has it', { kind: 'address', address: '::1' }],
  ['nothing, and all is forgotten', undefined],
] as const) {
  test(`lifted by ${what}: who waits there passes at once, and goes on to`, () => {
    const throttle = new LoginThrottle({ random: randomFrom(1) });
    spray(throttle, 0);
    const waiting = throttle.enter(attempt('ann', { address: '::1' }), 0);
    assert.deepEqual(throttle.due(0).judge, []);
    if (target === undefined) throttle.liftAll(0);
    else throttle.lift(target, 10 * MINUTE, 0);
    assert.deepEqual(throttle.due(0).judge, [waiting]);
    throttle.settle(waiting, 'refused', 0);
    assert.ok(isJudgedAtOnce(throttle, attempt('ann'), 0));
    const isAll = target?.kind !== 'name';
    assert.equal(isJudgedAtOnce(throttle, attempt('ben'), 0), isAll);
    if (target?.kind === 'address') {
      const entries = throttle.list(0).filter(({ of }) => of === '127.0.0.1');
      assert.deepEqual(
        entries.map(({ liftedMs }) => liftedMs),
        [10 * MINUTE],
      );
    }
  });
}

test('a name that is lifted has 30 guesses on loopback, then one in 10 s: lifted in a spray it is no gap', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  spray(throttle, 0);
  throttle.lift({ kind: 'name', name: 'ann' }, HOUR, 0);
  let guesses = 0;
  for (let now = 0; now < HOUR; now += SECOND) {
    throttle.enter(attempt('ann'), now);
    guesses += refuse(throttle, now);
  }
  assert.ok(guesses > 300 && guesses <= 391, `${guesses}`);
});

test('when the address is lifted the failures of the names there are forgotten, and counting begins anew after it', () => {
  const throttle = new LoginThrottle({ random: randomFrom(1) });
  for (let time = 0; time < 30; time++) throttle.settle(throttle.enter(attempt('ann'), 0), 'refused', 0);
  assert.equal(isJudgedAtOnce(throttle, attempt('ann'), 0), false);
  throttle.lift({ kind: 'address', address: '127.0.0.1' }, SECOND, 0);
  assert.equal(spray(throttle, 2 * SECOND), 300);
  assert.deepEqual(throttle.due(3 * SECOND), { judge: [], release: [] } satisfies { judge: Turn[]; release: Turn[] });
});

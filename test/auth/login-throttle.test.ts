import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LoginThrottle } from '../../auth/login-throttle.ts';

const HOME = '198.51.100.7';
const ELSEWHERE = '203.0.113.9';
const MINUTE = 60_000;

function fail(throttle: LoginThrottle, address: string, user: string, now: number): number {
  const delay = throttle.delayMs(address, user, now);
  throttle.noteFailure(address, user, now);
  return delay;
}

function succeed(throttle: LoginThrottle, address: string, user: string, now: number): number {
  const delay = throttle.delayMs(address, user, now);
  throttle.noteSuccess(address, user, now);
  return delay;
}

/** Tries one after the other, each when the one before was answered. Fading makes the delays a little shorter. */
function failInTurn(
  throttle: LoginThrottle,
  address: string,
  user: string,
  times: number,
): { delays: number[]; now: number } {
  const delays: number[] = [];
  let now = 0;
  for (let index = 0; index < times; index++) {
    const delay = fail(throttle, address, user, now);
    delays.push(delay);
    now += delay;
  }
  return { delays, now };
}

test('who has not failed is not delayed, however many log in at once', () => {
  const throttle = new LoginThrottle();
  for (let index = 0; index < 100; index++) assert.equal(succeed(throttle, HOME, `user${index}`, 0), 0);
  assert.deepEqual(throttle.size, { addresses: 0, users: 0 });
});

test('each failure doubles the delay, up to 8 s', () => {
  const { delays } = failInTurn(new LoginThrottle(), HOME, 'alice', 12);
  const expected = [0, 500, 1000, 2000, 4000, 8000, 8000, 8000];
  assert.equal(delays[0], 0);
  assert.equal(delays[1], 500);
  for (const [index, most] of expected.entries()) {
    const delay = delays[index] ?? -1;
    assert.ok(delay <= most && delay >= most * 0.9, `attempt ${index}: ${delay}`);
  }
  assert.ok(delays.slice(6).every((delay) => delay === 8000));
});

test('a right password waits as long as a wrong one', () => {
  const [right, wrong] = [new LoginThrottle(), new LoginThrottle()];
  for (const throttle of [right, wrong]) failInTurn(throttle, HOME, 'alice', 4);
  assert.equal(succeed(right, HOME, 'alice', MINUTE), fail(wrong, HOME, 'alice', MINUTE));
});

test('parallel attempts stand in a queue: the hundredth is not answered with the first', () => {
  const throttle = new LoginThrottle();
  const delays = Array.from({ length: 100 }, (_, index) => fail(throttle, HOME, `user${index}`, 0));
  assert.deepEqual(delays.slice(0, 7), [0, 500, 1500, 3500, 7500, 15_500, 23_500]);
  assert.ok(delays.slice(7).every((delay) => delay === 30_000));
});

test('a flood that is over does not keep others behind the address waiting longer than the queue is long', () => {
  const throttle = new LoginThrottle();
  for (let index = 0; index < 1000; index++) fail(throttle, HOME, `user${index}`, 0);
  assert.equal(succeed(throttle, HOME, 'alice', 20_000), 10_000 + 8_000);
  assert.equal(succeed(throttle, HOME, 'alice', 30_000), 8_000);
});

test('attempts whose outcome is not known yet take their place in the queue as well', () => {
  const throttle = new LoginThrottle();
  const delays = Array.from({ length: 8 }, (_, index) => throttle.delayMs(HOME, `user${index}`, 0));
  assert.deepEqual(delays, [0, 500, 1500, 3500, 7500, 15_500, 23_500, 30_000]);
});

test('an attempt that turns out right frees its place', () => {
  const throttle = new LoginThrottle();
  throttle.delayMs(HOME, 'alice', 0);
  throttle.delayMs(HOME, 'bob', 0);
  throttle.noteSuccess(HOME, 'alice', 10);
  throttle.noteSuccess(HOME, 'bob', 10);
  assert.equal(throttle.delayMs(HOME, 'carol', 10), 0);
});

test('an attempt of which nothing more is heard counts as a failure and fades', () => {
  const throttle = new LoginThrottle();
  throttle.delayMs(HOME, 'alice', 0);
  // Faded for two of five minutes: 2 ** -0.4 of a failure is left.
  assert.equal(throttle.delayMs(HOME, 'alice', 2 * MINUTE), Math.ceil(500 * 2 ** (2 ** -0.4 - 1)));
  assert.equal(throttle.delayMs(HOME, 'alice', 100 * MINUTE), 0);
});

test('failures fade: half of them in five minutes, all in the end', () => {
  const throttle = new LoginThrottle();
  for (let index = 0; index < 4; index++) fail(throttle, HOME, 'alice', 0);
  // 4 failures cost a step of 4 s; faded to 2 they cost 1 s.
  assert.equal(succeed(throttle, HOME, 'alice', 5 * MINUTE), 1000);
  assert.equal(succeed(throttle, HOME, 'alice', 10 * MINUTE), 500);
  assert.equal(succeed(throttle, HOME, 'alice', 16 * MINUTE), 0);
  assert.deepEqual(throttle.size, { addresses: 0, users: 0 });
});

test("a success does not wipe out failures: an attacker's own account would be the eraser", () => {
  const [plain, erased] = [new LoginThrottle(), new LoginThrottle()];
  for (let index = 0; index < 5; index++) {
    fail(plain, HOME, 'victim', 0);
    fail(erased, HOME, 'victim', 0);
    succeed(erased, HOME, 'mallory', 0);
  }
  assert.equal(erased.delayMs(HOME, 'victim', MINUTE), plain.delayMs(HOME, 'victim', MINUTE));
});

test('right logins do not lengthen the queue for those behind them', () => {
  const throttle = new LoginThrottle();
  for (let index = 0; index < 3; index++) fail(throttle, HOME, 'alice', 0);
  const delays = Array.from({ length: 20 }, (_, index) => succeed(throttle, HOME, `user${index}`, 1500));
  assert.deepEqual(new Set(delays).size, 1);
});

test('guessing at a name from one address costs its owner elsewhere 1 s at most', () => {
  const throttle = new LoginThrottle();
  const { now } = failInTurn(throttle, HOME, 'alice', 50);
  assert.equal(throttle.delayMs(HOME, 'alice', now), 8000);
  assert.equal(throttle.delayMs(ELSEWHERE, 'alice', now), 1000);
});

test('guessing at a name from many addresses costs its owner 1 s at most, and each guesser too until he has failed', () => {
  const throttle = new LoginThrottle();
  for (let index = 0; index < 500; index++) {
    assert.ok(fail(throttle, `192.0.2.${index % 250}`, 'alice', 0) <= 8000);
  }
  assert.equal(succeed(throttle, HOME, 'alice', 0), 1000);
  // After one failure of his own an address counts as a guesser's.
  fail(throttle, ELSEWHERE, 'alice', 0);
  assert.equal(throttle.delayMs(ELSEWHERE, 'alice', 0), 8000);
});

test('all spellings of a user are one', () => {
  for (const spelling of ['ALICE', 'CORP\\alice', 'alice@corp', 'CORP\\Alice@corp']) {
    const throttle = new LoginThrottle();
    for (let index = 0; index < 5; index++) fail(throttle, HOME, spelling, 0);
    assert.equal(throttle.delayMs(ELSEWHERE, 'alice', 0), 1000, spelling);
    assert.equal(throttle.delayMs('192.0.2.1', 'bob', 0), 0);
  }
});

const SAME: readonly (readonly [string, string])[] = [
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
  ['2001:db8:1:2::1', '2001:0DB8:0001:0002:0000:0000:0000:0009'],
  ['198.51.100.7', '::ffff:198.51.100.7'],
  ['198.51.100.7', '::ffff:c633:6407'],
  ['fe80::1%eth0', 'fe80::2'],
];
const DIFFERENT: readonly (readonly [string, string])[] = [
  ['2001:db8:1:2::1', '2001:db8:1:3::1'],
  ['198.51.100.7', '198.51.100.8'],
  ['::ffff:198.51.100.7', '::ffff:198.51.100.8'],
  ['::1', '::ffff:0.0.0.1'],
  ['not an address', 'another'],
];

for (const [one, other] of SAME) {
  test(`${one} and ${other} count as one address`, () => {
    const throttle = new LoginThrottle();
    fail(throttle, one, 'alice', 0);
    assert.equal(throttle.delayMs(other, 'bob', 0), 500);
  });
}

for (const [one, other] of DIFFERENT) {
  test(`${one} and ${other} count as two addresses`, () => {
    const throttle = new LoginThrottle();
    fail(throttle, one, 'alice', 0);
    assert.equal(throttle.delayMs(other, 'bob', 0), 0);
  });
}

test('a flood of addresses and names is forgotten from its oldest end, whoever comes back stays', () => {
  const throttle = new LoginThrottle({ maxEntries: 100 });
  for (let index = 0; index < 1000; index++) {
    fail(throttle, `10.0.${index >> 8}.${index & 255}`, `name${index}`, index);
    fail(throttle, HOME, 'alice', index);
    assert.ok(throttle.size.addresses <= 100 && throttle.size.users <= 100);
  }
  assert.deepEqual(throttle.size, { addresses: 100, users: 100 });
  assert.equal(throttle.delayMs(ELSEWHERE, 'alice', 1000), 1000);
  assert.equal(throttle.delayMs('10.0.0.0', 'bob', 1000), 0);
});

type Step = {
  readonly kind: 'delay' | 'failure' | 'success';
  readonly address: number;
  readonly user: number;
  readonly ms: number;
};

test('whatever is called in whatever order, a delay is a whole number of ms from 0 to 30 s and the tables are bounded', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('delay', 'failure', 'success'),
    address: fc.nat(9),
    user: fc.nat(9),
    ms: fc.nat(1_000_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const throttle = new LoginThrottle({ maxEntries: 5 });
      let now = 0;
      for (const { kind, address, user, ms } of steps) {
        now += ms;
        const key = [`192.0.2.${address}`, `user${user}`, now] as const;
        if (kind === 'failure') throttle.noteFailure(...key);
        else if (kind === 'success') throttle.noteSuccess(...key);
        else {
          const delay = throttle.delayMs(...key);
          assert.ok(Number.isInteger(delay) && delay >= 0 && delay <= 30_000, String(delay));
        }
        assert.ok(throttle.size.addresses <= 5 && throttle.size.users <= 5);
      }
    }),
    { numRuns: 200 },
  );
});

test('a guesser gets no more than one answer per 8 s in the long run, in parallel or not', () => {
  for (const parallel of [1, 4, 16]) {
    const throttle = new LoginThrottle();
    const hour = 60 * MINUTE;
    let answers = 0;
    // Each lane sends its next guess when its last one was answered.
    const lanes = Array.from({ length: parallel }, () => 0);
    for (;;) {
      const now = Math.min(...lanes);
      if (now >= hour) break;
      lanes[lanes.indexOf(now)] = now + Math.max(fail(throttle, HOME, 'alice', now), 1);
      answers++;
    }
    // The queue ends at 30 s, so from four lanes on the number of connections sets the rate.
    assert.ok(answers <= (hour / 30_000) * Math.max(parallel, 30 / 8) + 20, `${parallel} lanes: ${answers}`);
  }
});

test('an attempt that nobody looked at leaves no trace', () => {
  const throttle = new LoginThrottle();
  failInTurn(throttle, HOME, 'alice', 3);
  const before = throttle.delayMs(HOME, 'alice', MINUTE);
  throttle.withdraw(HOME, 'alice', MINUTE);
  for (let index = 0; index < 50; index++) {
    assert.equal(throttle.delayMs(HOME, 'alice', MINUTE), before);
    throttle.withdraw(HOME, 'alice', MINUTE);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Attack, LONGEST_HOLD_MS, LoginThrottle, PLACE_KEPT_MS } from '../../../auth/throttle/login-throttle.ts';
import type { LoginAttempt, Turn } from '../../../auth/throttle/place.ts';

const HOME = '198.51.100.7';
const ELSEWHERE = '203.0.113.9';
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

function newThrottle(
  options: { readonly maxEntries?: number; readonly attacked?: (attack: Attack) => void } = {},
): LoginThrottle {
  return new LoginThrottle({ random: () => 0, ...options });
}

function attempt(address: string, user: string, more: Partial<LoginAttempt> = {}): LoginAttempt {
  return { realm: 'vpn', address, user, isKnown: false, ...more };
}

/** When an attempt that begins now is judged; it is settled then. Undefined if it is not within 10 minutes. */
function judgedAfter(
  throttle: LoginThrottle,
  wanted: LoginAttempt,
  now: number,
  outcome: 'accepted' | 'refused' | 'stale' = 'refused',
): number | undefined {
  let turn: Turn | undefined = throttle.enter(wanted, now);
  for (let at = now; at < now + 10 * MINUTE; ) {
    const { judge, release } = throttle.due(at);
    if (turn !== undefined && judge.includes(turn)) {
      throttle.settle(turn, outcome, at);
      return Math.round(at - now);
    }
    // Who is told to come again comes again.
    if (turn !== undefined && release.includes(turn)) turn = throttle.enter(wanted, at);
    at = throttle.deadline(at) ?? at + SECOND;
  }
  if (turn !== undefined) throttle.leave(turn, now + 10 * MINUTE);
  return undefined;
}

const fail = (throttle: LoginThrottle, address: string, user: string, now: number): number =>
  judgedAfter(throttle, attempt(address, user), now) ?? assert.fail('not judged');

/** Tries one after the other, each when the one before was answered. */
function failInTurn(throttle: LoginThrottle, address: string, user: string, times: number, start = 0): number[] {
  let now = start;
  return Array.from({ length: times }, () => {
    const delay = fail(throttle, address, user, now);
    now += delay;
    return delay;
  });
}

test('who has not failed is not delayed, however many log in at once, and leaves nothing to remember', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 100; index++) {
    assert.equal(judgedAfter(throttle, attempt(HOME, `user${index}`), 0, 'accepted'), 0);
  }
  assert.deepEqual(throttle.size, { addresses: 0, users: 0, waiting: 0, attacked: 0 });
});

test('each failure of a name at an address doubles the delay, up to 8 s', () => {
  const delays = failInTurn(newThrottle(), HOME, 'alice', 12);
  const expected = [0, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000, 8000];
  for (const [index, most] of expected.entries()) {
    const delay = delays[index] ?? -1;
    assert.ok(delay <= most && delay >= most * 0.85, `attempt ${index}: ${delay}`);
  }
});

for (const failures of [4, 20, 200]) {
  test(`a name that never failed waits less than 3 s, after ${failures} failures of another at its address`, () => {
    const throttle = newThrottle();
    const spent = failInTurn(throttle, HOME, 'alice', Math.min(failures, 30)).reduce((sum, ms) => sum + ms, 0);
    const bob = judgedAfter(throttle, attempt(HOME, 'bob'), spent, 'accepted') ?? 99_999;
    assert.ok(bob < 3_000, `${bob} ms`);
  });
}

test('a name that never failed waits less than 3 s while 20 wrong ones wait', () => {
  for (const user of [(_: number) => 'alice', (index: number) => `user${index}`]) {
    const throttle = newThrottle();
    failInTurn(throttle, HOME, 'alice', 6);
    for (let index = 0; index < 20; index++) throttle.enter(attempt(HOME, user(index)), 30 * SECOND);
    const bob = judgedAfter(throttle, attempt(HOME, 'bob'), 30 * SECOND, 'accepted') ?? 99_999;
    assert.ok(bob < 3_000, `${bob} ms`);
  }
});

test('the same after an hour in which a laptop failed once a minute', () => {
  const throttle = newThrottle();
  for (let minute = 0; minute < 60; minute++) fail(throttle, HOME, 'alice', minute * MINUTE);
  const bob = judgedAfter(throttle, attempt(HOME, 'bob'), HOUR, 'accepted') ?? 99_999;
  assert.ok(bob < 3_000, `${bob} ms`);
  assert.equal(judgedAfter(throttle, attempt(HOME, 'carol', { isKnown: true }), HOUR, 'accepted'), 0);
});

test('but not where name after name is tried: from 32 on each waits its turn', () => {
  const throttle = newThrottle();
  let now = 0;
  for (let index = 0; index < 32; index++) now += fail(throttle, HOME, `user${index}`, now);
  assert.ok(now <= 32 * 2_500, `${now} ms for the first 32`);
  const before = now;
  for (let index = 32; index < 132; index++) now += fail(throttle, HOME, `user${index}`, now);
  assert.ok(now - before > 100 * 7_000, `${now - before} ms for 100 more`);
});

test('where somebody is at home, one failure of a name in a minute counts', () => {
  const [home, strange] = [newThrottle(), newThrottle()];
  home.noteSession(HOME, 1);
  for (const throttle of [home, strange]) {
    for (let second = 0; second < 50; second += 10) fail(throttle, HOME, 'alice', second * SECOND);
  }
  const stepAt = (throttle: LoginThrottle): number =>
    throttle.list(MINUTE).find(({ kind }) => kind === 'address')?.delayMs ?? 0;
  assert.ok(stepAt(home) <= 500, `${stepAt(home)} ms at home`);
  assert.ok(stepAt(strange) >= 4_000, `${stepAt(strange)} ms elsewhere`);
});

test('the same wrong password in plain again is no new failure and no new guess; another one is', () => {
  const throttle = newThrottle();
  const wrong = attempt(HOME, 'alice', { proof: 'one' });
  assert.equal(judgedAfter(throttle, wrong, 0), 0);
  for (let time = 1; time < 100; time++) assert.ok((judgedAfter(throttle, wrong, time * SECOND) ?? 9_999) <= 500);
  assert.equal(
    throttle.list(100 * SECOND).find(({ kind }) => kind === 'name'),
    undefined,
    'the one guess is back',
  );
  for (let time = 0; time < 5; time++) judgedAfter(throttle, { ...wrong, proof: `other ${time}` }, 200 * SECOND + time);
  assert.ok((judgedAfter(throttle, attempt(HOME, 'alice'), 230 * SECOND) ?? 0) > 1_000);
});

for (const [where, more] of [
  ['at a known address', { address: HOME, isKnown: true }],
  ['in a known browser', { address: ELSEWHERE, browser: 'b' }],
  ['on loopback', { address: '127.0.0.1' }],
] as const) {
  test(`so it is ${where}, where no queue of the address counts; and nobody is told of an attack`, () => {
    const throttle = newThrottle({ attacked: () => assert.fail('told') });
    const wrong = attempt(HOME, 'alice', { ...more, proof: 'one' });
    for (let time = 0; time < 400; time++) assert.equal(judgedAfter(throttle, wrong, time), 0);
    const [row, ...others] = throttle.list(400).filter(({ kind }) => kind === 'name');
    assert.deepEqual([row?.failures, others], [1, []]);
  });

  test(`of an administrator each counts, since it costs a long hash (${where})`, () => {
    const throttle = newThrottle();
    const wrong = attempt(HOME, 'alice', { ...more, realm: 'admin', proof: 'one' });
    for (let time = 0; time < 30; time++) assert.equal(judgedAfter(throttle, wrong, 0), 0);
    assert.ok((judgedAfter(throttle, wrong, 0) ?? 0) > 5_000);
  });

  test(`other ones are guesses ${where}`, () => {
    const throttle = newThrottle();
    const tryOf = (time: number): number | undefined =>
      judgedAfter(throttle, attempt(HOME, 'alice', { ...more, proof: `${time % 2}` }), 0);
    for (let time = 0; time < 30; time++) assert.equal(tryOf(time), 0);
    assert.ok((tryOf(30) ?? 0) > 5_000);
  });
}

test('a stale proof, such as the password before this one, is no failure and no guess', () => {
  const throttle = newThrottle();
  for (let time = 0; time < 500; time++) assert.equal(judgedAfter(throttle, attempt(HOME, 'alice'), time, 'stale'), 0);
  assert.deepEqual(throttle.size, { addresses: 0, users: 0, waiting: 0, attacked: 0 });
});

test('a right password waits as long as a wrong one', () => {
  const [right, wrong] = [newThrottle(), newThrottle()];
  for (const throttle of [right, wrong]) failInTurn(throttle, HOME, 'alice', 4);
  assert.equal(
    judgedAfter(right, attempt(HOME, 'alice'), MINUTE, 'accepted'),
    judgedAfter(wrong, attempt(HOME, 'alice'), MINUTE),
  );
});

test('failures fade: half of them in five minutes, all in the end', () => {
  const throttle = newThrottle();
  failInTurn(throttle, HOME, 'alice', 4);
  const succeed = (now: number): number => judgedAfter(throttle, attempt(HOME, 'alice'), now, 'accepted') ?? 0;
  assert.ok(succeed(5 * MINUTE + 4_000) <= 1_000);
  assert.ok(succeed(10 * MINUTE + 4_000) <= 500);
  assert.equal(succeed(20 * MINUTE), 0);
});

test("a success does not wipe out failures: an attacker's own account would be the eraser", () => {
  const [plain, erased] = [newThrottle(), newThrottle()];
  for (let index = 0; index < 5; index++) {
    fail(plain, HOME, 'victim', index * 10 * SECOND);
    fail(erased, HOME, 'victim', index * 10 * SECOND);
    judgedAfter(erased, attempt(HOME, 'mallory', { isKnown: true }), index * 10 * SECOND + 9 * SECOND, 'accepted');
  }
  const [a, b] = [plain, erased].map((throttle) => judgedAfter(throttle, attempt(HOME, 'victim'), MINUTE) ?? 0);
  // At home one failure in a minute counts, so five in a row are fewer there: but they are there.
  assert.ok((a ?? 0) > 4_000 && (b ?? 0) >= 400, `${a}, ${b}`);
});

test('guesses at a name from everywhere: 30, then one a minute; the address from which its owner logged in is untouched', () => {
  const attacks: Attack[] = [];
  const throttle = newThrottle({ attacked: (attack) => void attacks.push(attack) });
  for (let index = 0; index < 30; index++) assert.equal(fail(throttle, `192.0.2.${index}`, 'alice', 0), 0);
  assert.equal(attacks.length, 1);
  const limit = { limit: 'strangers', at: undefined } as const;
  assert.deepEqual(attacks[0], { realm: 'vpn', user: 'alice', ...limit, failures: 30, others: 1, ms: 0 });
  assert.equal(fail(throttle, '192.0.2.200', 'alice', 0), MINUTE);
  assert.equal(judgedAfter(throttle, attempt(HOME, 'alice', { isKnown: true }), 70 * SECOND, 'accepted'), 0);
  assert.equal(judgedAfter(throttle, attempt(ELSEWHERE, 'alice', { browser: 'b' }), 70 * SECOND, 'accepted'), 0);
  assert.equal(judgedAfter(throttle, attempt(ELSEWHERE, 'bob'), 70 * SECOND, 'accepted'), 0);
  assert.equal(attacks.length, 1, 'told once');
  // It is over when half of the guesses are back.
  assert.equal(throttle.size.attacked, 1);
  fail(throttle, ELSEWHERE, 'alice', 20 * MINUTE);
  assert.equal(throttle.size.attacked, 0);
});

test('a right login of a stranger takes no guess away', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 200; index++) {
    assert.equal(judgedAfter(throttle, attempt(`192.0.2.${index}`, 'alice'), 0, 'accepted'), 0);
  }
});

test('somebody else at a known address cannot guess without end: 30, then one in 10 s', () => {
  const throttle = newThrottle();
  let now = 0;
  let guesses = 0;
  while (now < HOUR) {
    now += Math.max(judgedAfter(throttle, attempt(HOME, 'alice', { isKnown: true }), now) ?? 0, 1);
    guesses += 1;
  }
  assert.ok(guesses > 300 && guesses <= 391, `${guesses}`);
});

test('what a stranger gets does not tell whether there is such a user: the throttle is never told', () => {
  // By construction: no attempt carries it. What it carries besides is the same for all strangers.
  assert.deepEqual(Object.keys(attempt(HOME, 'alice')).sort(), ['address', 'isKnown', 'realm', 'user']);
});

test('on loopback the name counts and not the address: a guesser there slows no other name', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 40; index++)
    throttle.settle(throttle.enter(attempt('127.0.0.1', 'root', { realm: 'admin' }), 0), 'refused', 0);
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    assert.equal(judgedAfter(throttle, attempt(address, 'ann', { realm: 'admin' }), 0, 'accepted'), 0, address);
  }
  const waited = judgedAfter(throttle, attempt('127.0.0.1', 'root', { realm: 'admin' }), 1, 'accepted') ?? 0;
  assert.ok(waited > 0 && waited <= 10_000, `${waited} ms: it waits and is not refused`);
  assert.equal(judgedAfter(throttle, attempt('127.0.0.1', 'root', { realm: 'admin', browser: 'b' }), 2, 'accepted'), 0);
});

test('a VPN user and an administrator of one name have nothing to do with one another', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 35; index++)
    throttle.settle(throttle.enter(attempt(`192.0.2.${index}`, 'ann'), 0), 'refused', 0);
  assert.equal(judgedAfter(throttle, attempt(HOME, 'ann', { realm: 'admin' }), 0), 0);
});

test('all spellings of a user are one', () => {
  for (const spelling of ['ALICE', 'CORP\\alice', 'alice@corp', 'CORP\\Alice@corp', 'alice@corp@example']) {
    const throttle = newThrottle();
    for (let index = 0; index < 30; index++) fail(throttle, `192.0.2.${index}`, spelling, 0);
    assert.equal(fail(throttle, ELSEWHERE, 'alice', 0), MINUTE, spelling);
    assert.equal(fail(throttle, '192.0.2.100', 'bob', 0), 0);
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
  ['::2', '::ffff:0.0.0.2'],
  ['not an address', 'another'],
];

for (const [one, other] of SAME) {
  test(`${one} and ${other} count as one address`, () => {
    const throttle = newThrottle();
    fail(throttle, one, 'alice', 0);
    assert.equal(fail(throttle, other, 'bob', 0), 500);
  });
}

for (const [one, other] of DIFFERENT) {
  test(`${one} and ${other} count as two addresses`, () => {
    const throttle = newThrottle();
    fail(throttle, one, 'alice', 0);
    assert.equal(fail(throttle, other, 'bob', 0), 0);
  });
}

test('one IPv6 /48 does not have guesses without end, whatever the names', () => {
  const throttle = newThrottle();
  let now = 0;
  let guesses = 0;
  // Always another /64 and another name, one after the other.
  for (; now < HOUR && guesses < 20_000; guesses++) {
    const [site, host] = [(guesses >> 8) & 255, guesses & 255].map((byte) => byte.toString(16).padStart(2, '0'));
    now += fail(throttle, `2001:db8:1:${site}${host}::1`, `user${guesses}`, now);
  }
  assert.ok(guesses < 4_000, `${guesses} in an hour`);
  assert.equal(fail(throttle, '2001:db8:2::1', 'somebody', now), 0, 'another /48');
});

test('a place is kept for ten minutes: what was drawn while its client was away is there when it comes again', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 30; index++) fail(throttle, `192.0.2.${index}`, 'alice', 0);
  const first = throttle.enter(attempt(ELSEWHERE, 'alice'), 0);
  assert.deepEqual(throttle.due(0), { judge: [], release: [] });
  assert.deepEqual([first.hold?.cause, first.hold?.failures, first.hold?.lots], ['strangers', 30, 1]);
  throttle.leave(first, 3 * SECOND);
  throttle.enter(attempt('192.0.2.99', 'alice'), 61 * SECOND);
  throttle.due(61 * SECOND);
  assert.equal(judgedAfter(throttle, attempt(ELSEWHERE, 'alice'), 5 * MINUTE, 'accepted'), 0);

  const again = throttle.enter(attempt(HOME, 'alice'), 5 * MINUTE);
  throttle.leave(again, 5 * MINUTE);
  throttle.enter(attempt('192.0.2.98', 'alice'), 5 * MINUTE + PLACE_KEPT_MS + 1);
  assert.ok(throttle.list(5 * MINUTE + PLACE_KEPT_MS + 1).length > 0);
});

test('who hangs up while it waits has guessed nothing: the next one waits no longer, and its place in the queue is kept', () => {
  const throttle = newThrottle();
  failInTurn(throttle, HOME, 'alice', 4);
  const hold = (now: number): number => {
    const turn = throttle.enter(attempt(HOME, 'alice'), now);
    const ms = turn.hold?.ms ?? 0;
    throttle.leave(turn, now + 1);
    return ms;
  };
  const first = hold(5 * SECOND);
  assert.ok(first > 3_000);
  assert.equal(hold(5 * SECOND + 1_000), first - 1_000);
  assert.equal(hold(5 * SECOND + 2_000), first - 2_000);
  assert.equal(hold(5 * SECOND + first), 0);
});

test('nobody is held for longer than 25 s; then it is told to come again', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 30; index++) fail(throttle, `192.0.2.${index}`, 'alice', 0);
  const turn = throttle.enter(attempt(ELSEWHERE, 'alice'), 0);
  throttle.due(0);
  assert.equal(throttle.deadline(0), LONGEST_HOLD_MS);
  assert.deepEqual(throttle.due(LONGEST_HOLD_MS).release, [turn]);
  assert.equal(throttle.deadline(LONGEST_HOLD_MS), undefined);
});

test('lifted: a name passes until its owner has logged in, an address until its time is over, who waits at once', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 30; index++) fail(throttle, `192.0.2.${index}`, 'alice', 0);
  const waiting = throttle.enter(attempt(ELSEWHERE, 'alice'), 0);
  throttle.lift({ kind: 'name', name: 'CORP\\Alice' }, 10 * MINUTE, SECOND);
  assert.equal(throttle.list(SECOND)[0]?.liftedMs, 10 * MINUTE);
  assert.deepEqual(throttle.due(SECOND).judge, [waiting]);
  throttle.settle(waiting, 'refused', SECOND);
  assert.equal(judgedAfter(throttle, attempt(HOME, 'alice'), SECOND, 'accepted'), 0);
  assert.ok(fail(throttle, '192.0.2.201', 'alice', 2 * SECOND) > 50_000, 'its owner is in: nobody else passes');

  throttle.lift({ kind: 'address', address: '192.0.2.202' }, MINUTE, 5 * MINUTE);
  for (let time = 0; time < 10; time++) assert.equal(fail(throttle, '192.0.2.202', 'alice', 5 * MINUTE + time), 0);
  assert.ok(fail(throttle, '192.0.2.202', 'alice', 7 * MINUTE) >= 0);
  throttle.liftAll(8 * MINUTE);
  assert.deepEqual(throttle.size, { addresses: 0, users: 0, waiting: 0, attacked: 0 });
});

test('guesses from one address at a name that is lifted are as slow as at any other; its owner gets in at once', () => {
  for (const address of [HOME, '127.0.0.1']) {
    const throttle = newThrottle();
    for (let index = 0; index < 31; index++) {
      throttle.settle(throttle.enter(attempt(`192.0.${index}.1`, 'alice'), 0), 'refused', 0);
    }
    throttle.lift({ kind: 'name', name: 'alice' }, 10 * MINUTE, 0);
    let now = 0;
    let guesses = 0;
    for (; now < 10 * MINUTE && guesses < 1_000; guesses++) now += Math.max(fail(throttle, address, 'alice', now), 1);
    assert.ok(guesses <= 92, `${guesses} from ${address}`);
    throttle.lift({ kind: 'name', name: 'alice' }, 10 * MINUTE, now);
    assert.equal(judgedAfter(throttle, attempt(ELSEWHERE, 'alice'), now, 'accepted'), 0);
  }
});

test('while a name is lifted an address has 30 guesses at it and then one in 10 s, also where its failures are no hindrance', () => {
  const throttle = newThrottle();
  throttle.noteSession(HOME, 1);
  throttle.lift({ kind: 'name', name: 'alice' }, 3 * HOUR, 0);
  let now = 0;
  let guesses = 0;
  for (; now < HOUR && guesses < 1_000; guesses++) now += Math.max(fail(throttle, HOME, 'alice', now), 1);
  assert.ok(guesses <= 391, `${guesses}`);
});

test('a lifted name that is new at an address where others fail waits as any other does', () => {
  const throttle = newThrottle();
  failInTurn(throttle, HOME, 'carol', 12);
  throttle.lift({ kind: 'name', name: 'alice' }, 10 * MINUTE, MINUTE);
  const waited = judgedAfter(throttle, attempt(HOME, 'alice'), MINUTE, 'accepted') ?? 99_999;
  assert.ok(waited > 0 && waited <= 2_500, `${waited} ms`);
});

test('a flood of addresses and names is forgotten from its oldest end, and washes out no attack and no busy address', () => {
  const throttle = newThrottle({ maxEntries: 100 });
  for (let index = 0; index < 30; index++) fail(throttle, `192.0.2.${index}`, 'alice', 0);
  const spent = failInTurn(throttle, HOME, 'carol', 8).reduce((sum, ms) => sum + ms, 0);
  for (let index = 0; index < 5_000; index++) {
    throttle.settle(
      throttle.enter(attempt(`10.${index >> 8}.${index & 255}.1`, `name${index}`), spent),
      'refused',
      spent,
    );
    assert.ok(throttle.size.addresses <= 200 && throttle.size.users <= 200);
  }
  assert.equal(throttle.size.attacked, 1);
  assert.ok(fail(throttle, ELSEWHERE, 'alice', spent) > 20_000);
  assert.ok(fail(throttle, HOME, 'carol', spent) > 5_000);
});

test('waiting clients are bounded; of those that wait for a name the network with most of them gives way', () => {
  const throttle = newThrottle();
  for (let index = 0; index < 30; index++) fail(throttle, `192.0.2.${index}`, 'alice', 0);
  const owner = throttle.enter(attempt(ELSEWHERE, 'alice'), 0);
  const released = new Set<Turn>();
  for (let index = 0; index < 250; index++) {
    throttle.enter(attempt(`192.0.2.${index}`, 'alice'), 1);
    for (const turn of throttle.due(1).release) released.add(turn);
  }
  assert.equal(throttle.size.waiting, 64);
  assert.equal(released.has(owner), false);
  // Whoever need not wait does not notice.
  assert.equal(judgedAfter(throttle, attempt(HOME, 'bob'), 2, 'accepted'), 0);
  assert.equal(judgedAfter(throttle, attempt(HOME, 'alice', { isKnown: true }), 2, 'accepted'), 0);
});

test('several at one place wait for no verdict where nothing has failed', () => {
  const throttle = newThrottle();
  const turns = Array.from({ length: 3 }, () => throttle.enter(attempt(HOME, 'alice'), 0));
  assert.deepEqual(
    turns.map(({ hold }) => hold),
    [undefined, undefined, undefined],
  );
  assert.deepEqual(throttle.due(0).judge, turns);
});

test('several that wait at one place are judged one after the other, each as what it is: the next guess', () => {
  const throttle = newThrottle();
  throttle.settle(throttle.enter(attempt(HOME, 'alice'), 0), 'refused', 0);
  const turns = Array.from({ length: 3 }, () => throttle.enter(attempt(HOME, 'alice'), 0));
  assert.deepEqual(throttle.due(0).judge, []);
  assert.deepEqual(throttle.due(500).judge, turns.slice(0, 1));
  assert.deepEqual(throttle.due(510).judge, []);
  throttle.settle(turns[0] ?? assert.fail(), 'refused', 510);
  assert.deepEqual(throttle.due(510).judge, []);
  assert.equal(Math.round(throttle.deadline(510) ?? 0), 1509); // the first failure has faded a little
  assert.deepEqual(throttle.due(1510).judge, turns.slice(1, 2));
});

test('right logins that take time slow nobody: an office of 100 dials at once, and its server answers in a second', () => {
  const throttle = newThrottle();
  const perAddress = 16;
  for (let office = 0; office < 6; office += 1) {
    const turns = Array.from({ length: perAddress }, (_, user) =>
      throttle.enter(attempt(`192.0.2.${office}`, `user ${office} ${user}`), 0),
    );
    for (const turn of turns) assert.equal(turn.hold, undefined);
  }
  const { judge } = throttle.due(0);
  assert.equal(judge.length, 6 * perAddress);
  for (const turn of judge) throttle.settle(turn, 'accepted', 1_000);
  assert.equal(throttle.enter(attempt('192.0.2.0', 'user 0 16'), 1_000).hold, undefined);
});

test('who guesses at many names in parallel has 16 before the first has failed, and pays for all of them', () => {
  const throttle = newThrottle();
  const turns = Array.from({ length: 100 }, (_, user) => throttle.enter(attempt(HOME, `user ${user}`), 0));
  const { judge } = throttle.due(0);
  assert.equal(judge.length, 17); // the first that is counted costs what a first failure does, from the next on
  for (const turn of judge) throttle.settle(turn, 'refused', 200);
  assert.ok(turns.slice(17).every(({ hold }) => hold !== undefined));
  const next = throttle.enter(attempt(HOME, 'one more'), 30_000);
  assert.ok((next.hold?.ms ?? 0) >= 2_500, `${next.hold?.ms} ms`);
});

type Step = {
  readonly kind: 'enter' | 'leave' | 'settle' | 'lift';
  readonly address: number;
  readonly user: number;
  readonly ms: number;
  readonly outcome: 'accepted' | 'refused' | 'stale' | 'unjudged';
  readonly isKnown: boolean;
  /** That it may be read as, besides. */
  readonly more: readonly number[];
};

test('whatever happens in whatever order: bounded, every turn handed out once, and the deadline is never passed twice', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('enter', 'enter', 'enter', 'leave', 'settle', 'lift'),
    address: fc.nat(9),
    user: fc.nat(4),
    ms: fc.nat(100_000),
    outcome: fc.constantFrom('accepted', 'refused', 'refused', 'stale', 'unjudged'),
    isKnown: fc.boolean(),
    more: fc.array(fc.nat(6), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const throttle = newThrottle({ maxEntries: 5 });
      const open = new Set<Turn>();
      const handed = new Set<Turn>();
      let now = 0;
      const due = (): void => {
        const { judge, release } = throttle.due(now);
        for (const turn of [...judge, ...release]) {
          assert.ok(open.delete(turn), 'handed out twice');
          if (judge.includes(turn)) handed.add(turn);
        }
        const deadline = throttle.deadline(now);
        assert.ok(deadline === undefined || deadline > now, `${deadline} at ${now}`);
      };
      for (const { kind, address, user, ms, outcome, isKnown, more } of steps) {
        now += ms;
        due();
        const [waiting, judged] = [[...open][address], [...handed][0]];
        const readings = [user, ...more].map((index) => `user${index}`);
        const wanted = attempt(`192.0.${address}.1`, `user${user}`, { isKnown, readings });
        if (kind === 'enter') open.add(throttle.enter(wanted, now));
        else if (kind === 'leave' && waiting !== undefined) {
          throttle.leave(waiting, now);
          open.delete(waiting);
        } else if (kind === 'settle' && judged !== undefined) {
          throttle.settle(judged, outcome, now);
          handed.delete(judged);
        } else if (kind === 'lift') throttle.lift({ kind: 'name', name: `user${user}` }, ms, now);
        due();
        assert.ok(throttle.size.addresses <= 10);
      }
      for (const turn of handed) throttle.settle(turn, 'refused', now);
      // All come to an end.
      for (let round = 0; round < 300 && throttle.size.waiting > 0; round++) {
        now = throttle.deadline(now) ?? now;
        due();
        for (const turn of handed) throttle.settle(turn, 'refused', now);
        handed.clear();
        due();
        for (const turn of handed) throttle.settle(turn, 'refused', now);
        handed.clear();
      }
      assert.equal(throttle.size.waiting, 0);
    }),
    { numRuns: 200 },
  );
});

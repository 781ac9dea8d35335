import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AttemptView } from '../../../admin/index.ts';
import { PortalDesk } from '../../../server/control/portal-desk.ts';
import type { Login } from '../../../server/control/session-observer.ts';
import { PortalAttempt } from '../../../server/observe/explain/portal-attempt.ts';
import type { PortalAnswer } from '../../../server/site/index.ts';
import { usersOf } from '../../../store/sqlite/sqlite-store.ts';
import { PLAIN } from '../../profile/facts.ts';
import { settle, World, type WorldOptions } from '../support.ts';

const record = (address: string): PortalAttempt => new PortalAttempt(address);

const PASSWORD = 'correct horse';
const ANN = { kind: 'sign-in', address: '192.0.2.7', name: 'ann', password: PASSWORD } as const;
const WRONG = { ...ANN, password: 'wrong' } as const;

function newDesk(t: TestContext, options: WorldOptions = {}): { readonly world: World; readonly desk: PortalDesk } {
  const world = new World(t, { users: [{ name: 'ann', password: PASSWORD }], ...options });
  const { authenticator: verifier, logins, store, log } = world;
  const { clock } = world.context;
  return {
    world,
    desk: new PortalDesk({
      verifier,
      logins,
      users: usersOf(store),
      clock,
      log,
      facts: (user) => ({ ...PLAIN, user }),
      record,
    }),
  };
}

/** @returns the id of the session */
async function signedIn(desk: PortalDesk): Promise<string> {
  const answer = await desk.ask(ANN);
  return (answer.kind === 'welcome' ? answer.session : undefined) ?? assert.fail(answer.kind);
}

/** An answer, however long it takes in virtual time. */
async function later(world: World, answer: Promise<PortalAnswer>): Promise<PortalAnswer & { readonly ms: number }> {
  const startedAt = world.now;
  let got: PortalAnswer | undefined;
  void answer.then((value) => {
    got = value;
  });
  while (got === undefined && world.now - startedAt < 60_000) await world.advance(100, 100);
  // The first look is taken after 100 ms.
  return { ...(got ?? assert.fail('no answer')), ms: world.now - startedAt - 100 };
}

for (const keep of ['password', 'nt-hash'] as const) {
  test(`the right password lets in, with 'users.keep: ${keep}'; the name is that of the store`, async (t) => {
    const { world, desk } = newDesk(t, { env: { SSTPD_USERS_KEEP: keep } });
    const answer = await desk.ask({ ...ANN, name: 'DOMAIN\\ANN' });
    assert.equal(answer.kind, 'welcome');
    assert.deepEqual(answer.kind === 'welcome' && answer.facts, PLAIN);
    assert.deepEqual(world.log.of('portal.signed-in')[0]?.fields, { user: 'ann', peer: '192.0.2.7' });
  });
}

test('a wrong password and an unknown user are refused alike; a disabled user only with the password', async (t) => {
  const { world, desk } = newDesk(t);
  assert.deepEqual(await desk.ask(WRONG), { kind: 'refused', isDisabled: false });
  assert.deepEqual(await desk.ask({ ...WRONG, address: '192.0.2.8', name: 'nobody' }), {
    kind: 'refused',
    isDisabled: false,
  });
  assert.deepEqual(
    world.log.of('portal.refused').map(({ fields }) => fields.reason),
    ['wrong-password', 'unknown-user'],
  );
  world.store.change('ann', { enabled: false });
  const right = await later(world, desk.ask({ ...ANN, address: '192.0.2.9' }));
  assert.deepEqual([right.kind, right.kind === 'refused' && right.isDisabled], ['refused', true]);
  const wrong = await later(world, desk.ask({ ...WRONG, address: '192.0.2.10' }));
  assert.deepEqual([wrong.kind, wrong.kind === 'refused' && wrong.isDisabled], ['refused', false]);
});

test('whoever looks on at logins hears of those in the portal', async (t) => {
  const seen: Login[] = [];
  const { world, desk } = newDesk(t, { observers: [{ judged: (login: Login) => void seen.push(login) }] });
  await desk.ask(ANN);
  await later(world, desk.ask(WRONG));
  const common = { peerAddress: '192.0.2.7', name: 'ann', method: 'portal' };
  assert.deepEqual(seen, [
    { ...common, reason: 'ok' },
    { ...common, reason: 'wrong-password' },
  ]);
});

test('a sign-in is no login to the VPN, and one that is refused leaves a record that says why', async (t) => {
  const { world } = newDesk(t);
  const { authenticator: verifier, logins, store, log } = world;
  const { clock } = world.context;
  const told: AttemptView[] = [];
  const recorded = (view: AttemptView): void => {
    if (view.state !== 'under-way') told.push(view);
  };
  const desk = new PortalDesk({
    verifier,
    logins,
    users: usersOf(store),
    clock,
    log,
    facts: () => undefined,
    record,
    recorded,
  });
  const before = store.find('ann')?.lastLoginAt;
  await later(world, desk.ask(ANN));
  assert.equal(store.find('ann')?.lastLoginAt, before);
  assert.equal(told.length, 0);
  await later(world, desk.ask(WRONG));
  await later(world, desk.ask({ ...WRONG, name: 'nobody' }));
  store.change('ann', { enabled: false });
  await later(world, desk.ask(ANN));
  assert.deepEqual(
    [...told].map(({ state, user, peer, explanation }) => [state, user, peer, explanation?.text]),
    [
      ['failed', 'ann', '192.0.2.7', 'Sign-in to the user portal: The password is wrong.'],
      ['failed', 'nobody', '192.0.2.7', 'Sign-in to the user portal: There is no such user.'],
      ['failed', 'ann', '192.0.2.7', 'Sign-in to the user portal: The account is disabled.'],
    ],
  );
  assert.equal(told[0]?.explanation?.fix, 'Type it again, or set another: sstpd user passwd ann.');
  assert.equal(new Set(told.map(({ id }) => id)).size, 3);
});

test('failures slow the address, here and at the VPN alike', async (t) => {
  const { world, desk } = newDesk(t);
  for (let i = 0; i < 3; i += 1) await later(world, desk.ask({ ...WRONG, password: `wrong ${i}` }));
  const slowed = await later(world, desk.ask(ANN));
  assert.equal(slowed.kind, 'welcome');
  assert.ok(slowed.ms >= 1_400, `${slowed.ms} ms`);
  const elsewhere = await later(world, desk.ask({ ...ANN, address: '198.51.100.1' }));
  assert.equal(elsewhere.ms, 0);
  assert.ok(world.delayAt('192.0.2.7') > 500, 'a VPN login of another name, same address');
});

test('a failed login of the VPN slows the portal', async (t) => {
  const { world, desk } = newDesk(t);
  world.failLogin('192.0.2.7', 'ann');
  assert.ok((await later(world, desk.ask(ANN))).ms >= 300);
});

test('whoever need not wait is judged at once, however many wait; places are shared among addresses', async (t) => {
  const { world, desk } = newDesk(t);
  await desk.ask(ANN);
  const waiting: Promise<PortalAnswer>[] = [];
  for (let i = 0; i < 16; i += 1) {
    world.failLogin(`198.51.100.${i}`, `guessed${i}`, 6);
    for (let j = 0; j < 80; j += 1) {
      waiting.push(desk.ask({ ...WRONG, address: `198.51.100.${i}`, name: `guessed${j}` }));
    }
  }
  assert.ok(world.throttle.size.waiting <= 1_024);
  assert.equal((await later(world, desk.ask(ANN))).ms, 0, 'from where she has signed in');
  assert.equal((await later(world, desk.ask({ ...ANN, address: '203.0.113.1' }))).ms, 0, 'from a new address');
  world.failLogin('203.0.113.2', 'somebody');
  assert.equal(
    (await later(world, desk.ask({ ...ANN, address: '203.0.113.2' }))).kind,
    'welcome',
    'one that has to wait',
  );
  await world.advance(30_000, 500);
  const kinds = new Set((await Promise.all(waiting)).map(({ kind }) => kind));
  assert.deepEqual([...kinds].sort(), ['later', 'refused']);
});

test('who has signed in there, or in that browser, passes beside an attack on the name, after a restart too', async (t) => {
  const { world, desk } = newDesk(t);
  const welcome = await desk.ask(ANN);
  const browser = welcome.kind === 'welcome' ? welcome.browser : undefined;
  assert.match(browser ?? '', /^[\w-]{12}\.[0-9a-z]+\.[\w-]{43}$/);
  for (let i = 0; i < 31; i += 1) world.failLogin(`198.51.100.${i}`, 'ann');
  assert.equal(world.log.of('auth.under-attack').length, 1);
  assert.equal((await later(world, desk.ask(ANN))).ms, 0, 'the same address');
  const hotel = { ...ANN, address: '203.0.113.1' };
  assert.equal((await later(world, desk.ask({ ...hotel, browser }))).ms, 0, 'the same browser');
  assert.equal((await later(world, desk.ask(hotel))).ms, 0, 'known there from now on');
  const held = await later(world, desk.ask({ ...ANN, address: '203.0.113.99', browser: `${browser}x` }));
  assert.deepEqual([held.kind, held.ms >= 20_000], ['later', true], 'anybody else');
  assert.equal(world.log.of('portal.held-back')[0]?.fields.attacked, 'ann');
});

for (const [what, name, other] of [
  ['that has a realm', 'ann@b.example', 'ann@b.example'],
  ['to which a longer name would be cut', `ann@${'\u00e9'.repeat(125)}a\\bob`, 'ann'],
  ['in another code page', 'ann@\u20ac\\bob', 'ann'],
] as const) {
  test(`a cookie of a browser lets nobody pass to another user's name: ${what}`, async (t) => {
    const own = name.startsWith('ann@b') ? 'ann' : 'bob';
    const users = [...new Set([own, other, 'ann'])].map((each) => ({ name: each, password: `${PASSWORD} of ${each}` }));
    const { world, desk } = newDesk(t, { users });
    const welcome = await desk.ask({ ...ANN, name: own, password: `${PASSWORD} of ${own}` });
    const browser = welcome.kind === 'welcome' ? welcome.browser : assert.fail(welcome.kind);
    const guess = { ...ANN, address: '203.0.113.1', name, browser, password: `${PASSWORD} of ${other}` };
    for (let i = 0; i < 31; i += 1) world.failLogin(`198.51.100.${i}`, other);
    const answer = await later(world, desk.ask(guess));
    assert.ok(answer.kind === 'refused' || answer.ms >= 20_000, `${answer.kind} after ${answer.ms} ms`);
  });
}

test('a cookie of a browser is good for its name and password alone, and for 30 days', async (t) => {
  const { world, desk } = newDesk(t, {
    users: [
      { name: 'ann', password: PASSWORD },
      { name: 'bob', password: PASSWORD },
    ],
  });
  const { store } = world;
  const welcome = await desk.ask(ANN);
  const browser = welcome.kind === 'welcome' ? welcome.browser : undefined;
  const check = (name: string, at = Date.now()): string | undefined =>
    store.browsers.check(browser, [store.browserOfMeant(name)], at);
  assert.notEqual(check('ann'), undefined);
  assert.equal(check('CORP\\Ann@example.com'), check('ann'));
  assert.equal(check('bob'), undefined);
  assert.equal(check('nobody'), undefined);
  assert.equal(check('ann', Date.now() + 30 * 86_400_000), undefined);
  store.change('ann', { password: 'another password' });
  assert.equal(check('ann'), undefined);
});

for (const isWorker of [false, true]) {
  for (const [typed, user] of [
    ['CORP\\ann', 'ann'],
    ['nobody', 'nobody'],
  ] as const) {
    test(`a visitor "${typed}" who goes away gives up the place in line, and leaves a record${isWorker ? ', in a worker' : ''}`, async (t) => {
      const { world } = newDesk(t, { isWorker });
      const { control } = world.context;
      world.failLogin('192.0.2.7', 'somebody', 4);
      const gone = new AbortController();
      const signIn = { ...ANN, name: typed };
      const answer = control.portal(signIn, gone.signal);
      await world.advance(1_000, 500);
      assert.equal(world.throttle.size.waiting, 1);
      const [waiting] = world.attempts.list({ user }).attempts;
      assert.deepEqual([waiting?.state, waiting?.peer, waiting?.endedAt], ['under-way', '192.0.2.7', undefined]);
      gone.abort();
      assert.equal((await later(world, answer)).kind, 'later');
      assert.equal(world.throttle.size.waiting, 0);
      const [view, ...others] = world.attempts.list({}).attempts;
      assert.deepEqual([view?.id, view?.startedAt], [waiting?.id, waiting?.startedAt]);
      assert.deepEqual(others, []);
      assert.deepEqual([view?.user, view?.reason, view?.state], [user, 'portal-held-back', 'failed']);
      assert.match(
        view?.explanation?.text ?? '',
        /^Sign-in to the user portal: The login was held back 2\.5 s because of 4 failures from 192\.0\.2\.7, and the client hung up after 1 s\.$/,
      );
      assert.equal(world.log.of('portal.held-back')[0]?.fields.user, user);
    });
  }
}

for (const [end, password, state, reason] of [
  ['is let in', PASSWORD, 'ended', 'portal-signed-in'],
  ['is refused', 'wrong', 'failed', 'portal-refused'],
  ['can not be judged', PASSWORD, 'failed', 'portal-fault'],
] as const) {
  test(`the record of a sign-in that waits, and then ${end}, says so`, async (t) => {
    const { world } = newDesk(t);
    if (reason === 'portal-fault') {
      t.mock.method(world.authenticator, 'verify', () => {
        throw new Error('disk is gone');
      });
    }
    world.failLogin('192.0.2.7', 'somebody', 4);
    const answer = world.context.control.portal({ ...ANN, password });
    await settle();
    assert.equal(world.attempts.list({ user: 'ann' }).attempts[0]?.state, 'under-way');
    await later(world, answer);
    const [view, ...others] = world.attempts.list({}).attempts;
    assert.deepEqual([view?.state, view?.reason, others], [state, reason, []]);
    assert.equal(view?.explanation === undefined, state === 'ended');
    assert.ok((view?.stages[0]?.ms ?? 0) >= 2_000);
  });
}

test('a visitor who has gone before he is heard takes no place in line', async (t) => {
  const { world, desk } = newDesk(t);
  world.failLogin('192.0.2.7', 'somebody', 4);
  assert.equal((await desk.ask(ANN, AbortSignal.abort())).kind, 'later');
  assert.equal(world.throttle.size.waiting, 0);
  assert.deepEqual(world.attempts.list({}).attempts, []);
});

test('a sign-in whose turn does not come leaves a record of why', async (t) => {
  const { world } = newDesk(t);
  for (let i = 0; i < 31; i += 1) world.failLogin(`198.51.100.${i}`, 'ann');
  for (let i = 0; i < 30; i += 1) {
    world.throttle.enter({ realm: 'vpn', address: `203.0.${i}.1`, user: 'ann', isKnown: false }, world.now);
  }
  assert.equal((await later(world, world.context.control.portal(ANN))).kind, 'later');
  const [view] = world.attempts.list({}).attempts;
  assert.equal(view?.user, 'ann');
  assert.match(view?.explanation?.text ?? '', /under attack, with 31 failures .* the turn had not come after/);
  assert.match(view?.explanation?.fix ?? '', /^Sign in again: .*sstpd throttle lift ann --for 10m\.$/);
});

test('a changed password, a disabled and a removed user end a sign-in; a new user of that name gets none of it', async (t) => {
  const { world, desk } = newDesk(t);
  const session = await signedIn(desk);
  const look = (): Promise<PortalAnswer> => desk.ask({ kind: 'look', session });
  assert.equal((await look()).kind, 'welcome');
  world.store.change('ann', { enabled: false });
  assert.equal((await look()).kind, 'refused');
  world.store.change('ann', { enabled: true });
  assert.equal((await look()).kind, 'welcome');
  world.store.change('ann', { password: PASSWORD });
  assert.equal((await look()).kind, 'refused');
  const again = await signedIn(desk);
  world.store.remove('ann');
  assert.equal((await desk.ask({ kind: 'look', session: again })).kind, 'refused');
  world.store.add('ann', PASSWORD);
  assert.equal((await desk.ask({ kind: 'look', session: again })).kind, 'refused');
});

test('a sign-out ends the sign-in wherever its cookie has been copied to, and no other', async (t) => {
  const { desk } = newDesk(t);
  const [here, there] = [await signedIn(desk), await signedIn(desk)];
  const look = async (session: string): Promise<string> => (await desk.ask({ kind: 'look', session })).kind;
  assert.deepEqual([await look(here), await look(there)], ['welcome', 'welcome']);
  await desk.ask({ kind: 'sign-out', session: here });
  assert.deepEqual([await look(here), await look(there)], ['refused', 'welcome']);
  await desk.ask({ kind: 'sign-out', session: 'x'.repeat(43) });
  assert.deepEqual([await look(here), await look(there)], ['refused', 'welcome']);
});

test('a store that can not be read is a fault, said in the log and to nobody else', async (t) => {
  const { world, desk } = newDesk(t);
  t.mock.method(world.authenticator, 'verify', () => {
    throw new Error('disk is gone');
  });
  assert.deepEqual(await desk.ask(ANN), { kind: 'fault' });
  assert.match(String(world.log.of('portal.fault')[0]?.fields.error), /disk is gone/);
});

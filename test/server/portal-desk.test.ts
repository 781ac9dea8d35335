import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { PortalAnswer, PortalUser } from '../../admin/index.ts';
import { PortalDesk } from '../../server/portal-desk.ts';
import type { Login } from '../../server/session-observer.ts';
import { PLAIN } from '../profile/facts.ts';
import { World, type WorldOptions } from './support.ts';

const PASSWORD = 'correct horse';
const ANN = { kind: 'sign-in', address: '192.0.2.7', name: 'ann', password: PASSWORD } as const;
const WRONG = { ...ANN, password: 'wrong' } as const;

function newDesk(t: TestContext, options: WorldOptions = {}): { readonly world: World; readonly desk: PortalDesk } {
  const world = new World(t, { users: [{ name: 'ann', password: PASSWORD }], ...options });
  const { authenticator, throttle, store, log } = world;
  const { clock } = world.context;
  return {
    world,
    desk: new PortalDesk({ authenticator, throttle, store, clock, log, facts: (user) => ({ ...PLAIN, user }) }),
  };
}

async function signedIn(desk: PortalDesk): Promise<PortalUser> {
  const answer = await desk.ask(ANN);
  return answer.kind === 'welcome' ? answer.user : assert.fail(answer.kind);
}

/** An answer, however long it takes in virtual time. */
async function later(world: World, answer: Promise<PortalAnswer>): Promise<PortalAnswer & { readonly ms: number }> {
  const startedAt = world.now;
  let got: PortalAnswer | undefined;
  void answer.then((value) => {
    got = value;
  });
  while (got === undefined && world.now - startedAt < 60_000) await world.advance(100, 100);
  return { ...(got ?? assert.fail('no answer')), ms: world.now - startedAt };
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
  world.store.setEnabled('ann', false);
  const right = await later(world, desk.ask({ ...ANN, address: '192.0.2.9' }));
  assert.deepEqual([right.kind, right.kind === 'refused' && right.isDisabled], ['refused', true]);
  const wrong = await later(world, desk.ask({ ...WRONG, address: '192.0.2.10' }));
  assert.deepEqual([wrong.kind, wrong.kind === 'refused' && wrong.isDisabled], ['refused', false]);
});

test('whoever looks on at logins hears of those in the portal', async (t) => {
  const { world } = newDesk(t);
  const { authenticator, throttle, store, log } = world;
  const seen: Login[] = [];
  const observers = [{ judged: (login: Login) => void seen.push(login) }];
  const { clock } = world.context;
  const desk = new PortalDesk({ authenticator, throttle, store, clock, log, facts: () => undefined, observers });
  await desk.ask(ANN);
  await later(world, desk.ask(WRONG));
  const common = { peerAddress: '192.0.2.7', name: 'ann', method: 'portal' };
  assert.deepEqual(seen, [
    { ...common, reason: 'ok' },
    { ...common, reason: 'wrong-password' },
  ]);
});

test('failures slow the address and the user, here and at the VPN alike', async (t) => {
  const { world, desk } = newDesk(t);
  for (let i = 0; i < 3; i += 1) await later(world, desk.ask(WRONG));
  const slowed = await later(world, desk.ask(ANN));
  assert.equal(slowed.kind, 'welcome');
  assert.ok(slowed.ms >= 2_000, `${slowed.ms} ms`);
  const elsewhere = await later(world, desk.ask({ ...ANN, address: '198.51.100.1' }));
  assert.ok(elsewhere.ms > 0 && elsewhere.ms <= 1_100, `${elsewhere.ms} ms`);
  assert.ok(world.throttle.delayMs('192.0.2.7', 'bob', world.now) > 500, 'a VPN login of another name, same address');
});

test('a failed login of the VPN slows the portal', async (t) => {
  const { world, desk } = newDesk(t);
  world.throttle.noteFailure('192.0.2.7', 'ann', world.now);
  assert.ok((await later(world, desk.ask(ANN))).ms >= 500);
});

test('few may wait at a time: of one address four, in all 64; the others are told to come later', async (t) => {
  const { world, desk } = newDesk(t);
  await desk.ask(WRONG);
  const waiting = Array.from({ length: 4 }, () => desk.ask(WRONG));
  assert.deepEqual(await desk.ask(ANN), { kind: 'later', seconds: 30 });
  assert.deepEqual(await desk.ask({ ...ANN, address: '::ffff:192.0.2.7' }), { kind: 'later', seconds: 30 });
  for (let i = 0; i < 60; i += 1) waiting.push(desk.ask({ ...WRONG, address: `198.51.100.${i}` }));
  assert.deepEqual(await desk.ask({ ...ANN, address: '203.0.113.1' }), { kind: 'later', seconds: 30 });
  await world.advance(40_000, 500);
  assert.equal((await Promise.all(waiting)).filter(({ kind }) => kind === 'refused').length, 64);
  assert.equal((await later(world, desk.ask({ ...ANN, address: '203.0.113.1' }))).kind, 'welcome');
});

test('a changed password, a disabled and a removed user end a sign-in; a new user of that name gets none of it', async (t) => {
  const { world, desk } = newDesk(t);
  const user = await signedIn(desk);
  const look = (): Promise<PortalAnswer> => desk.ask({ kind: 'look', user });
  assert.equal((await look()).kind, 'welcome');
  world.store.setEnabled('ann', false);
  assert.equal((await look()).kind, 'refused');
  world.store.setEnabled('ann', true);
  assert.equal((await look()).kind, 'welcome');
  world.store.setPassword('ann', PASSWORD);
  assert.equal((await look()).kind, 'refused');
  const again = await signedIn(desk);
  world.store.remove('ann');
  assert.equal((await desk.ask({ kind: 'look', user: again })).kind, 'refused');
  world.store.add('ann', PASSWORD);
  assert.equal((await desk.ask({ kind: 'look', user: again })).kind, 'refused');
});

test('a store that can not be read is a fault, said in the log and to nobody else', async (t) => {
  const { world, desk } = newDesk(t);
  t.mock.method(world.authenticator, 'verify', () => {
    throw new Error('disk is gone');
  });
  assert.deepEqual(await desk.ask(ANN), { kind: 'fault' });
  assert.match(String(world.log.of('portal.fault')[0]?.fields.error), /disk is gone/);
});

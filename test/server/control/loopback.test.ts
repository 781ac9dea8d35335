/** Logins of each kind that come by loopback: as through `ssh -L`, or through a proxy on this host that hides its clients. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Attack } from '../../../auth/index.ts';
import { PortalDesk } from '../../../server/control/portal-desk.ts';
import { PortalAttempt } from '../../../server/observe/explain/portal-attempt.ts';
import type { PortalAnswer } from '../../../server/site/index.ts';
import { usersOf } from '../../../store/sqlite/sqlite-store.ts';
import { PLAIN } from '../../profile/facts.ts';
import { PASSWORD } from '../connections/mschapv2-peer.ts';
import { challenged, RESPONSE } from '../connections/session.ts';
import { settle, World } from '../support.ts';

const LOOPBACK = '127.0.0.1';
const PROXY_HEADER =
  /^have the proxy on this host send the PROXY header, and name it in proxy\.from \(docs\/one-port\.md\)$/;

interface Place {
  readonly world: World;
  readonly attacks: readonly Attack[];
  signIn(name: string, password?: string): Promise<PortalAnswer>;
}

function newPlace(t: TestContext, isWorker = false): Place {
  const attacks: Attack[] = [];
  const observers = [{ attacked: (attack: Attack) => void attacks.push(attack) }];
  const world = new World(t, { users: [{ name: 'alice', password: PASSWORD }], isWorker, observers });
  const { authenticator: verifier, logins, store, log, attempts } = world;
  const { clock } = world.context;
  const desk = new PortalDesk({
    ...{ verifier, logins, users: usersOf(store), clock, log, facts: (user) => ({ ...PLAIN, user }) },
    record: (address) => new PortalAttempt(address),
    recorded: (attempt) => attempts.put(attempt),
  });
  return {
    ...{ world, attacks },
    signIn: (name, password = PASSWORD) => desk.ask({ kind: 'sign-in', address: LOOPBACK, name, password }),
  };
}

/** Name after name in the portal, until the tries of all are used up. */
async function sprayed(place: Place): Promise<void> {
  for (let index = 0; index < 300; index += 1) {
    assert.equal((await place.signIn(`name${index}`, 'wrong password')).kind, 'refused', `${index}`);
  }
}

/** How long an answer takes, in whole seconds of virtual time. */
async function secondsOf(world: World, answer: Promise<unknown>): Promise<number> {
  let isThere = false;
  void answer.then(() => {
    isThere = true;
  });
  await settle();
  let seconds = 0;
  for (; !isThere && seconds < 60; seconds += 1) await world.advance(1_000, 500);
  return seconds;
}

test('name after name in the portal: the next one waits, user or nobody; the log tells the operator who and what mends it', async (t) => {
  const place = newPlace(t);
  await sprayed(place);
  const lines = place.world.log.of('auth.under-attack').map(({ fields }) => fields);
  const [{ mend, ...fields } = assert.fail('not told'), ...others] = lines;
  const expected = { realm: 'vpn', limit: 'loopback', failures: 300, seconds: 0, from: LOOPBACK, names: 300 };
  assert.deepEqual([{ user: undefined, ...expected }, []], [{ user: undefined, ...fields }, others]);
  assert.match(String(mend), PROXY_HEADER);
  assert.deepEqual(
    place.attacks.map(({ user, limit }) => [user, limit]),
    [[undefined, 'loopback']],
  );
  const seconds = [
    await secondsOf(place.world, place.signIn('alice')),
    await secondsOf(place.world, place.signIn('alice', 'wrong password')),
    await secondsOf(place.world, place.signIn('nobody')),
  ];
  // A right password gives its try back, so the second one finds it there.
  assert.deepEqual(seconds, [1, 0, 1]);
});

for (const isWorker of [false, true]) {
  test(`what the portal has used up, a VPN client there waits for, and explain says why${isWorker ? ' (in a worker)' : ''}`, async (t) => {
    const place = newPlace(t, isWorker);
    const { world } = place;
    await sprayed(place);
    const peer = await challenged(world, 'alice', world.connect({ address: LOOPBACK }));
    await peer.play(RESPONSE);
    await world.advance(500, 100);
    peer.socket.destroy();
    await settle();
    const [line] = world.log.of('auth.held-back');
    const { user, failures, limit, names, mend } = line?.fields ?? {};
    assert.deepEqual([user, failures, limit, names], ['alice', 300, 'loopback', 1]);
    assert.match(String(mend), PROXY_HEADER);
    const { explanation } = world.attempts.list({ user: 'alice' }).attempts.at(-1) ?? assert.fail('no attempt');
    assert.match(
      explanation?.text ?? '',
      /because of 300 failures on loopback at whatever names, and everybody who comes through .* is 127\.0\.0\.1: 1 name waits for a turn, of which there is one a second, and the client hung up after 0\.5 s\.$/,
    );
    assert.match(explanation?.fix ?? '', /PROXY header.*sstpd throttle lift alice --for 10m\.$/);
  });
}

test('a sign-in that is held back there leaves a record that says so', async (t) => {
  const place = newPlace(t);
  await sprayed(place);
  for (let index = 0; index < 200; index += 1) void place.signIn(`waits${index}`, 'wrong password');
  const seconds = await secondsOf(place.world, place.signIn('alice'));
  assert.ok(seconds > 0);
  await place.world.advance(30_000, 500);
  const records = place.world.attempts.list({}).attempts.filter(({ reason }) => reason === 'portal-held-back');
  assert.ok(records.length > 0);
  for (const { explanation } of records) {
    assert.match(
      explanation?.text ?? '',
      /^Sign-in to the user portal: The login was held back .* on loopback at whatever names/,
    );
    assert.match(explanation?.fix ?? '', /Sign in again: the place in line is kept for 10 minutes/);
  }
});

for (const [what, target] of [
  ['the name', { kind: 'name', name: 'alice' }],
  ['the address', { kind: 'address', address: LOOPBACK }],
  ['all', undefined],
] as const) {
  test(`lifting ${what} lets who waits there pass`, async (t) => {
    const place = newPlace(t);
    await sprayed(place);
    const answer = place.signIn('alice');
    await settle();
    assert.equal(place.world.throttle.size.waiting, 1);
    place.world.logins.lift(target, 600_000);
    assert.equal((await answer).kind, 'welcome');
  });
}

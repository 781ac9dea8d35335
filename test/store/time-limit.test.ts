import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { KnownBrowsers, UserStoreError } from '../../auth/index.ts';
import type { Store } from '../../store/index.ts';
import { ANSWER_MS, answerInTime } from '../../store/time-limit.ts';

/** A store of which each method is `ask`. */
function storeOf(ask: (method: string, given: readonly unknown[]) => Promise<unknown>): Store {
  const browsers = new KnownBrowsers(Buffer.alloc(32));
  const part = (name: string, methods: readonly string[]): object =>
    Object.fromEntries(methods.map((method) => [method, (...given: unknown[]) => ask(`${name}.${method}`, given)]));
  return {
    users: { ...part('users', ['find', 'lookupAny', 'add']), browsers },
    places: part('places', ['usersKnownAt']),
    leases: part('leases', ['remember']),
    admins: { ...part('admins', ['isCurrent']), browsers },
    tokens: part('tokens', ['find']),
    settings: part('settings', ['get']),
    close: async () => void (await ask('close', [])),
  } as unknown as Store;
}

function withTime(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setTimeout'] });
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a store that does not answer in time is one that cannot be used, whatever it was asked', async (t) => {
  withTime(t);
  const store = answerInTime(storeOf(() => new Promise(() => {})));
  const ended: string[] = [];
  const asked = [
    store.users.find('ann'),
    store.places.usersKnownAt(['ann'], '192.0.2.1'),
    store.leases.remember('ann', 1),
    store.admins.isCurrent({ id: '1', version: 1 }),
    store.tokens.find('text'),
    store.settings.get('told'),
    store.close(),
  ];
  const all = asked.map((answer) => {
    answer.catch(() => ended.push('ended'));
    return answer;
  });
  t.mock.timers.tick(ANSWER_MS - 1);
  await settle();
  assert.deepEqual(ended, []);
  t.mock.timers.tick(1);
  for (const answer of all) {
    await assert.rejects(answer, {
      ...{ name: 'UserStoreError', code: 'ERR_USER_STORE' },
      message: 'the user store has not answered within 10 s',
    });
  }
});

test('an answer that comes later than that harms nobody, be it a fault', async (t) => {
  withTime(t);
  const { promise, reject } = Promise.withResolvers<unknown>();
  const store = answerInTime(storeOf(() => promise));
  const asked = store.users.find('ann');
  t.mock.timers.tick(ANSWER_MS);
  await assert.rejects(asked, { code: 'ERR_USER_STORE' });
  // It would end the test as an unhandled one.
  reject(new Error('the line is broken'));
  await settle();
});

test('what comes in time comes as it is, with what was given, and nothing waits on', async (t) => {
  withTime(t);
  const seen: unknown[][] = [];
  const store = answerInTime(
    storeOf(async (method, given) => {
      seen.push([method, ...given]);
      if (method === 'users.add') throw new UserStoreError('ERR_USER_EXISTS', 'there already');
      return method;
    }),
  );
  const cleared = t.mock.method(globalThis, 'clearTimeout');
  assert.equal(await store.users.find('ann'), 'users.find');
  assert.equal(await store.tokens.find('text'), 'tokens.find');
  await assert.rejects(store.users.add('ann', 'x', { weak: true }), { code: 'ERR_USER_EXISTS' });
  assert.deepEqual(seen, [
    ['users.find', 'ann'],
    ['tokens.find', 'text'],
    ['users.add', 'ann', 'x', { weak: true }],
  ]);
  assert.equal(cleared.mock.callCount(), 3);
  assert.ok(store.users.browsers instanceof KnownBrowsers, 'what is no question stays');
});

/** Changes of users, each through a running server and without one: what comes of them must be the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { adminSocketPath, startAdminServer, type UserChange, type UserView } from '../../../admin/index.ts';
import { openUsers, type UserAccess } from '../../../cli/user-access.ts';
import { loadConfig } from '../../../server/config/index.ts';
import { fixedAddressCheck } from '../../../server/control/fixed-address-check.ts';
import { UserDesk } from '../../../server/control/user-desk.ts';
import { openStore } from '../../../store/index.ts';
import { UserStore } from '../../../store/sqlite/user-store.ts';
import { ErrorLog, FakeBackend } from '../../admin/fake-backend.ts';

const PASSWORD = 'white rabbit';

interface Way {
  readonly users: UserAccess;
  /** Another process' look into the store: it sees what has been committed. */
  readonly beside: UserStore;
  /** What happened to those who are connected. */
  readonly followed: string[];
}

async function openWay(t: TestContext, hasServer: boolean): Promise<Way> {
  const data = mkdtempSync(join(tmpdir(), 'sstpd-desk-'));
  t.after(() => rmSync(data, { recursive: true }));
  const { config } = loadConfig({ flags: { data, 'pool.ipv4': '10.9.0.0/24' }, env: {} });
  const store = await openStore(data, { keep: 'password' });
  t.after(() => store.close());
  const beside = UserStore.open(data, { keep: 'password' });
  t.after(() => beside.close());
  const followed: string[] = [];
  if (hasServer) {
    const seen = (name: string): string => JSON.stringify(beside.list().find((user) => user.name === name)?.groups);
    const backend = Object.assign(new FakeBackend(), {
      users: new UserDesk({
        users: store.users,
        fixedFault: fixedAddressCheck(config),
        running: {
          setFixed: (user, address) => followed.push(`fixed ${user} ${address?.toString(16)}`),
          disconnectUser: (user, reason) => followed.push(`end ${user} ${reason}; groups ${seen(user)}`),
          countOfUser: () => 0,
        },
      }),
    });
    const server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
    t.after(() => server.close());
  }
  const users = await openUsers(config, false);
  t.after(() => users.close());
  await users.add({ name: 'ann', password: PASSWORD, ipv4: '10.9.0.9', groups: ['staff'] });
  await users.add({ name: 'jos\u00e9', password: PASSWORD, ipv4: '10.9.0.10' });
  followed.length = 0;
  return { users, beside, followed };
}

/** Of a user, what an operator may have changed. */
function told(view: UserView): Partial<UserView> {
  const { name, enabled, ipv4, ipv4Fault, weak, groups, sessions } = view;
  return { name, enabled, ipv4, ipv4Fault, weak, groups, sessions };
}

const ANN = {
  ...{ name: 'ann', enabled: true, ipv4: '10.9.0.9', ipv4Fault: undefined },
  ...{ weak: false, groups: ['staff'], sessions: 0 },
};
const ALL = { password: 'a new rabbit', ipv4: '10.9.0.20', groups: ['moved'], enabled: false } as const;

const TAKEN: readonly (readonly [
  what: string,
  name: string,
  change: UserChange,
  becomes: Partial<UserView>,
  followed: readonly string[],
])[] = [
  ['nothing', 'ANN', { weak: true }, {}, []],
  ['groups', 'ann', { groups: ['b', 'a', 'b'] }, { groups: ['a', 'b'] }, []],
  ['no groups', 'ann', { groups: [] }, { groups: [] }, []],
  ['an address', 'ann', { ipv4: '10.9.0.20' }, { ipv4: '10.9.0.20' }, ['fixed ann a090014']],
  ['the own address', 'ann', { ipv4: '10.9.0.9' }, {}, ['fixed ann a090009']],
  ['no address', 'ann', { ipv4: null }, { ipv4: undefined }, ['fixed ann undefined']],
  ['enabled again', 'ann', { enabled: true }, {}, []],
  ['disabled', 'ann', { enabled: false }, { enabled: false }, ['end ann user-disabled; groups ["staff"]']],
  ['a password', 'ann', { password: 'a new rabbit' }, {}, ['end ann password-changed; groups ["staff"]']],
  ['a password that ends nothing', 'ann', { password: 'a new rabbit', keepSessions: true }, {}, []],
  ['a weak password', 'ann', { password: 'a', weak: true, keepSessions: true }, { weak: true }, []],
  [
    'all of it',
    'ann',
    ALL,
    { ipv4: '10.9.0.20', groups: ['moved'], enabled: false },
    ['fixed ann a090014', 'end ann user-disabled; groups ["moved"]'],
  ],
  [
    'all of it, by another spelling of the name',
    'JOSE\u0301',
    ALL,
    { name: 'jos\u00e9', ipv4: '10.9.0.20', groups: ['moved'], enabled: false },
    ['fixed jos\u00e9 a090014', 'end jos\u00e9 user-disabled; groups ["moved"]'],
  ],
];

/** Each with all else that could have been done. */
const REFUSED: readonly (readonly [code: string, part: UserChange, name?: string])[] = [
  ['ERR_USER_UNKNOWN', {}, 'nobody'],
  ['ERR_USER_UNKNOWN', { ipv4: 'ten', groups: ['no such, name'], password: '' }, 'nobody'],
  ['ERR_USER_UNKNOWN', { groups: ['no such, name'] }, 'nobody'],
  ['ERR_USER_PASSWORD', { password: 'line\nbreak' }],
  ['ERR_USER_PASSWORD_WEAK', { password: 'a' }],
  ['ERR_USER_PASSWORD_WEAK', { password: 'ann-ann-ann' }],
  ['ERR_USER_GROUP', { groups: ['moved', 'a b'] }],
  ['ERR_USER_ADDRESS', { ipv4: '10.9.0' }],
  ['ERR_USER_ADDRESS', { ipv4: '10.9.0.10' }], // another's
  ['ERR_USER_ADDRESS', { ipv4: '10.9.0.255' }], // the pool's end
  ['ERR_USER_ADDRESS', { ipv4: '127.0.0.1' }],
  ['ERR_USER_ADDRESS', { ipv4: '192.0.2.1' }], // no network of the server's
];

for (const hasServer of [false, true]) {
  const by = hasServer ? 'through a running server' : 'without a server';

  for (const [what, name, change, becomes, followed] of TAKEN) {
    test(`${by}: ${what}: set, and what follows follows`, async (t) => {
      const way = await openWay(t, hasServer);
      const expected = { ...ANN, ...(name === 'JOSE\u0301' ? { groups: [], ipv4: '10.9.0.10' } : {}), ...becomes };
      assert.deepEqual(told(await way.users.set(name, change)), expected);
      assert.deepEqual(
        (await way.users.list()).map(told).filter((user) => user.name === expected.name),
        [expected],
      );
      const { password = PASSWORD } = change;
      assert.equal(way.beside.lookup(expected.name).secret.password, password);
      assert.deepEqual(way.followed, hasServer ? followed : []);
    });
  }

  test(`${by}: a change of which one thing is refused changes nothing, and nothing follows`, async (t) => {
    const way = await openWay(t, hasServer);
    const seen = (): unknown => ({ users: way.beside.list(), secret: way.beside.lookup('ann').secret.password });
    const before = seen();
    for (const [code, part, name = 'ann'] of REFUSED) {
      await assert.rejects(way.users.set(name, { ...ALL, ...part }), { code }, `${code} ${JSON.stringify(part)}`);
      assert.deepEqual(seen(), before, JSON.stringify(part));
    }
    assert.deepEqual(way.followed, []);
  });

  test(`${by}: a user that is refused is not there, and one that is not is there whole`, async (t) => {
    const way = await openWay(t, hasServer);
    const bob = { name: 'bob', password: PASSWORD, ipv4: '10.9.0.20', groups: ['b', 'a'] };
    for (const [code, part] of REFUSED.filter(
      ([, { password }, name]) => name === undefined && password !== 'ann-ann-ann',
    )) {
      const { password = PASSWORD, ...rest } = part;
      const user = { ...bob, password, ...(rest as { ipv4?: string; groups?: string[] }) };
      await assert.rejects(way.users.add(user), { code }, `${code} ${JSON.stringify(part)}`);
    }
    await assert.rejects(way.users.add({ ...bob, name: 'ANN' }), { code: 'ERR_USER_EXISTS' });
    await assert.rejects(way.users.add({ ...bob, name: 'a\\b' }), { code: 'ERR_USER_NAME' });
    assert.equal(way.beside.list().length, 2);
    assert.deepEqual(way.followed, []);
    assert.deepEqual(told(await way.users.add(bob)), { ...ANN, name: 'bob', ipv4: bob.ipv4, groups: ['a', 'b'] });
    assert.deepEqual(way.beside.find('bob')?.groups, ['a', 'b']);
    assert.deepEqual(way.followed, hasServer ? ['fixed bob a090014'] : []);
  });

  test(`${by}: who is removed is gone before anything follows`, async (t) => {
    const way = await openWay(t, hasServer);
    await assert.rejects(way.users.remove('nobody'), { code: 'ERR_USER_UNKNOWN' });
    assert.deepEqual(way.followed, []);
    await way.users.remove('ANN');
    assert.equal(way.beside.find('ann'), undefined);
    assert.deepEqual(way.followed, hasServer ? ['fixed ann undefined', 'end ann user-removed; groups undefined'] : []);
  });

  test(`${by}: of two changes at once each is whole, and one is last`, async (t) => {
    const way = await openWay(t, hasServer);
    const [first, second] = [
      { groups: ['one'], ipv4: '10.9.0.21', password: 'white rabbit one', keepSessions: true },
      { groups: ['two'], ipv4: '10.9.0.22', password: 'white rabbit two', keepSessions: true },
    ];
    await Promise.all([way.users.set('ann', first), way.users.set('ann', second)]);
    const [ann] = await way.users.list();
    const last = ann?.groups[0] === 'one' ? first : second;
    assert.deepEqual([ann?.groups, ann?.ipv4], [last.groups, last.ipv4]);
    assert.equal(way.beside.lookup('ann').secret.password, last.password);
  });
}

test('what is refused is refused in the same words with a server and without', async (t) => {
  const [direct, served] = [await openWay(t, false), await openWay(t, true)];
  const wordsOf = (asked: Promise<unknown>): Promise<string> => asked.then(String, (error: Error) => error.message);
  for (const [, part, name = 'ann'] of REFUSED) {
    const [one, other] = [direct, served].map(({ users }) => wordsOf(users.set(name, { ...ALL, ...part })));
    assert.equal(await one, await other);
  }
  const [one, other] = [direct, served].map(({ users }) => wordsOf(users.remove('nobody')));
  assert.equal(await one, await other);
});

/** What each engine behind `store/ports.ts` has to pass. It knows the port alone; what is of one engine is tested beside that. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { SecretKind } from '../../auth/index.ts';
import type { Store, Users } from '../../store/index.ts';

export interface OpenOptions {
  /** 'password' unless told. */
  readonly keep?: SecretKind;
  readonly now: () => Date;
}

/** A place for a store, new for each test. */
export interface StorePlace {
  /** Opens what is there, also while it is open already: as another process does. Closes it after the test. */
  open(options: OpenOptions): Promise<Store>;
  /** From now on what is open can't answer: a disk that broke, a database that is gone. */
  break(): Promise<void>;
}

const DAY_MS = 86_400_000;
const START_MS = Date.parse('2026-01-02T03:04:05Z');
const PASSWORD = 'white rabbit';
const OTHER_PASSWORD = 'the other one';
const HOME = '198.51.100.7';
const ADDRESS = 0x0a090009;

export function testStorePort(engine: string, makePlace: (t: TestContext) => StorePlace): void {
  const opened = async (
    t: TestContext,
  ): Promise<{ readonly store: Store; readonly place: StorePlace; readonly clock: { ms: number } }> => {
    const clock = { ms: START_MS };
    const place = makePlace(t);
    return { store: await place.open({ now: () => new Date(clock.ms) }), place, clock };
  };
  const it = (what: string, body: (t: TestContext) => Promise<void>): void => void test(`${engine}: ${what}`, body);

  it('a new user is there whole, in every spelling of the name, and on after it is opened anew', async (t) => {
    const { store, place, clock } = await opened(t);
    assert.equal(await store.users.exist(), false);
    const ann = await store.users.add('Ann', PASSWORD, { ipv4: ADDRESS, groups: ['staff', 'staff', 'admins'] });
    assert.deepEqual(ann, {
      ...{ name: 'Ann', enabled: true, ipv4: ADDRESS, createdAt: new Date(START_MS), lastLoginAt: undefined },
      ...{ secretKind: 'password', isWeak: false, groups: ['admins', 'staff'] },
    });
    await store.users.add('Zoë', PASSWORD);
    await store.close();
    await store.close();
    const again = await place.open({ now: () => new Date(clock.ms) });
    assert.equal(await again.users.exist(), true);
    assert.deepEqual(await again.users.find('aNN'), ann);
    assert.equal((await again.users.find('ZOE\u0308'))?.name, 'Zoë');
    assert.equal(await again.users.find('nobody'), undefined);
    assert.deepEqual(await namesIn(again.users), ['Ann', 'Zoë']);
  });

  it('what makes no user is refused with its code, and there is none', async (t) => {
    const { store } = await opened(t);
    await store.users.add('ann', PASSWORD, { ipv4: ADDRESS });
    for (const [code, name, password, options] of [
      ['ERR_USER_NAME', 'a\\b', PASSWORD, {}],
      ['ERR_USER_PASSWORD', 'bob', 'nul in the \0 middle', {}],
      ['ERR_USER_PASSWORD_WEAK', 'bob', 'a', {}],
      ['ERR_USER_ADDRESS', 'bob', PASSWORD, { ipv4: 0 }],
      ['ERR_USER_ADDRESS', 'bob', PASSWORD, { ipv4: ADDRESS }],
      ['ERR_USER_GROUP', 'bob', PASSWORD, { groups: ['staff', 'a b'] }],
      ['ERR_USER_EXISTS', 'ANN', PASSWORD, {}],
    ] as const) {
      await assert.rejects(store.users.add(name, password, options), { code }, `${code} ${name}`);
    }
    assert.deepEqual(await namesIn(store.users), ['ann']);
    assert.equal((await store.users.add('bob', 'a', { weak: true })).isWeak, true);
  });

  it('a change is all of it, and what it does not name stays', async (t) => {
    const { store } = await opened(t);
    const { users } = store;
    const ann = await users.add('ann', PASSWORD);
    const version = await users.passwordVersion('ann');
    const changed = { ...ann, enabled: false, ipv4: ADDRESS, groups: ['staff'], isWeak: true };
    const all = { password: 'a', weak: true, ipv4: ADDRESS, groups: ['staff'], enabled: false };
    assert.deepEqual(await users.change('ANN', all), changed);
    assert.deepEqual(await users.find('ann'), changed);
    assert.notEqual(await users.passwordVersion('ann'), version);
    const [credentials] = await users.lookupAny(['ann'], 1);
    assert.deepEqual([credentials?.secret.password, credentials?.previous.password], ['a', PASSWORD]);
    assert.deepEqual(await users.change('ann', {}), changed);
    assert.deepEqual(await users.change('ann', { ipv4: ADDRESS }), changed, 'the own address is not taken');
    const rest = { ...changed, enabled: true, ipv4: undefined, groups: [] };
    assert.deepEqual(await users.change('ann', { ipv4: null, groups: [], enabled: true }), rest);
    assert.equal((await users.add('bob', PASSWORD, { ipv4: ADDRESS })).ipv4, ADDRESS, 'given back');
  });

  it('a change of which one thing is refused leaves everything as it was', async (t) => {
    const { store } = await opened(t);
    const { users, places } = store;
    await users.add('ann', PASSWORD, { ipv4: ADDRESS, groups: ['staff'] });
    await users.add('bob', PASSWORD, { ipv4: ADDRESS + 1 });
    await places.rememberPlace('ann', HOME);
    const seen = async (): Promise<unknown> => [
      ...[await users.list(), await users.passwordVersion('ann'), await places.usersKnownAt(['ann'], HOME)],
      (await users.lookupAny(['ann'], 1)).map(({ secret, previous }) => [secret.ntHash, previous.password]),
    ];
    const before = JSON.stringify(await seen(), (_, value) => (value instanceof Date ? value.toISOString() : value));
    const all = { password: OTHER_PASSWORD, ipv4: ADDRESS + 2, groups: ['others'], enabled: false };
    for (const [code, part] of [
      ['ERR_USER_PASSWORD', { password: 'line\nbreak' }],
      ['ERR_USER_PASSWORD_WEAK', { password: 'a' }],
      ['ERR_USER_PASSWORD_WEAK', { password: 'ann-ann-ann' }],
      ['ERR_USER_ADDRESS', { ipv4: ADDRESS + 1 }],
      ['ERR_USER_ADDRESS', { ipv4: 0 }],
      ['ERR_USER_ADDRESS', { ipv4: 0x7f000001 }],
      ['ERR_USER_GROUP', { groups: ['others', 'a b'] }],
    ] as const) {
      await assert.rejects(users.change('ann', { ...all, ...part }), { code }, `${code} ${JSON.stringify(part)}`);
      const after = JSON.stringify(await seen(), (_, value) => (value instanceof Date ? value.toISOString() : value));
      assert.equal(after, before, JSON.stringify(part));
    }
    await assert.rejects(users.change('nobody', all), { code: 'ERR_USER_UNKNOWN' });
    assert.deepEqual(await namesIn(users), ['ann', 'bob']);
  });

  it('with a user goes all that was known of him, and another of that name inherits nothing', async (t) => {
    const { store } = await opened(t);
    const { users, places, leases } = store;
    const ann = await users.add('Ann', PASSWORD, { ipv4: ADDRESS, groups: ['staff'] });
    const version = await users.passwordVersion('ann');
    const cookie = users.browsers.issue(await users.browserOfMeant('ann'), START_MS);
    await places.rememberPlace('ann', HOME);
    await leases.remember('ann', ADDRESS + 1);
    assert.deepEqual(await users.remove('ANN'), ann);
    await assert.rejects(users.remove('ann'), { code: 'ERR_USER_UNKNOWN' });
    assert.equal(await users.passwordVersion('ann'), undefined);
    assert.deepEqual([...(await leases.last())], []);
    assert.deepEqual((await users.add('ann', PASSWORD)).groups, []);
    assert.notEqual(await users.passwordVersion('ann'), version);
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), []);
    assert.equal(users.browsers.check(cookie, [await users.browserOfMeant('ann')], START_MS), undefined);
  });

  it('a name from the wire means whom it may, and who is nobody has secrets too', async (t) => {
    const { store } = await opened(t);
    const { users } = store;
    await users.add('ann', PASSWORD);
    await users.add('bob', OTHER_PASSWORD);
    const found = await users.lookupAny(['nobody', 'CORP\\BOB', 'ann@example.com', 'bob'], 1);
    assert.deepEqual(
      found.map(({ user, secret }) => [user?.name, secret.password]),
      [
        ['bob', OTHER_PASSWORD],
        ['ann', PASSWORD],
      ],
    );
    assert.deepEqual(
      (await users.lookupAny(['bob', 'ann'], 1, ['ann'])).map(({ user }) => user?.name),
      ['ann'],
    );
    const nobody = await users.lookupAny(['nobody'], 2);
    assert.deepEqual(
      nobody.map(({ user, secret }) => [user, secret.ntHash.length]),
      [
        [undefined, 16],
        [undefined, 16],
      ],
    );
    assert.equal(await users.nameOf(['nobody', 'CORP\\BOB']), 'bob');
    assert.equal(await users.nameOf(['nobody']), undefined);
    await users.recordLogin('ANN');
    await users.recordLogin('nobody');
    assert.deepEqual((await users.find('ann'))?.lastLoginAt, new Date(START_MS));
    assert.equal((await users.browserOfMeant('nobody')).version, undefined);
  });

  it('the password before is kept for 30 days, and no password where only hashes are', async (t) => {
    const { store, place, clock } = await opened(t);
    const { users } = store;
    const previous = async (of: Users): Promise<unknown> => (await of.lookupAny(['ann'], 1))[0]?.previous.password;
    await users.add('ann', PASSWORD);
    await users.change('ann', { password: OTHER_PASSWORD });
    clock.ms += 29 * DAY_MS;
    await users.forgetOldPasswords();
    assert.equal(await previous(users), PASSWORD);
    clock.ms += 2 * DAY_MS;
    assert.notEqual(await previous(users), PASSWORD);
    await users.forgetOldPasswords();
    clock.ms -= 2 * DAY_MS;
    assert.notEqual(await previous(users), PASSWORD, 'forgotten');
    await store.close();
    const hashes = await place.open({ keep: 'nt-hash', now: () => new Date(clock.ms) });
    const [ann] = await hashes.users.lookupAny(['ann'], 1);
    assert.deepEqual([ann?.user?.name, ann?.secret.password], ['ann', undefined]);
    assert.equal((await hashes.users.find('ann'))?.secretKind, 'nt-hash');
  });

  it('of several at once with one name or one address one is added, by whichever way they come', async (t) => {
    const { store, place, clock } = await opened(t);
    const beside = await place.open({ now: () => new Date(clock.ms) });
    const both = [store.users, beside.users];
    const byName = Array.from({ length: 10 }, (_, i) => both[i % 2]?.add(i % 3 === 0 ? 'Ann' : 'ann', PASSWORD));
    assert.deepEqual(await codesOf(byName), ['ERR_USER_EXISTS']);
    const byAddress = Array.from({ length: 10 }, (_, i) => both[i % 2]?.add(`u${i}`, PASSWORD, { ipv4: ADDRESS }));
    assert.deepEqual(await codesOf(byAddress), ['ERR_USER_ADDRESS']);
    const moves = Array.from({ length: 2 }, (_, i) => both[i]?.add(`v${i}`, PASSWORD));
    await Promise.all(moves);
    const taken = both.map((users, i) => users.change(`v${i}`, { ipv4: ADDRESS + 1, groups: ['moved'] }));
    assert.deepEqual(await codesOf(taken), ['ERR_USER_ADDRESS']);
    const moved = (await store.users.list()).filter(({ groups }) => groups.includes('moved'));
    assert.deepEqual(
      moved.map(({ ipv4 }) => ipv4),
      [ADDRESS + 1],
    );
  });

  it('of several changes of one user at once one is last, and none is mixed with another', async (t) => {
    const { store, place, clock } = await opened(t);
    const beside = await place.open({ now: () => new Date(clock.ms) });
    const both = [store.users, beside.users];
    await store.users.add('ann', PASSWORD);
    const changes = Array.from({ length: 10 }, (_, i) => {
      const change = {
        password: `white rabbit ${i}`,
        ipv4: ADDRESS + i,
        groups: [`g${i}`, 'all'],
        enabled: i % 2 === 0,
      };
      return both[i % 2]?.change('ann', change);
    });
    const answered = await Promise.all(changes);
    const last = await beside.users.find('ann');
    const i = (last?.ipv4 ?? 0) - ADDRESS;
    assert.deepEqual(last, answered[i]);
    assert.deepEqual([last?.groups, last?.enabled], [['all', `g${i}`], i % 2 === 0]);
    assert.equal((await store.users.lookupAny(['ann'], 1))[0]?.secret.password, `white rabbit ${i}`);
  });

  it('a change beside a removal happens before it, or to nobody', async (t) => {
    const { store, place, clock } = await opened(t);
    const beside = await place.open({ now: () => new Date(clock.ms) });
    for (let i = 0; i < 6; i++) {
      await store.users.add('ann', PASSWORD);
      const remove = (): Promise<unknown> => store.users.remove('ann');
      const change = (): Promise<unknown> => beside.users.change('ann', { groups: ['staff'], ipv4: ADDRESS });
      const [first, second] = i % 2 === 0 ? [remove(), change()] : [change(), remove()];
      const codes = await codesOf([first, second], 1);
      assert.ok(codes.every((code) => code === 'ERR_USER_UNKNOWN'));
      assert.equal(await store.users.find('ann'), undefined);
      assert.deepEqual((await store.users.add('bob', PASSWORD, { ipv4: ADDRESS })).ipv4, ADDRESS, 'nobody holds it');
      await store.users.remove('bob');
    }
  });

  it('a place is known for who has logged in from there within 30 days, with the password of now', async (t) => {
    const { store, clock } = await opened(t);
    const { users, places } = store;
    await users.add('Ann', PASSWORD);
    await users.add('bob', PASSWORD);
    const known = await places.addresses();
    assert.equal(known.isKnown(HOME), false);
    await places.rememberPlace('ANN', HOME);
    await places.rememberPlace('nobody', HOME);
    assert.deepEqual(await places.usersKnownAt(['nobody', 'CORP\\ann', 'bob'], HOME), ['ann']);
    assert.deepEqual(await places.usersKnownAt(['nobody'], HOME), []);
    assert.deepEqual(await places.usersKnownAt(['ann'], '198.51.100.8'), []);
    assert.deepEqual([known.isKnown(HOME), known.isKnown('198.51.100.8')], [true, false]);
    assert.equal((await places.addresses()).isKnown(HOME), true);
    await users.change('bob', { password: OTHER_PASSWORD });
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), ['ann']);
    await users.change('ann', { password: OTHER_PASSWORD });
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), []);
    await places.rememberPlace('ann', HOME);
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), ['ann']);
    clock.ms += 31 * DAY_MS;
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), []);
    assert.equal(known.isKnown(HOME), false);
  });

  it('a login with a password that is not the one of now any more makes no place known', async (t) => {
    const { store } = await opened(t);
    const { users, places } = store;
    await users.add('ann', PASSWORD);
    const version = async (): Promise<string | undefined> => (await users.lookupAny(['CORP\\ANN'], 1))[0]?.version;
    const old = await version();
    assert.equal(old, await users.passwordVersion('ann'));
    await users.change('ann', { password: OTHER_PASSWORD });
    await places.rememberPlace('ann', HOME, old);
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), []);
    assert.equal((await places.addresses()).isKnown(HOME), false);
    await places.rememberPlace('ann', HOME, await version());
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), ['ann']);
    await users.remove('ann');
    await users.add('ann', OTHER_PASSWORD);
    await places.rememberPlace('ann', HOME, old);
    assert.deepEqual(await places.usersKnownAt(['ann'], HOME), []);
  });

  it('the address that each user got last is remembered, the oldest first, and one for each', async (t) => {
    const { store, place, clock } = await opened(t);
    const { leases } = store;
    for (const [name, ipv4] of [
      ['Ann', ADDRESS],
      ['bob', ADDRESS + 1],
      ['CAROL', ADDRESS + 2],
      ['ann', ADDRESS + 3],
      ['dave', ADDRESS + 1],
    ] as const) {
      clock.ms += 1000;
      await leases.remember(name, ipv4);
    }
    await store.close();
    const again = await place.open({ now: () => new Date(clock.ms) });
    assert.deepEqual(
      [...(await again.leases.last())],
      [
        ['carol', ADDRESS + 2],
        ['ann', ADDRESS + 3],
        ['dave', ADDRESS + 1],
      ],
    );
  });

  it('an admin account is who has its password, and over with each new one', async (t) => {
    const { store } = await opened(t);
    const { admins, tokens } = store;
    assert.equal(await admins.exist(), false);
    const root = await admins.add('Root', PASSWORD);
    assert.deepEqual([root.name, root.version, root.isWeak, root.lastLoginAt], ['Root', 1, false, undefined]);
    for (const [code, name, password] of [
      ['ERR_ADMIN_EXISTS', 'ROOT', PASSWORD],
      ['ERR_USER_NAME', 'a\\b', PASSWORD],
      ['ERR_USER_PASSWORD', 'eve', ''],
      ['ERR_USER_PASSWORD_WEAK', 'eve', 'a'],
    ] as const) {
      await assert.rejects(admins.add(name, password), { code });
    }
    assert.deepEqual(await admins.list(), [root]);
    assert.deepEqual(await admins.verify('rOOT', PASSWORD), root);
    assert.equal(await admins.verify('root', OTHER_PASSWORD), undefined);
    assert.equal(await admins.verify('nobody', PASSWORD), undefined);
    await admins.recordLogin(root);
    assert.deepEqual((await admins.list())[0]?.lastLoginAt, new Date(START_MS));
    const cookie = admins.browsers.issue(await admins.browserOf('root'), START_MS);
    assert.notEqual(admins.browsers.check(cookie, [await admins.browserOf('ROOT')], START_MS), undefined);
    const maker = { kind: 'account', id: root.id, version: root.version } as const;
    const made = await tokens.add({ name: 'made', scopes: ['read'], maker });
    assert.equal(await admins.setPassword('root', OTHER_PASSWORD, { keepTokens: true }), 0);
    assert.equal((await tokens.find(made.token))?.id, made.id);
    await assert.rejects(tokens.add({ name: 'late', scopes: ['read'], maker }), { code: 'ERR_TOKEN' });
    assert.equal(await admins.isCurrent(root), false);
    assert.equal(await admins.isCurrent({ id: root.id, version: 2 }), true);
    assert.equal(admins.browsers.check(cookie, [await admins.browserOf('root')], START_MS), undefined);
    assert.equal(await admins.setPassword('root', PASSWORD), 1);
    assert.equal(await tokens.find(made.token), undefined);
    await assert.rejects(admins.setPassword('nobody', PASSWORD), { code: 'ERR_ADMIN_UNKNOWN' });
    assert.equal(await admins.remove('root'), 0);
    await assert.rejects(admins.remove('root'), { code: 'ERR_ADMIN_UNKNOWN' });
    assert.deepEqual([await admins.exist(), await admins.isCurrent({ id: root.id, version: 3 })], [false, false]);
    assert.equal(await admins.verify('root', PASSWORD), undefined);
  });

  it('of several admin accounts of one name that are added at once one is', async (t) => {
    const { store, place, clock } = await opened(t);
    const beside = await place.open({ now: () => new Date(clock.ms) });
    const adds = [store, beside, store].map(({ admins }, i) => admins.add(i === 1 ? 'Root' : 'root', PASSWORD));
    assert.deepEqual(await codesOf(adds), ['ERR_ADMIN_EXISTS']);
    assert.equal((await store.admins.list()).length, 1);
  });

  it('a token is good until its end, its removal, and that of the token that made it', async (t) => {
    const { store, clock } = await opened(t);
    const { tokens } = store;
    const first = await tokens.add({ name: 'first', scopes: ['read', 'users', 'read'], expiresInDays: 2 });
    const { token: text, ...kept } = first;
    assert.deepEqual(await tokens.find(text), kept);
    assert.deepEqual([kept.scopes, kept.lastUsedAt], [['read', 'users'], undefined]);
    assert.deepEqual(kept.expiresAt, new Date(START_MS + 2 * DAY_MS));
    assert.equal(await tokens.find(`${text.slice(0, -1)}${text.endsWith('A') ? 'B' : 'A'}`), undefined);
    assert.equal(await tokens.find(''), undefined);
    await assert.rejects(tokens.add({ name: 'a b', scopes: ['read'] }), { code: 'ERR_TOKEN' });
    clock.ms += 1000;
    const child = await tokens.add({
      ...{ name: 'child', scopes: ['read'], expiresInDays: 'never', maker: { kind: 'token', id: first.id } },
    });
    assert.deepEqual(child.expiresAt, kept.expiresAt, 'not beyond its maker');
    assert.equal(
      (await tokens.add({ name: 'lasting', scopes: ['read'], expiresInDays: 'never' })).expiresAt,
      undefined,
    );
    await tokens.recordUse(child);
    assert.deepEqual((await tokens.find(child.token))?.lastUsedAt, new Date(clock.ms));
    clock.ms = START_MS + 2 * DAY_MS;
    assert.equal(await tokens.find(text), undefined);
    assert.deepEqual((await tokens.list()).map(({ name }) => name).sort(), ['child', 'first', 'lasting']);
    await tokens.remove(first.id);
    assert.deepEqual(
      (await tokens.list()).map(({ name }) => name),
      ['lasting'],
    );
    await assert.rejects(tokens.remove(first.id), { code: 'ERR_TOKEN_UNKNOWN' });
  });

  it('what the server notes for itself stays', async (t) => {
    const { store, place, clock } = await opened(t);
    const { settings } = store;
    assert.equal(await settings.get('told'), undefined);
    await settings.set('told', 'yes');
    await settings.set('told', 'again');
    await store.close();
    const again = await place.open({ now: () => new Date(clock.ms) });
    assert.deepEqual([await again.settings.get('told'), await again.settings.get('other')], ['again', undefined]);
  });

  it('a store that breaks rejects each question with ERR_USER_STORE, and throws nothing', async (t) => {
    const { store, place } = await opened(t);
    const { users, places, leases, admins, tokens, settings } = store;
    await users.add('ann', PASSWORD);
    const { token, ...kept } = await tokens.add({ name: 'monitoring', scopes: ['read'] });
    const root = await admins.add('root', PASSWORD);
    await place.break();
    const asked: Record<string, () => Promise<unknown>> = {
      lookupAny: () => users.lookupAny(['ann'], 1),
      nameOf: () => users.nameOf(['ann']),
      find: () => users.find('ann'),
      recordLogin: () => users.recordLogin('ann'),
      add: () => users.add('bob', PASSWORD),
      change: () => users.change('ann', { enabled: false }),
      remove: () => users.remove('ann'),
      list: () => users.list(),
      exist: () => users.exist(),
      passwordVersion: () => users.passwordVersion('ann'),
      forgetOldPasswords: () => users.forgetOldPasswords(),
      browserOfMeant: () => users.browserOfMeant('ann'),
      usersKnownAt: () => places.usersKnownAt(['ann'], HOME),
      rememberPlace: () => places.rememberPlace('ann', HOME),
      addresses: () => places.addresses(),
      'leases.remember': () => leases.remember('ann', ADDRESS),
      'leases.last': () => leases.last(),
      'admins.add': () => admins.add('eve', PASSWORD),
      'admins.setPassword': () => admins.setPassword('root', PASSWORD),
      'admins.remove': () => admins.remove('root'),
      'admins.list': () => admins.list(),
      'admins.exist': () => admins.exist(),
      'admins.isCurrent': () => admins.isCurrent(root),
      'admins.verify': () => admins.verify('root', PASSWORD),
      'admins.recordLogin': () => admins.recordLogin(root),
      'admins.browserOf': () => admins.browserOf('root'),
      'tokens.add': () => tokens.add({ name: 'x', scopes: ['read'] }),
      'tokens.list': () => tokens.list(),
      'tokens.remove': () => tokens.remove(kept.id),
      'tokens.find': () => tokens.find(token),
      'tokens.recordUse': () => tokens.recordUse(kept),
      'settings.get': () => settings.get('told'),
      'settings.set': () => settings.set('told', 'yes'),
    };
    const methods = [users, places, leases, admins, tokens, settings].flatMap((part) =>
      Object.values(part).filter((member) => typeof member === 'function'),
    );
    assert.equal(Object.keys(asked).length, methods.length, 'each method is asked');
    for (const [name, ask] of Object.entries(asked)) {
      // A throw in the call itself would not come as a rejection.
      const answer = ask();
      await assert.rejects(answer, { name: 'UserStoreError', code: 'ERR_USER_STORE' }, name);
    }
    await store.close();
  });
}

async function namesIn(users: Users): Promise<string[]> {
  return (await users.list()).map(({ name }) => name);
}

/** @returns the codes of those that were rejected, each once; all but `succeed` were */
async function codesOf(asked: readonly (Promise<unknown> | undefined)[], atLeast?: number): Promise<string[]> {
  const results = await Promise.allSettled(asked);
  const codes = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason.code)] : []));
  const succeeded = results.length - codes.length;
  if (atLeast === undefined) assert.equal(succeeded, 1, 'one is done');
  else assert.ok(succeeded >= atLeast);
  return [...new Set(codes)];
}

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { DUMMY_HASH, hashPassword, verifyPassword } from '../../../auth/password-hash.ts';
import { AdminStore } from '../../../store/sqlite/admin-store.ts';
import { UserStore } from '../../../store/sqlite/user-store.ts';
import { writeOldStore } from './old-store.ts';

const PASSWORD = 'correct horse';
const DAY_MS = 86_400_000;
let now: Date;

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-admins-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function open(t: TestContext, directory: string = makeDirectory(t)): AdminStore {
  now = new Date('2026-01-02T03:04:05Z');
  const store = AdminStore.open(directory, () => now);
  t.after(() => store.close());
  return store;
}

const refusal = (code: string, message?: RegExp) => ({ name: 'UserStoreError', code, ...(message && { message }) });

test('an account is let in with its password, whatever the case of its name, and with no other', async (t) => {
  const { accounts } = open(t);
  const ann = await accounts.add('Ann', PASSWORD);
  assert.deepEqual([ann.name, ann.version, ann.createdAt, ann.lastLoginAt], ['Ann', 1, now, undefined]);
  assert.deepEqual(await accounts.verify('aNN', PASSWORD), ann);
  for (const [name, password] of [
    ['ann', 'correct hors'],
    ['ann', `${PASSWORD} `],
    ['ann', PASSWORD.toUpperCase()],
    ['ann', ''],
    ['eve', PASSWORD],
    ['', PASSWORD],
    [`ann${'x'.repeat(100_000)}`, PASSWORD],
    ['ann', PASSWORD + 'x'.repeat(100_000)],
  ] as const) {
    assert.equal(await accounts.verify(name, password), undefined, `${name.slice(0, 9)} ${password.slice(0, 20)}`);
  }
  accounts.recordLogin(ann);
  assert.deepEqual(accounts.list(), [{ ...ann, lastLoginAt: now }]);
});

test('a password may be typed composed or decomposed', async (t) => {
  const { accounts } = open(t);
  await accounts.add('zoe', 'Zo\u00eb ist da');
  assert.ok(await accounts.verify('zoe', 'Zoe\u0308 ist da'));
});

test('what an account may not be', async (t) => {
  const { accounts } = open(t);
  await accounts.add('ann', PASSWORD);
  await assert.rejects(accounts.add('ANN', PASSWORD), refusal('ERR_ADMIN_EXISTS', /^admin account 'ANN' exists/));
  for (const name of ['', 'a"b', '<b>', 'a\nb', '\u202eann', 'x'.repeat(65)]) {
    await assert.rejects(accounts.add(name, PASSWORD), refusal('ERR_USER_NAME'));
  }
  for (const password of ['', 'x'.repeat(257), 'lone \ud800 half']) {
    await assert.rejects(accounts.add('bob', password, { weak: true }), refusal('ERR_USER_PASSWORD'));
    await assert.rejects(accounts.setPassword('ann', password, { weak: true }), refusal('ERR_USER_PASSWORD'));
  }
  for (const password of ['123456789', 'password2026', 'bobby-bob1']) {
    await assert.rejects(accounts.add('bobby-bob', password), refusal('ERR_USER_PASSWORD_WEAK'));
  }
  await assert.rejects(accounts.setPassword('ann', '123456789'), refusal('ERR_USER_PASSWORD_WEAK'));
  await assert.rejects(accounts.setPassword('bob', PASSWORD), refusal('ERR_ADMIN_UNKNOWN'));
  assert.throws(() => accounts.remove('bob'), refusal('ERR_ADMIN_UNKNOWN', /^there is no admin account 'bob'$/));
  assert.equal(accounts.count, 1);
});

test('a weak password of an account is taken if that is asked for, and the list says so', async (t) => {
  const directory = makeDirectory(t);
  const { accounts } = open(t, directory);
  assert.equal((await accounts.add('ann', 'horse', { weak: true })).isWeak, true);
  assert.equal((await accounts.verify('ann', 'horse'))?.isWeak, true);
  await accounts.setPassword('ann', PASSWORD);
  assert.equal(accounts.list()[0]?.isWeak, false);
  await accounts.setPassword('ann', 'horse', { weak: true });

  // An account from before anybody asked: known once the password is given.
  const database = new DatabaseSync(join(directory, 'users.db'));
  database.exec('UPDATE admins SET strength = NULL');
  database.close();
  assert.equal(accounts.list()[0]?.isWeak, undefined);
  assert.equal(await accounts.verify('ann', 'another'), undefined);
  assert.equal(accounts.list()[0]?.isWeak, undefined);
  assert.equal((await accounts.verify('ann', 'horse'))?.isWeak, true, 'and it is let in');
  assert.equal(accounts.list()[0]?.isWeak, true);
});

test('another process sees at once that an account has another password, or is gone', async (t) => {
  const directory = makeDirectory(t);
  const [server, command] = [open(t, directory).accounts, open(t, directory).accounts];
  const first = await server.add('ann', PASSWORD);
  assert.equal(server.isCurrent(first), true);
  await command.setPassword('ann', 'another horse');
  assert.equal(server.isCurrent(first), false);
  const second = await server.verify('ann', 'another horse');
  assert.equal(second && server.isCurrent(second), true);
  command.remove('ann');
  assert.equal(second && server.isCurrent(second), false);
  await command.add('ann', PASSWORD);
  assert.equal(server.isCurrent(first), false); // the same name, but not the same account
});

test('a hash says how it was made, with N of 2^15 at least, and no two are the same', async () => {
  const [one, other] = [await hashPassword(PASSWORD), await hashPassword(PASSWORD)];
  assert.match(one, /^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(one, other);
  assert.equal(await verifyPassword(PASSWORD, one), true);
  assert.equal(await verifyPassword('other', one), false);
});

test('an account that does not exist takes as long to look at as one that does', async (t) => {
  const { accounts } = open(t);
  await accounts.add('ann', PASSWORD);
  const timeOf = async (name: string): Promise<number> => {
    const startedAt = performance.now();
    for (let i = 0; i < 3; i += 1) assert.equal(await accounts.verify(name, 'wrong'), undefined);
    return performance.now() - startedAt;
  };
  const [known, unknown] = [await timeOf('ann'), await timeOf('eve')];
  // Without a hash to look at it would be a thousandth.
  assert.ok(unknown > known / 4, `${unknown} ms, ${known} ms`);
  assert.match(DUMMY_HASH, /^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
});

test('a hash made with other parameters is checked with those, but not with absurd ones', async () => {
  // Python: hashlib.scrypt(b'password', salt=b'NaClNaClNaClNaCl', n=1024, r=8, p=16, maxmem=2**26, dklen=32)
  const salt = Buffer.from('NaClNaClNaClNaCl').toString('base64').replaceAll('=', '');
  const stored = `$scrypt$ln=10,r=8,p=16$${salt}$ruflYSr7JKwcyP4taFgPBJI7nqmwRVvjonthQb2MSCI`;
  assert.equal(await verifyPassword('password', stored), true);
  for (const bad of ['', 'x', stored.replace('ln=10', 'ln=30'), stored.replace('r=8', 'r=99'), `${stored}A`]) {
    assert.equal(await verifyPassword('password', bad), false, bad);
  }
});

test('a token is known by its text while it is valid; what is stored is its hash', async (t) => {
  const directory = makeDirectory(t);
  const { tokens } = open(t, directory);
  const { token, ...view } = tokens.add({ name: 'backup', scopes: ['read', 'users', 'read'], expiresInDays: 2 });
  assert.match(token, /^sstpd_[\w-]{43}$/);
  assert.deepEqual(view.scopes, ['read', 'users']);
  assert.deepEqual(view.expiresAt, new Date(now.getTime() + 2 * DAY_MS));
  assert.deepEqual(tokens.find(token), view);
  for (const wrong of ['', 'sstpd_', token.slice(0, -1), `${token}x`, token.toUpperCase(), `sstpd_${'A'.repeat(43)}`]) {
    assert.equal(tokens.find(wrong), undefined, wrong);
  }
  now = new Date(now.getTime() + 2 * DAY_MS - 1);
  assert.ok(tokens.find(token));
  now = new Date(now.getTime() + 1);
  assert.equal(tokens.find(token), undefined);
  assert.deepEqual(tokens.list(), [view]);
  for (const file of ['users.db', 'users.db-wal']) {
    const bytes = readFileSync(join(directory, file));
    assert.ok(!bytes.includes(token) && !bytes.includes(Buffer.from(token.slice(6), 'base64url')), file);
  }
});

test('each token ends: after 90 days unless another time is said; never, only where that is said', (t) => {
  const { tokens } = open(t);
  const ends = (expiresInDays?: number | 'never'): number | undefined => {
    const { expiresAt } = tokens.add({ name: 'x', scopes: ['read'], expiresInDays });
    return expiresAt && (expiresAt.getTime() - now.getTime()) / DAY_MS;
  };
  assert.deepEqual([ends(), ends(5), ends('never')], [90, 5, undefined]);
});

test('a token that an account made ends with the account and with its password, unless it is to be kept', async (t) => {
  const { accounts, tokens } = open(t);
  const [ann, bob] = [await accounts.add('ann', PASSWORD), await accounts.add('bob', PASSWORD)];
  const make = ({ id, version }: { id: string; version: number }): string =>
    tokens.add({ name: 'x', scopes: ['read'], maker: { kind: 'account', id, version } }).token;
  const [ours, theirs] = [make(ann), make(bob)];
  const here = tokens.add({ name: 'here', scopes: ['read'] }).token;
  const live = (): boolean[] => [ours, theirs, here].map((token) => tokens.find(token) !== undefined);
  assert.equal(await accounts.setPassword('ann', 'another horse', { keepTokens: true }), 0);
  assert.deepEqual(live(), [true, true, true]);
  assert.throws(() => make(ann), refusal('ERR_TOKEN', /login is over/), 'with the old password');
  assert.equal(await accounts.setPassword('ANN', 'a third horse'), 1);
  assert.deepEqual(live(), [false, true, true]);
  assert.equal(accounts.remove('bob'), 1);
  assert.deepEqual(live(), [false, false, true]);
  assert.throws(() => make(bob), refusal('ERR_TOKEN', /login is over/));
});

test('a token that a token made ends no later than that, and with it, and with the account behind it', async (t) => {
  const { accounts, tokens } = open(t);
  const { id, version } = await accounts.add('ann', PASSWORD);
  const scopes = ['admin'] as const;
  const first = tokens.add({ name: 'a', scopes, expiresInDays: 5, maker: { kind: 'account', id, version } });
  const second = tokens.add({ name: 'b', scopes, expiresInDays: 300, maker: { kind: 'token', id: first.id } });
  const third = tokens.add({ name: 'c', scopes, expiresInDays: 1, maker: { kind: 'token', id: second.id } });
  assert.deepEqual(second.expiresAt, first.expiresAt);
  assert.ok(third.expiresAt !== undefined && first.expiresAt !== undefined && third.expiresAt < first.expiresAt);
  assert.equal(await accounts.setPassword('ann', 'another horse'), 3);
  assert.deepEqual(tokens.list(), []);

  const parent = tokens.add({ name: 'a', scopes, expiresInDays: 'never' });
  const child = tokens.add({ name: 'b', scopes, expiresInDays: 300, maker: { kind: 'token', id: parent.id } });
  const grandchild = tokens.add({ name: 'c', scopes, maker: { kind: 'token', id: child.id } });
  const other = tokens.add({ name: 'd', scopes });
  tokens.remove(parent.id);
  assert.deepEqual(
    tokens.list().map((left) => left.id),
    [other.id],
  );
  assert.equal(tokens.find(grandchild.token), undefined);
  assert.throws(() => tokens.add({ name: 'e', scopes, maker: { kind: 'token', id: parent.id } }), refusal('ERR_TOKEN'));
});

test('the last use of a token is written now and then only', (t) => {
  const { tokens } = open(t);
  const { token } = tokens.add({ name: 'backup', scopes: ['read'] });
  const use = (): Date | undefined => {
    const found = tokens.find(token);
    if (found !== undefined) tokens.recordUse(found);
    return tokens.find(token)?.lastUsedAt;
  };
  const first = now;
  assert.deepEqual(use(), first);
  now = new Date(first.getTime() + 599_999);
  assert.deepEqual(use(), first);
  now = new Date(first.getTime() + 600_000);
  assert.deepEqual(use(), now);
});

test('a removed token is not known any more; there are no more than 1000', (t) => {
  const { tokens } = open(t);
  const { id, token } = tokens.add({ name: 'backup', scopes: ['read'] });
  tokens.remove(id);
  assert.equal(tokens.find(token), undefined);
  assert.throws(() => tokens.remove(id), refusal('ERR_TOKEN_UNKNOWN'));
  for (const name of ['', 'a b', 'a\nb', '<b>', 'x'.repeat(65)]) {
    assert.throws(() => tokens.add({ name, scopes: ['read'] }), refusal('ERR_TOKEN'));
  }
  for (let i = 0; i < 1000; i += 1) tokens.add({ name: `t${i}`, scopes: ['read'] });
  assert.throws(() => tokens.add({ name: 'more', scopes: ['read'] }), refusal('ERR_TOKEN', /^there are 1000 tokens/));
});

test('a store of the first version keeps its users, and gets the new tables', (t) => {
  const directory = makeDirectory(t);
  writeOldStore(directory, 1, { ann: 'white rabbit' });
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  assert.deepEqual(store.find('ann')?.groups, []);
  assert.deepEqual(store.change('ann', { groups: ['staff'] }).groups, ['staff']);
  assert.equal(open(t, directory).accounts.count, 0);
});

test('a column that holds what the schema does not allow is refused, not believed', async (t) => {
  const directory = makeDirectory(t);
  const { accounts } = open(t, directory);
  await accounts.add('ann', PASSWORD);
  const database = new DatabaseSync(join(directory, 'users.db'));
  database.exec("UPDATE admins SET hash = 'plain'");
  database.close();
  assert.equal(await accounts.verify('ann', PASSWORD), undefined);
  assert.equal(await accounts.verify('ann', 'plain'), undefined);
});

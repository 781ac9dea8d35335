import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { UserStore } from '../../../store/sqlite/user-store.ts';
import { writeOldStore } from './old-store.ts';

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-users-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** A store with one user, closed again. */
function makeStore(t: TestContext): string {
  const directory = makeDirectory(t);
  const store = UserStore.open(directory, { keep: 'password' });
  store.add('alice', 'white rabbit');
  store.close();
  return directory;
}

function assertRefused(directory: string, message: RegExp): void {
  assert.throws(() => UserStore.open(directory, { keep: 'password' }), {
    name: 'UserStoreError',
    code: 'ERR_USER_STORE',
    message,
  });
}

function inDatabase(directory: string, sql: string): void {
  const database = new DatabaseSync(join(directory, 'users.db'));
  database.exec(sql);
  database.close();
}

test('a missing key file is not replaced: the passwords would be lost', (t) => {
  const directory = makeStore(t);
  rmSync(join(directory, 'users.key'));
  assertRefused(directory, /^users\.key is missing in .*: restore it/);
  assertRefused(directory, /^users\.key is missing/);
});

test('a key file of another store is refused', (t) => {
  const directory = makeStore(t);
  writeFileSync(join(directory, 'users.key'), readFileSync(join(makeStore(t), 'users.key')));
  assertRefused(directory, /^users\.key and users\.db in .* do not belong together/);
});

test('a key file of any other length is refused', (t) => {
  for (const length of [0, 31, 33]) {
    const directory = makeStore(t);
    writeFileSync(join(directory, 'users.key'), Buffer.alloc(length));
    assertRefused(directory, new RegExp(`^users\\.key in .* is damaged: it has ${length} bytes, not 32`));
  }
});

test('a key file without a database is used: only the key could be restored from a backup', (t) => {
  const directory = makeStore(t);
  const key = readFileSync(join(directory, 'users.key'));
  rmSync(join(directory, 'users.db'));
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  assert.deepEqual(store.list(), []);
  assert.deepEqual(readFileSync(join(directory, 'users.key')), key);
});

test('a start that was cut off before the key file was complete is made good', (t) => {
  const directory = makeDirectory(t);
  writeFileSync(join(directory, 'users.db'), '', { mode: 0o600 });
  writeFileSync(join(directory, 'users.key.new'), 'half', { mode: 0o600 });
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  store.add('alice', 'white rabbit');
  assert.equal(readFileSync(join(directory, 'users.key')).length, 32);
});

test('a file that is no database is refused and left as it is', (t) => {
  const directory = makeDirectory(t);
  const text = 'this is not a database, '.repeat(50);
  writeFileSync(join(directory, 'users.db'), text, { mode: 0o600 });
  assertRefused(directory, /cannot be used: file is not a database$/);
  assert.equal(readFileSync(join(directory, 'users.db'), 'utf8'), text);
});

test('a database of another program is refused', (t) => {
  const directory = makeDirectory(t);
  writeFileSync(join(directory, 'users.db'), '', { mode: 0o600 });
  inDatabase(directory, 'PRAGMA user_version = 1; CREATE TABLE other (a)');
  assertRefused(directory, /^users\.db in .* is not a database of sstpd$/);
});

test('a database of a newer version is refused', (t) => {
  const directory = makeStore(t);
  inDatabase(directory, 'PRAGMA user_version = 99');
  assertRefused(directory, /was written by a newer sstpd \(schema 99, this one knows \d+\)$/);
});

test('a database from before previous passwords were kept is brought up to date, and loses nothing', (t) => {
  const directory = makeDirectory(t);
  writeOldStore(directory, 2, { alice: 'white rabbit' });
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  assert.equal(store.lookup('alice').secret.password, 'white rabbit');
  store.change('alice', { password: 'the mad hatter' });
  assert.equal(store.lookup('alice').secret.password, 'the mad hatter');
  assert.equal(store.lookup('alice').previous.password, 'white rabbit');
});

test('a column that holds what the schema does not allow is refused', (t) => {
  const directory = makeStore(t);
  inDatabase(directory, 'DROP TABLE leases; CREATE TABLE leases (folded, ipv4, leased_at)');
  inDatabase(directory, "INSERT INTO leases VALUES ('alice', 'not a number', 0)");
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  assert.throws(() => store.leases(), { code: 'ERR_USER_STORE', message: 'the user database is damaged: column ipv4' });
});

test('a refused store leaves no file open', (t) => {
  const directory = makeStore(t);
  inDatabase(directory, 'PRAGMA user_version = 99');
  assertRefused(directory, /newer/);
  // With a connection still open the write lock, or the log file beside the database, would remain.
  const database = new DatabaseSync(join(directory, 'users.db'), { timeout: 0 });
  database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT');
  database.close();
});

test('processes that make the store at the same moment agree on one key', async (t) => {
  const directory = join(makeDirectory(t), 'new', 'data');
  const script = `
    import { UserStore } from ${JSON.stringify(new URL('../../../store/sqlite/user-store.ts', import.meta.url).href)};
    const store = UserStore.open(process.argv[1], { keep: 'password' });
    store.add(process.argv[2], 'password of ' + process.argv[2]);
    store.close();`;
  const names = ['alice', 'bob', 'carol', 'dave'];
  await Promise.all(
    names.map((name) => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, directory, name])),
  );
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  for (const name of names) assert.equal(store.lookup(name).secret.password, `password of ${name}`);
});

import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UserStore } from '../../../store/sqlite/user-store.ts';

const asRoot = { skip: process.geteuid?.() === 0 ? false : 'needs root' };

function makeDirectory(t: TestContext, name = 'data'): string {
  const parent = mkdtempSync(join(tmpdir(), 'sstpd-users-'));
  t.after(() => rmSync(parent, { recursive: true }));
  return join(parent, name);
}

function openStore(t: TestContext, directory: string): UserStore {
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  return store;
}

function makeStore(t: TestContext, name?: string): string {
  const directory = makeDirectory(t, name);
  openStore(t, directory).close();
  return directory;
}

function assertRefused(directory: string, message: string): void {
  assert.throws(() => UserStore.open(directory, { keep: 'password' }), {
    name: 'UserStoreError',
    code: 'ERR_USER_STORE_MODE',
    message,
  });
}

const mode = (path: string): number => statSync(path).mode & 0o777;

test('a new store makes its directory 0700 and every file 0600, whatever the umask', (t) => {
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const directory = join(makeDirectory(t), 'deep');
  const store = openStore(t, directory);
  store.add('alice', 'white rabbit');
  assert.equal(mode(directory), 0o700);
  const files = readdirSync(directory).sort();
  assert.deepEqual(files, ['users.db', 'users.db-shm', 'users.db-wal', 'users.key']);
  for (const name of files) {
    assert.equal(mode(join(directory, name)), 0o600, name);
    assert.ok(UserStore.files.includes(name), name);
  }
});

test('the mode of a directory that is there already stays', (t) => {
  const directory = makeDirectory(t);
  mkdirSync(directory, { mode: 0o750 });
  chmodSync(directory, 0o750);
  openStore(t, directory);
  assert.equal(mode(directory), 0o750);
});

for (const name of ['users.db', 'users.key']) {
  for (const wrong of [0o644, 0o640, 0o604, 0o620, 0o601]) {
    test(`${name} with mode 0${wrong.toString(8)} is refused with the command that mends it`, (t) => {
      const directory = makeStore(t);
      const path = join(directory, name);
      chmodSync(path, wrong);
      const message = `${path} is open to other users (mode 0${wrong.toString(8)}): run chmod 600 ${path}`;
      assertRefused(directory, message);
      chmodSync(path, 0o600);
      openStore(t, directory);
    });
  }
}

test('a path that the shell would split is quoted in the command', (t) => {
  const directory = makeStore(t, "it's here");
  const path = join(directory, 'users.key');
  chmodSync(path, 0o644);
  const quoted = `'${path.replace("it's", "it'\\''s")}'`;
  assertRefused(directory, `${path} is open to other users (mode 0644): run chmod 600 ${quoted}`);
});

test('a link in place of a file is refused', (t) => {
  const directory = makeStore(t);
  const path = join(directory, 'users.key');
  renameSync(path, `${directory}-elsewhere`);
  symlinkSync(`${directory}-elsewhere`, path);
  assertRefused(directory, `${path} is not a regular file: move it away`);
});

test("a file of another user is refused, unless the directory is that user's too", asRoot, (t) => {
  const directory = makeStore(t);
  const path = join(directory, 'users.key');
  chownSync(path, 1234, 1234);
  assertRefused(directory, `${path} belongs to user id 1234: run chown 0 ${path}`);
  chownSync(directory, 1234, 1234);
  openStore(t, directory);
});

test('a directory that cannot be made is one clear error', (t) => {
  const directory = makeStore(t);
  const below = join(directory, 'users.db', 'data');
  assert.throws(() => UserStore.open(below, { keep: 'password' }), {
    name: 'UserStoreError',
    code: 'ERR_USER_STORE',
    message: /^the user store in .* cannot be used: a part of the path is not a directory$/,
  });
  assert.equal(existsSync(below), false);
});

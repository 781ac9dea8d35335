import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Authenticator } from '../../auth/index.ts';
import { ensureFirstUser } from '../../server/first-start.ts';
import { usersOf } from '../../store/sqlite/sqlite-store.ts';
import { UserStore } from '../../store/sqlite/user-store.ts';

function newStore(t: TestContext): { directory: string; store: UserStore } {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-first-'));
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, store };
}

async function canLogIn(store: UserStore, name: string, password: string): Promise<boolean> {
  const authenticator = new Authenticator({ store: usersOf(store) });
  return (await authenticator.verify(authenticator.read({ method: 'pap', name, password }))).reason === 'ok';
}

/** At least 64 bits in characters that nobody mistakes for one another when reading them out. */
const PASSWORD = /^[a-hjkmnp-z2-9]{4}(-[a-hjkmnp-z2-9]{4}){3}$/;

test('on a terminal the first user comes with the password to show, and nothing is written to a file', async (t) => {
  const { directory, store } = newStore(t);
  const user = await ensureFirstUser(usersOf(store), directory, true);
  assert.ok(user !== undefined && 'password' in user);
  assert.match(user.password, PASSWORD);
  assert.ok(await canLogIn(store, user.name, user.password));
  assert.throws(() => statSync(join(directory, 'first-user.txt')), { code: 'ENOENT' });
});

test('without a terminal name and password go to a file for its owner alone', async (t) => {
  const { directory, store } = newStore(t);
  const user = await ensureFirstUser(usersOf(store), directory, false);
  const file = join(directory, 'first-user.txt');
  assert.deepEqual(user, { name: 'vpn', passwordFile: file });
  assert.equal((statSync(file).mode & 0o777).toString(8), '600');
  const [name = '', password = '', ...rest] = readFileSync(file, 'utf8').split('\n');
  assert.deepEqual(rest, ['']);
  assert.match(password, PASSWORD);
  assert.ok(await canLogIn(store, name, password));
});

test('where there is a user no other is made', async (t) => {
  const { directory, store } = newStore(t);
  store.add('alice', 'secret of alice');
  assert.equal(await ensureFirstUser(usersOf(store), directory, true), undefined);
  assert.deepEqual(
    store.list().map((user) => user.name),
    ['alice'],
  );
});

test('every first password is another one', async (t) => {
  const passwords = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const { directory, store } = newStore(t);
    const user = await ensureFirstUser(usersOf(store), directory, true);
    if (user !== undefined && 'password' in user) passwords.add(user.password);
  }
  assert.equal(passwords.size, 4);
});

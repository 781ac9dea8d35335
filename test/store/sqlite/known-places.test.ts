import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { UserStore } from '../../../store/sqlite/user-store.ts';

const DAY = 86_400_000;
const PASSWORD = 'correct horse';
const HOME = '198.51.100.7';

function isKnown(store: UserStore, name: string, place: string): boolean {
  return store.usersKnownAt([name], place).length === 1;
}

function open(
  t: TestContext,
  clock: { ms: number } = { ms: 0 },
): { readonly store: UserStore; readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-places-'));
  const store = UserStore.open(directory, { keep: 'password', now: () => new Date(clock.ms) });
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });
  store.add('Ann', PASSWORD);
  store.add('bob', PASSWORD);
  return { store, directory };
}

test('a place is known for the user that logged in there, in all spellings, and for nobody else', (t) => {
  const { store } = open(t);
  store.rememberPlace('Ann', HOME);
  for (const name of ['ann', 'ANN', 'CORP\\Ann', 'ann@example.com'])
    assert.equal(isKnown(store, name, HOME), true, name);
  for (const name of ['bob', 'nobody', '']) assert.equal(isKnown(store, name, HOME), false, name);
  assert.equal(isKnown(store, 'ann', '198.51.100.8'), false);
  store.add('ann@corp', PASSWORD);
  assert.equal(isKnown(store, 'ann@corp', HOME), false, 'a user of exactly that name is somebody else');
});

test('of a name that may mean several users, those who have logged in from there, whoever else there is', (t) => {
  const { store } = open(t);
  const readings = ['nobody', 'ann', 'CORP\\BOB', 'ANN'];
  store.rememberPlace('Ann', HOME);
  assert.deepEqual(store.usersKnownAt(['nobody', 'ann', 'x'], HOME), ['ann']);
  assert.deepEqual(store.usersKnownAt(readings, HOME), ['ann']);
  store.rememberPlace('bob', HOME);
  assert.deepEqual(store.usersKnownAt(readings, HOME), ['ann', 'bob']);
  assert.deepEqual(store.usersKnownAt(['nobody', 'x'], HOME), []);
  for (const name of ['c', 'd', 'e']) store.add(name, PASSWORD);
  assert.deepEqual(
    store.usersKnownAt(['c', 'd', 'e', 'ann'], HOME),
    ['ann'],
    'also behind more than are looked at anyway',
  );
});

test('it is forgotten after 30 days without a login from there', (t) => {
  const clock = { ms: 0 };
  const { store } = open(t, clock);
  store.rememberPlace('ann', HOME);
  clock.ms = 29 * DAY;
  assert.equal(isKnown(store, 'ann', HOME), true);
  store.rememberPlace('ann', HOME);
  clock.ms = 58 * DAY;
  assert.equal(isKnown(store, 'ann', HOME), true);
  clock.ms = 60 * DAY;
  assert.equal(isKnown(store, 'ann', HOME), false);
});

test('a new password and the removal of the user forget all places; another user of that name gets none', (t) => {
  const { store } = open(t);
  store.rememberPlace('ann', HOME);
  store.change('ann', { password: 'another password' });
  assert.equal(isKnown(store, 'ann', HOME), false);
  store.rememberPlace('ann', HOME);
  store.remove('ann');
  store.add('ann', PASSWORD);
  assert.equal(isKnown(store, 'ann', HOME), false);
});

test('of one user the newest 64 are kept; the file tells no address, and a restart changes nothing', (t) => {
  const clock = { ms: 0 };
  const { store, directory } = open(t, clock);
  for (let index = 0; index < 100; index++) {
    clock.ms += 1_000;
    store.rememberPlace('ann', `198.51.100.${index}`);
  }
  store.rememberPlace('nobody', HOME);
  const again = UserStore.open(directory, { keep: 'password', now: () => new Date(clock.ms) });
  t.after(() => again.close());
  assert.equal(isKnown(again, 'ann', '198.51.100.35'), false);
  assert.equal(isKnown(again, 'ann', '198.51.100.36'), true);
  const database = new DatabaseSync(join(directory, 'users.db'), { readOnly: true });
  const rows = database.prepare('SELECT place FROM known_places').all();
  database.close();
  assert.equal(rows.length, 64);
  for (const { place } of rows) {
    assert.ok(place instanceof Uint8Array && place.length === 16);
    assert.ok(!Buffer.from(place).includes('198.51'));
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { UserStore } from '../../../store/sqlite/user-store.ts';

const DAY = 86_400_000;
const HOME = '198.51.100.7';

function place(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-addresses-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const clock = { ms: 100 * DAY };
  const open = (): UserStore => {
    const store = UserStore.open(directory, { keep: 'password', now: () => new Date(clock.ms) });
    t.after(() => store.close());
    return store;
  };
  return { directory, clock, open };
}

test('an address is known for 30 days after the last login of anybody from there, also after a restart', (t) => {
  const { clock, open } = place(t);
  const store = open();
  store.add('ann', 'correct horse');
  assert.equal(store.isKnownAddress(HOME), false);
  store.rememberPlace('ann', HOME);
  assert.equal(store.isKnownAddress(HOME), true);
  assert.equal(store.isKnownAddress('198.51.100.8'), false);
  clock.ms += 29 * DAY;
  assert.equal(open().isKnownAddress(HOME), true);
  store.rememberPlace('ann', HOME);
  clock.ms += 29 * DAY;
  assert.equal(open().isKnownAddress(HOME), true);
  clock.ms += DAY;
  assert.equal(store.isKnownAddress(HOME), false);
  assert.equal(open().isKnownAddress(HOME), false);
});

test('it is asked with each connection: no look into the database', (t) => {
  const { directory, open } = place(t);
  const store = open();
  store.add('ann', 'correct horse');
  store.rememberPlace('ann', HOME);
  const database = new DatabaseSync(join(directory, 'users.db'));
  t.after(() => database.close());
  database.exec('DELETE FROM known_addresses');
  assert.equal(store.isKnownAddress(HOME), true);
});

test('the database tells neither address nor user: a keyed hash, and when', (t) => {
  const { directory, open } = place(t);
  const store = open();
  store.add('ann', 'correct horse');
  store.rememberPlace('ann', HOME);
  const database = new DatabaseSync(join(directory, 'users.db'));
  t.after(() => database.close());
  const [row] = database.prepare('SELECT * FROM known_addresses').all();
  assert.deepEqual(Object.keys(row ?? {}), ['address', 'seen_at']);
  assert.ok(row?.address instanceof Uint8Array && row.address.length === 16);
});

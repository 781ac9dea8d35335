/** What a look-up reads and decodes follows from the name that was sent, and not from who there is. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StatementSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { CODE_PAGES, Encoder } from '../../auth/code-pages.ts';
import { SecretSeal } from '../../auth/secret-seal.ts';
import { UserStore } from '../../auth/user-store.ts';

const PASSWORD = 'correct horse battery';
const PLACE = '192.0.2.7';

function newStore(t: TestContext): UserStore {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-nobody-'));
  const store = UserStore.open(join(directory, 'data'), { keep: 'password' });
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });
  store.add('known', PASSWORD);
  store.add('known@realm', PASSWORD);
  store.add('changed', PASSWORD);
  store.setPassword('changed', 'staple after staple');
  store.add('мария', PASSWORD, { groups: ['a', 'b'] });
  return store;
}

const STEPS: readonly (readonly [string, (store: UserStore, readings: readonly string[]) => unknown])[] = [
  ['whose name it is', (store, readings) => store.nameOf(readings)],
  ['what the login is checked against', (store, readings) => store.lookupAny(readings, 3)],
  ['whether it comes from a known place', (store, readings) => store.isKnownPlace(readings, PLACE)],
  ['whose cookie it may be', (store, [name = '']) => store.browserOfMeant(name)],
];

const SAME: readonly (readonly (readonly string[])[])[] = [
  [['known'], ['changed'], ['absent'], ['nobody']],
  [['CORP\\known@realm'], ['CORP\\known@other'], ['CORP\\changed@other'], ['CORP\\absent@other']],
  [
    ['ìàðèÿ', 'мария', 'σΰπθ'],
    ['ìàðèê', 'марик', 'σΰπΰ'],
    ['known', 'changed', 'мария'],
    ['x', 'y', 'z'],
  ],
];

for (const [what, step] of STEPS) {
  test(`${what}: as many rows with the same columns, and as many secrets opened, for users and for nobody`, (t) => {
    const store = newStore(t);
    const seen: unknown[] = [];
    const shapeOf = (row: object | undefined): string => Object.keys(row ?? {}).join();
    const { all, get } = StatementSync.prototype;
    t.mock.method(StatementSync.prototype, 'all', function (this: StatementSync, ...values: [never]) {
      const rows = all.apply(this, values);
      seen.push(rows.map(shapeOf));
      return rows;
    });
    t.mock.method(StatementSync.prototype, 'get', function (this: StatementSync, ...values: [never]) {
      const row = get.apply(this, values);
      seen.push(shapeOf(row));
      return row;
    });
    const { open } = SecretSeal.prototype;
    t.mock.method(SecretSeal.prototype, 'open', function (this: SecretSeal, sealed: never) {
      seen.push('opened');
      return open.call(this, sealed);
    });
    for (const same of SAME) {
      const steps = same.map((readings) => {
        step(store, readings);
        return seen.splice(0);
      });
      assert.ok(JSON.stringify(steps[0]).length > 4, 'something was read');
      for (const [index, each] of steps.entries()) assert.deepEqual(each, steps[0], `${same[index]}`);
    }
  });
}

test('what stands in for a user is none: nobody finds it, lists it or logs in as it', (t) => {
  const store = newStore(t);
  for (const name of ['nobody', 'NOBODY', '', 'nobody@nobody']) {
    assert.equal(store.nameOf([name]), undefined);
    assert.equal(store.lookup(name).user, undefined);
    assert.equal(store.find(name), undefined);
    assert.equal(store.browserOf(name).version, undefined);
    assert.equal(store.isKnownPlace([name], PLACE), false);
  }
  assert.deepEqual(
    store.list().map(({ name }) => name),
    ['changed', 'known', 'known@realm', 'мария'],
  );
  store.add('nobody', PASSWORD);
  store.rememberPlace('nobody', PLACE);
  assert.equal(store.nameOf(['absent', 'nobody']), 'nobody');
  assert.equal(store.lookup('Nobody').secret.password, PASSWORD);
  assert.equal(store.lookup('absent').user, undefined);
  assert.equal(store.isKnownPlace(['nobody'], PLACE), true);
  assert.equal(store.isKnownPlace(['absent'], PLACE), false);
});

test('CHAP-MD5: how long a password is does not show in how often a character is looked up', (t) => {
  const encoder = new Encoder(CODE_PAGES);
  const lookUps = t.mock.method(Map.prototype, 'get');
  const counts = ['', 'x', 'correct horse', 'пароль', 'p'.repeat(32)].map((text) => {
    lookUps.mock.resetCalls();
    const [utf8, ...others] = encoder.encodings(text);
    assert.equal(utf8?.toString(), text);
    for (const each of others) assert.ok(each.length === [...text].length || each.equals(utf8 ?? Buffer.alloc(0)));
    return lookUps.mock.callCount();
  });
  lookUps.mock.restore();
  assert.deepEqual(counts, Array(counts.length).fill(counts[0]));
});

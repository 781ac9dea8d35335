/** What a look-up reads and decodes follows from the name that was sent, and not from who there is. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StatementSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { Authenticator, type ProofArithmetic } from '../../../auth/authenticator.ts';
import { CODE_PAGES, Encoder } from '../../../auth/code-pages.ts';
import type { SecretKind } from '../../../auth/credentials.ts';
import { generateNtResponse, ntPasswordHash } from '../../../auth/mschapv2.ts';
import type { CredentialProof } from '../../../ppp/index.ts';
import { SecretSeal } from '../../../store/sqlite/secret-seal.ts';
import { usersOf } from '../../../store/sqlite/sqlite-store.ts';
import { UserStore } from '../../../store/sqlite/user-store.ts';

const PASSWORD = 'correct horse battery';
const PLACE = '192.0.2.7';

function newStore(t: TestContext, keep: SecretKind = 'password'): UserStore {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-nobody-'));
  const store = UserStore.open(join(directory, 'data'), { keep });
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });
  store.add('known', PASSWORD);
  store.add('known@realm', PASSWORD);
  store.add('changed', PASSWORD);
  store.change('changed', { password: 'staple after staple' });
  store.add('мария', PASSWORD, { groups: ['a', 'b'] });
  return store;
}

const STEPS: readonly (readonly [string, (store: UserStore, readings: readonly string[]) => unknown])[] = [
  ['whose name it is', (store, readings) => store.nameOf(readings)],
  ['what the login is checked against', (store, readings) => store.lookupAny(readings, 3)],
  ['who is known where it comes from', (store, readings) => store.usersKnownAt(readings, PLACE)],
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

/** A column, what is decoded of it, and how much that is where it is no text of its own. */
function shapeOf(row: object | undefined): string {
  return Object.entries(row ?? {})
    .map(([name, value]) => `${name} ${value === null ? 'null' : typeof value}`)
    .join();
}

/** @returns what is done from now on: rows that are read, what their columns hold, secrets that are opened, hashes */
function watch(t: TestContext): unknown[] {
  const seen: unknown[] = [];
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
  const { run } = StatementSync.prototype;
  t.mock.method(StatementSync.prototype, 'run', function (this: StatementSync, ...values: [never]) {
    seen.push('written');
    return run.apply(this, values);
  });
  const { open } = SecretSeal.prototype;
  t.mock.method(SecretSeal.prototype, 'open', function (this: SecretSeal, sealed: never) {
    seen.push('opened');
    return open.call(this, sealed);
  });
  return seen;
}

for (const [what, step] of STEPS) {
  test(`${what}: as many rows with the same columns, and as many secrets opened, for users and for nobody`, (t) => {
    const store = newStore(t);
    const seen = watch(t);
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

function countingArithmetic(seen: unknown[]): ProofArithmetic {
  const count = <Values extends unknown[], Result>(what: string, step: (...values: Values) => Result) => {
    return (...values: Values): Result => {
      seen.push(what);
      return step(...values);
    };
  };
  return {
    ntPasswordHash: count('ntPasswordHash', ntPasswordHash),
    generateNtResponse: count('generateNtResponse', generateNtResponse),
    chapMd5: count('chapMd5', () => Buffer.alloc(16)),
    areEqual: count('areEqual', () => false),
  };
}

/** Failed ones, by the three methods. */
const PROOFS: readonly ((nameBytes: Buffer) => CredentialProof)[] = [
  (nameBytes) => ({ method: 'pap', name: nameBytes.toString('latin1'), nameBytes, password: 'guess' }),
  (nameBytes) => ({
    ...{ method: 'chap', name: nameBytes.toString('latin1'), nameBytes, identifier: 7 },
    ...{ challenge: Buffer.alloc(16, 1), response: Buffer.alloc(16, 2) },
  }),
  (nameBytes) => ({
    ...{ method: 'mschapv2', name: nameBytes.toString('latin1'), nameBytes },
    ...{ authenticatorChallenge: Buffer.alloc(16, 1), peerChallenge: Buffer.alloc(16, 2) },
    ntResponse: Buffer.alloc(24, 3),
  }),
];

test('a failed login by each method: the same statements, rows, columns, opened secrets and hashes, whatever a user has', async (t) => {
  for (const keep of ['password', 'nt-hash'] as const) {
    for (const name of ['plain', 'plain@realm', 'j\u00f6rg']) {
      const nameBytes = Buffer.from(name, 'latin1');
      const stores = [0, 1, 2].map(() => newStore(t, keep));
      const [plain, full] = stores;
      plain?.add(name, PASSWORD);
      full?.add(name, PASSWORD, { groups: ['a', 'b'], ipv4: 0x0a000007 });
      full?.change(name, { password: 'staple after staple' });
      full?.recordLogin(name);
      full?.rememberPlace(name, PLACE);
      const seen = watch(t);
      const steps: unknown[][] = [];
      for (const store of stores) {
        const arithmetic = countingArithmetic(seen);
        const authenticator = new Authenticator({ store: usersOf(store), arithmetic });
        for (const proofOf of PROOFS) {
          const read = authenticator.read(proofOf(nameBytes));
          await authenticator.nameOf(read);
          await authenticator.verify(read, 'vpn', store.usersKnownAt(read.readings, PLACE));
        }
        steps.push(seen.splice(0));
      }
      t.mock.restoreAll();
      for (const kind of ['opened', 'chapMd5', 'generateNtResponse', 'areEqual'])
        assert.ok(steps[2]?.includes(kind), kind);
      assert.deepEqual(steps[0], steps[2], `${name} ${keep}`);
      assert.deepEqual(steps[1], steps[2], `${name} ${keep}, with all that a user may have`);
    }
  }
});

test('the secrets that stand in for those of nobody are as different as those of users', (t) => {
  const found = newStore(t).lookupAny(['x', 'y'], 3);
  const secrets = found.flatMap(({ secret, previous }) => [secret, previous]);
  assert.equal(secrets.length, 6);
  assert.equal(new Set(secrets.map(({ ntHash }) => Buffer.from(ntHash).toString('hex'))).size, 6);
  assert.equal(new Set(secrets.map(({ password }) => password)).size, 6);
});

test('what stands in for a user is none: nobody finds it, lists it or logs in as it', (t) => {
  const store = newStore(t);
  for (const name of ['nobody', 'NOBODY', '', 'nobody@nobody']) {
    assert.equal(store.nameOf([name]), undefined);
    assert.equal(store.lookup(name).user, undefined);
    assert.equal(store.find(name), undefined);
    assert.equal(store.browserOf(name).version, undefined);
    assert.deepEqual(store.usersKnownAt([name], PLACE), []);
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
  assert.deepEqual(store.usersKnownAt(['nobody'], PLACE), ['nobody']);
  assert.deepEqual(store.usersKnownAt(['absent'], PLACE), []);
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

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import type { SecretKind } from '../../../auth/credentials.ts';
import { ntPasswordHash } from '../../../auth/mschapv2.ts';
import { asUser } from '../../../core/index.ts';
import { type SealedSecret, SecretSeal } from '../../../store/sqlite/secret-seal.ts';
import { UserStore } from '../../../store/sqlite/user-store.ts';
import { writeOldStore } from './old-store.ts';

const originalOpen = SecretSeal.prototype.open;

const start = new Date('2026-01-02T03:04:05Z');
const later = new Date('2026-01-02T04:00:00Z');

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-users-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function openStore(t: TestContext, directory: string, keep: SecretKind = 'password', now?: () => Date): UserStore {
  const store = UserStore.open(directory, { keep, now: now ?? (() => start) });
  t.after(() => store.close());
  return store;
}

function newStore(t: TestContext, keep?: SecretKind, now?: () => Date): UserStore {
  return openStore(t, makeDirectory(t), keep, now);
}

test('a new user is enabled, has no address and has not logged in', (t) => {
  const store = newStore(t);
  const alice = {
    name: 'Alice',
    enabled: true,
    ipv4: undefined,
    createdAt: start,
    lastLoginAt: undefined,
    secretKind: 'password',
    isWeak: false,
    groups: [],
  };
  assert.deepEqual(store.add('Alice', 'white rabbit'), alice);
  assert.deepEqual(store.list(), [alice]);
  assert.deepEqual(store.find('aLICE'), alice);
  assert.equal(store.find('bob'), undefined);
});

test('users are listed by name without regard to case', (t) => {
  const store = newStore(t);
  for (const name of ['bob', 'Carol', 'Alice']) store.add(name, 'white rabbit');
  assert.deepEqual(
    store.list().map(({ name }) => name),
    ['Alice', 'bob', 'Carol'],
  );
});

test('a name exists once, whatever its case and composition', (t) => {
  const store = newStore(t);
  store.add('Zoë', 'white rabbit');
  for (const name of ['zoë', 'ZOË', 'Zoe\u0308']) {
    assert.throws(() => store.add(name, 'the other one'), {
      code: 'ERR_USER_EXISTS',
      message: "user 'Zoë' exists already",
    });
  }
  assert.equal(store.lookup('zoë').secret.password, 'white rabbit');
});

test('a name that no user may have is refused', (t) => {
  const store = newStore(t);
  assert.throws(() => store.add('a\\b', 'white rabbit'), { code: 'ERR_USER_NAME' });
  assert.deepEqual(store.list(), []);
});

test('a password has 1 to 256 UTF-16 code units (RFC 2759 §8.3) and a UTF-8 form', (t) => {
  const store = newStore(t);
  store.add('alice', 'x'.repeat(256), { weak: true });
  store.change('alice', { password: '😀'.repeat(128), weak: true });
  assert.equal(store.lookup('alice').secret.password, '😀'.repeat(128));
  for (const password of [
    '',
    'x'.repeat(257),
    `${'😀'.repeat(128)}x`,
    'a\ud800',
    'nul in the \0 middle',
    'line\nbreak',
  ]) {
    assert.throws(() => store.add('bob', password, { weak: true }), { code: 'ERR_USER_PASSWORD' });
    assert.throws(() => store.change('alice', { password, weak: true }), { code: 'ERR_USER_PASSWORD' });
  }
  assert.equal(store.find('bob'), undefined);
});

test('a weak password is refused unless it is asked for, whoever sets it, and marked', (t) => {
  const store = newStore(t);
  const weak = {
    code: 'ERR_USER_PASSWORD_WEAK',
    message: 'the password is too weak: it has 1 character, and 10 are the least',
  };
  assert.throws(() => store.add('alice', 'a'), weak);
  assert.equal(store.find('alice'), undefined);
  assert.equal(store.add('alice', 'a', { weak: true }).isWeak, true);
  assert.equal(store.lookup('alice').secret.password, 'a');
  store.change('alice', { password: 'white rabbit' });
  assert.equal(store.find('alice')?.isWeak, false);
  assert.throws(() => store.change('alice', { password: 'a' }), weak);
  assert.equal(store.lookup('alice').secret.password, 'white rabbit', 'nothing is half done');
  assert.throws(() => store.change('alice', { password: 'Alice-2026' }), {
    code: 'ERR_USER_PASSWORD_WEAK',
    message: /the name of the user$/,
  });
  store.change('alice', { password: 'a', weak: true });
  assert.equal(store.list()[0]?.isWeak, true);
});

test('passwords from before are looked at once; they go on to count', (t) => {
  const directory = makeDirectory(t);
  writeOldStore(directory, 2, { alice: 'a', bob: 'white rabbit' });
  const store = openStore(t, directory);
  assert.deepEqual(
    store.list().map(({ name, isWeak }) => [name, isWeak]),
    [
      ['alice', true],
      ['bob', false],
    ],
  );
  assert.equal(store.lookup('alice').secret.password, 'a');
});

test('where only hashes are kept, the common passwords from before are known by them, and of others nobody can tell', (t) => {
  const directory = makeDirectory(t);
  writeOldStore(directory, 2, { alice: 'iloveyou', bob: 'white rabbit', carol: 'zq7' });
  const list = (store: UserStore) => store.list().map(({ isWeak }) => isWeak);
  // The hashes alone, as a store that kept no more had them.
  const seal = t.mock.method(SecretSeal.prototype, 'open', function (this: SecretSeal, sealed: SealedSecret) {
    const secret = originalOpen.call(this, sealed);
    return secret && { ...secret, password: undefined };
  });
  const store = openStore(t, directory, 'nt-hash');
  assert.deepEqual(list(store), [true, undefined, undefined]);
  seal.mock.restore();
  store.change('carol', { password: 'zq7', weak: true });
  assert.deepEqual(list(store), [true, undefined, true]);
});

test('a fixed address belongs to one user and can be given back', (t) => {
  const store = newStore(t);
  assert.equal(store.add('alice', 'white rabbit', { ipv4: 0x0a000005 }).ipv4, 0x0a000005);
  const taken = { code: 'ERR_USER_ADDRESS', message: "10.0.0.5 is already the fixed address of 'alice'" };
  assert.throws(() => store.add('bob', 'white rabbit', { ipv4: 0x0a000005 }), taken);
  assert.equal(store.find('bob'), undefined);
  store.add('bob', 'white rabbit');
  assert.throws(() => store.change('bob', { ipv4: 0x0a000005 }), taken);
  assert.equal(store.change('ALICE', { ipv4: 0x0a000005 }).ipv4, 0x0a000005);
  assert.equal(store.change('alice', { ipv4: null }).ipv4, undefined);
  assert.equal(store.change('bob', { ipv4: 0x0a000005 }).ipv4, 0x0a000005);
  assert.equal(store.change('alice', { ipv4: 0xdfffffff }).ipv4, 0xdfffffff);
});

for (const ipv4 of [0, 0x00000001, 0x7f000001, 0xe0000001, 0xffffffff, -1, 2 ** 32, 1.5, Number.NaN]) {
  test(`${ipv4} is no address that a client can have`, (t) => {
    const store = newStore(t);
    assert.throws(() => store.add('alice', 'white rabbit', { ipv4 }), { code: 'ERR_USER_ADDRESS' });
    store.add('alice', 'white rabbit');
    assert.throws(() => store.change('alice', { ipv4 }), { code: 'ERR_USER_ADDRESS' });
    assert.equal(store.find('alice')?.ipv4, undefined);
  });
}

test('a user can be disabled, enabled and removed, by any spelling of the name', (t) => {
  const store = newStore(t);
  store.add('alice', 'white rabbit');
  assert.equal(store.change('Alice', { enabled: false }).enabled, false);
  assert.equal(store.find('alice')?.enabled, false);
  assert.equal(store.change('alice', { enabled: true }).enabled, true);
  store.remove('ALICE');
  assert.equal(store.find('alice'), undefined);
});

test('whoever names a user that does not exist is told so', (t) => {
  const store = newStore(t);
  const unknown = { code: 'ERR_USER_UNKNOWN', message: "there is no user 'bob'" };
  assert.throws(() => store.change('bob', { password: 'white rabbit' }), unknown);
  assert.throws(() => store.change('bob', { ipv4: null }), unknown);
  assert.throws(() => store.change('bob', { enabled: true }), unknown);
  assert.throws(() => store.remove('bob'), unknown);
});

test('a login name is looked up whole, then without domain, then without realm', (t) => {
  const store = newStore(t);
  store.add('alice', 'white rabbit');
  store.add('alice@home', 'the mad hatter');
  const nameOf = (wire: string): string | undefined => store.lookup(wire).user?.name;
  assert.equal(nameOf('ALICE'), 'alice');
  assert.equal(nameOf('alice@home'), 'alice@home');
  assert.equal(nameOf('CORP\\alice@home'), 'alice@home');
  assert.equal(nameOf('alice@elsewhere'), 'alice');
  assert.equal(nameOf('CORP\\alice@elsewhere'), 'alice');
  assert.equal(nameOf('CORP\\alice'), 'alice');
  for (const wire of ['', 'bob', '@', '\\', 'alice\\', '@alice', "' OR 1=1 --", 'x'.repeat(70_000)]) {
    assert.equal(nameOf(wire), undefined, wire);
  }
});

test('the secret of a user is the password and its NT hash', (t) => {
  const store = newStore(t);
  store.add('User', 'clientPass', { weak: true });
  const { secret } = store.lookup('User');
  assert.equal(secret.password, 'clientPass');
  // RFC 2759 §9.2
  assert.equal(Buffer.from(secret.ntHash).toString('hex'), '44ebba8d5312b8d611474411f56989ae');
});

test('an unknown name gets a secret of the same kind that belongs to a random password', (t) => {
  const store = newStore(t);
  store.add('alice', 'white rabbit');
  const { user, secret } = store.lookup('bob');
  assert.equal(user, undefined);
  assert.equal(secret.password?.length, 12);
  assert.deepEqual(secret.ntHash, ntPasswordHash(secret.password ?? ''));
  assert.notDeepEqual(newStore(t).lookup('bob').secret, secret);
  assert.equal(newStore(t, 'nt-hash').lookup('bob').secret.password, undefined);
});

test('a known and an unknown name, with and without a previous password, cost one query and two opened seals each', (t) => {
  const store = newStore(t);
  store.add('alice', 'white rabbit');
  store.add('carol', 'white rabbit');
  store.change('carol', { password: 'the mad hatter' });
  const queries = t.mock.method(StatementSync.prototype, 'all');
  const otherQueries = t.mock.method(StatementSync.prototype, 'get');
  const openings = t.mock.method(SecretSeal.prototype, 'open');
  for (const [index, name] of ['alice', 'bob', 'carol', 'CORP\\alice', 'CORP\\bob@home'].entries()) {
    store.lookup(name);
    assert.equal(queries.mock.callCount(), index + 1);
    assert.equal(openings.mock.callCount(), 2 * (index + 1));
  }
  assert.equal(otherQueries.mock.callCount(), 0);
});

const DAYS_30_MS = 30 * 86_400_000;

test('the password before the present one is kept for 30 days, and no longer', (t) => {
  let now = start;
  const directory = makeDirectory(t);
  const store = openStore(t, directory, 'password', () => now);
  store.add('alice', 'white rabbit');
  assert.notEqual(store.lookup('alice').previous.password, 'white rabbit');
  store.change('alice', { password: 'the mad hatter' });
  assert.deepEqual(store.lookup('CORP\\ALICE').previous, {
    ntHash: ntPasswordHash('white rabbit'),
    password: 'white rabbit',
  });
  store.change('alice', { password: 'queen of hearts' });
  assert.equal(store.lookup('alice').previous.password, 'the mad hatter', 'only the last one');
  store.change('alice', { password: 'queen of hearts' });
  assert.equal(store.lookup('alice').previous.password, 'the mad hatter', 'the same once more is no change');

  now = new Date(start.getTime() + DAYS_30_MS - 1);
  store.forgetOldPasswords();
  assert.equal(store.lookup('alice').previous.password, 'the mad hatter');
  now = new Date(start.getTime() + DAYS_30_MS);
  assert.notEqual(store.lookup('alice').previous.password, 'the mad hatter', 'over, although it is still there');
  const columns = openBeside(t, directory).prepare('SELECT secret FROM previous_secrets').get();
  const sealed = columns?.secret;
  assert.ok(sealed instanceof Uint8Array);
  store.forgetOldPasswords();
  assert.equal(bytesOnDisk(directory).includes(Buffer.from(sealed)), false);
  assert.equal(store.lookup('alice').secret.password, 'queen of hearts');
});

test('a previous password that is over is forgotten by the next start too', (t) => {
  const directory = makeDirectory(t);
  const before = openStore(t, directory);
  before.add('alice', 'white rabbit');
  before.change('alice', { password: 'the mad hatter' });
  before.close();
  openStore(t, directory, 'password', () => new Date(start.getTime() + DAYS_30_MS)).close();
  assert.equal(openBeside(t, directory).prepare('SELECT count(*) AS count FROM previous_secrets').get()?.count, 0);
});

test('a previous password goes with its user: whoever gets the name next has none', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  store.add('alice', 'white rabbit');
  store.change('alice', { password: 'the mad hatter' });
  store.remove('alice');
  assert.equal(openBeside(t, directory).prepare('SELECT count(*) AS count FROM previous_secrets').get()?.count, 0);
  store.add('alice', 'queen of hearts');
  assert.notEqual(store.lookup('alice').previous.password, 'the mad hatter');
  assert.notEqual(store.lookup('alice').previous.password, 'white rabbit');
});

test('a previous secret put in the place of the present one, or of another user, is not accepted there', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  for (const name of ['alice', 'bob']) {
    store.add(name, 'white rabbit');
    store.change(name, { password: 'the mad hatter' });
  }
  const database = openBeside(t, directory);
  database.exec(`UPDATE previous_secrets SET secret =
    (SELECT p.secret FROM previous_secrets p JOIN users ON users.id = user_id WHERE name = 'bob')`);
  assert.notEqual(store.lookup('alice').previous.password, 'white rabbit');
  assert.equal(store.lookup('alice').secret.password, 'the mad hatter', 'the present one does not suffer');
  assert.equal(store.lookup('bob').previous.password, 'white rabbit');
  database.exec(`UPDATE users SET secret =
    (SELECT p.secret FROM previous_secrets p WHERE p.user_id = users.id)`);
  assert.throws(() => store.lookup('bob'), { code: 'ERR_USER_STORE' });
});

test('keep: nt-hash keeps no previous password either, and none of those that were there', (t) => {
  const directory = makeDirectory(t);
  const before = openStore(t, directory);
  before.add('alice', 'white rabbit');
  before.change('alice', { password: 'the mad hatter' });
  before.close();
  const beside = new DatabaseSync(join(directory, 'users.db'));
  const sealed = beside.prepare('SELECT secret FROM previous_secrets').get()?.secret;
  beside.close();
  assert.ok(sealed instanceof Uint8Array);
  const store = openStore(t, directory, 'nt-hash');
  assert.deepEqual(store.lookup('alice').previous, { ntHash: ntPasswordHash('white rabbit'), password: undefined });
  assert.equal(bytesOnDisk(directory).includes(Buffer.from(sealed)), false);
  store.change('alice', { password: 'queen of hearts' });
  assert.deepEqual(store.lookup('alice').previous, { ntHash: ntPasswordHash('the mad hatter'), password: undefined });
});

test('the time of the last login is kept', (t) => {
  let now = start;
  const store = newStore(t, 'password', () => now);
  store.add('alice', 'white rabbit');
  now = later;
  store.recordLogin('ALICE');
  assert.deepEqual(store.find('alice')?.lastLoginAt, later);
  assert.deepEqual(store.find('alice')?.createdAt, start);
  store.recordLogin('nobody');
});

test('what one process writes, another sees at once and finds again later', (t) => {
  const directory = makeDirectory(t);
  const server = openStore(t, directory);
  const commandLine = openStore(t, directory);
  commandLine.add('alice', 'white rabbit', { ipv4: 0x0a000005 });
  assert.equal(server.lookup('alice').secret.password, 'white rabbit');
  commandLine.change('alice', { password: 'the mad hatter' });
  assert.equal(server.lookup('alice').secret.password, 'the mad hatter');
  server.rememberLease('alice', 0x0a000007);
  assert.equal(commandLine.leases().get('alice'), 0x0a000007);
  commandLine.remove('alice');
  assert.equal(server.lookup('alice').user, undefined);
  commandLine.add('bob', 'white rabbit');
  server.close();
  commandLine.close();
  assert.equal(openStore(t, directory).lookup('bob').secret.password, 'white rabbit');
});

test('the last address of each user is remembered, the oldest first, and goes with the user', (t) => {
  let now = start.getTime();
  const store = newStore(t, 'password', () => new Date(now++));
  store.add('alice', 'white rabbit');
  store.rememberLease('Alice', 0x0a000002);
  store.rememberLease('bob', 0x0a000003);
  assert.deepEqual(
    [...store.leases()],
    [
      ['alice', 0x0a000002],
      ['bob', 0x0a000003],
    ],
  );
  store.rememberLease('ALICE', 0xfffffffe);
  assert.deepEqual(
    [...store.leases()],
    [
      ['bob', 0x0a000003],
      ['alice', 0xfffffffe],
    ],
  );
  store.remove('alice');
  assert.deepEqual([...store.leases()], [['bob', 0x0a000003]]);
});

test('which address is the oldest is a matter of time, not of name or order', (t) => {
  let now = start;
  const store = newStore(t, 'password', () => now);
  for (const [name, ms] of Object.entries({ alice: 3, bob: 1, carol: 2 })) {
    now = new Date(ms);
    store.rememberLease(name, 0x0a000002 + ms);
  }
  assert.deepEqual([...store.leases().keys()], ['bob', 'carol', 'alice']);
});

test('an address is remembered for the user who had it last', (t) => {
  const store = newStore(t);
  store.rememberLease('alice', 0x0a000002);
  store.rememberLease('bob', 0x0a000002);
  assert.deepEqual([...store.leases()], [['bob', 0x0a000002]]);
});

/** The store's database, opened beside it. */
function openBeside(t: TestContext, directory: string): DatabaseSync {
  const database = new DatabaseSync(join(directory, 'users.db'));
  t.after(() => database.close());
  return database;
}

test('a secret that was moved to another row is not accepted there', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  store.add('admin', 'white rabbit');
  store.add('mallory', 'known to all');
  openBeside(t, directory).exec(
    "UPDATE users SET secret = (SELECT secret FROM users WHERE name = 'mallory') WHERE name = 'admin'",
  );
  assert.throws(() => store.lookup('admin'), { code: 'ERR_USER_STORE', message: /'admin' is damaged: set it again$/ });
  assert.equal(store.lookup('mallory').secret.password, 'known to all');
  store.change('admin', { password: 'the mad hatter' });
  assert.equal(store.lookup('admin').secret.password, 'the mad hatter');
});

test('a failed change leaves nothing behind and the store usable', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  openBeside(t, directory).exec(
    "CREATE TRIGGER refuse BEFORE INSERT ON users WHEN NEW.name = 'bob' BEGIN SELECT RAISE(ABORT, 'no'); END",
  );
  assert.throws(() => store.add('bob', 'white rabbit'), {
    name: 'UserStoreError',
    code: 'ERR_USER_STORE',
    message: `the user store in ${directory} cannot be used: no`,
  });
  store.add('alice', 'white rabbit');
  assert.deepEqual(
    store.list().map(({ name }) => name),
    ['alice'],
  );
});

test('readers are not held up by a process that is in the middle of writing', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  store.add('alice', 'white rabbit');
  const writer = openBeside(t, directory);
  writer.exec("BEGIN IMMEDIATE; UPDATE users SET name = 'other'");
  assert.equal(store.lookup('alice').user?.name, 'alice');
  writer.exec('ROLLBACK');
});

/** Every byte that the store has on the disk. */
function bytesOnDisk(directory: string): Buffer {
  return Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name))));
}

test('with keep: nt-hash no password is stored, and MS-CHAPv2 has what it needs', (t) => {
  const store = newStore(t, 'nt-hash');
  assert.equal(store.add('alice', 'white rabbit').secretKind, 'nt-hash');
  assert.deepEqual(store.lookup('alice').secret, { ntHash: ntPasswordHash('white rabbit'), password: undefined });
});

test('opening with keep: nt-hash forgets the passwords for good; going back cannot restore them', (t) => {
  const directory = makeDirectory(t);
  const before = openStore(t, directory);
  before.add('alice', 'white rabbit');
  before.add('bob', 'the mad hatter');
  before.change('bob', { enabled: false });
  const sealedBefore = openBeside(t, directory)
    .prepare('SELECT secret FROM users')
    .all()
    .map(({ secret }) => secret);
  before.close();

  const hashes = openStore(t, directory, 'nt-hash');
  assert.deepEqual(
    hashes.list().map(({ secretKind }) => secretKind),
    ['nt-hash', 'nt-hash'],
  );
  assert.deepEqual(hashes.lookup('alice').secret, { ntHash: ntPasswordHash('white rabbit'), password: undefined });
  assert.equal(hashes.find('bob')?.enabled, false);
  assert.equal(sealedBefore.length, 2);
  for (const secret of sealedBefore) {
    assert.ok(secret instanceof Uint8Array);
    assert.equal(bytesOnDisk(directory).includes(Buffer.from(secret)), false);
  }
  hashes.close();

  const back = openStore(t, directory, 'password');
  assert.equal(back.find('alice')?.secretKind, 'nt-hash');
  back.change('alice', { password: 'white rabbit' });
  assert.equal(back.find('alice')?.secretKind, 'password');
  assert.equal(back.find('bob')?.secretKind, 'nt-hash');
});

test('of a removed user not even the sealed password stays on the disk', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  store.add('alice', 'white rabbit');
  store.add('bob', 'the mad hatter');
  const columns = openBeside(t, directory).prepare("SELECT secret FROM users WHERE name = 'alice'").get();
  const sealed = columns?.secret;
  assert.ok(sealed instanceof Uint8Array);
  openBeside(t, directory).exec('PRAGMA wal_checkpoint(TRUNCATE)');
  assert.equal(bytesOnDisk(directory).includes(Buffer.from(sealed)), true);
  store.remove('alice');
  openBeside(t, directory).exec('PRAGMA wal_checkpoint(TRUNCATE)');
  assert.equal(bytesOnDisk(directory).includes(Buffer.from(sealed)), false);
});

test('a damaged secret does not keep the store from opening with keep: nt-hash', (t) => {
  const directory = makeDirectory(t);
  const before = openStore(t, directory);
  before.add('alice', 'white rabbit');
  before.add('bob', 'the mad hatter');
  before.close();
  openBeside(t, directory).exec("UPDATE users SET secret = zeroblob(60) WHERE name = 'alice'");
  const store = openStore(t, directory, 'nt-hash');
  assert.deepEqual(store.lookup('bob').secret, { ntHash: ntPasswordHash('the mad hatter'), password: undefined });
  assert.throws(() => store.lookup('alice'), { code: 'ERR_USER_STORE' });
  store.change('alice', { password: 'queen of hearts' });
  assert.deepEqual(store.lookup('alice').secret, { ntHash: ntPasswordHash('queen of hearts'), password: undefined });
});

test("an operator's change is synced to the disk, a login or lease is not: it would hold up the event loop", (t) => {
  const store = newStore(t);
  const executed = t.mock.method(DatabaseSync.prototype, 'exec');
  store.add('alice', 'white rabbit');
  store.recordLogin('alice');
  store.rememberLease('alice', 0x0a000002);
  assert.deepEqual(
    executed.mock.calls.map((call) => call.arguments[0]),
    ['PRAGMA synchronous = FULL', 'BEGIN IMMEDIATE', 'COMMIT', 'PRAGMA synchronous = NORMAL'],
  );
});

test('neither password nor NT hash lies on the disk in the clear', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  store.add('alice', 'curiouser-and-curiouser');
  assert.equal(bytesOnDisk(directory).includes('alice'), true);
  assert.equal(bytesOnDisk(directory).includes('curiouser'), false);
  assert.equal(bytesOnDisk(directory).includes(ntPasswordHash('curiouser-and-curiouser')), false);
});

test('closing twice does no harm; using a closed store is our own mistake, not a fault of the store', (t) => {
  const store = newStore(t);
  store.close();
  store.close();
  assert.throws(
    () => store.list(),
    (error: Error) => error.name !== 'UserStoreError',
  );
});

test('a user is in groups, which a change replaces and a removal forgets', (t) => {
  const directory = makeDirectory(t);
  const store = openStore(t, directory);
  assert.deepEqual(store.add('alice', 'white rabbit', { groups: ['staff', 'Berlin', 'staff'] }).groups, [
    'Berlin',
    'staff',
  ]);
  assert.deepEqual(store.find('alice')?.groups, ['Berlin', 'staff']);
  assert.deepEqual(store.change('alice', { groups: ['ops'] }).groups, ['ops']);
  assert.deepEqual(store.list()[0]?.groups, ['ops']);
  for (const groups of [
    [''],
    ['a b'],
    ['a,b'],
    ['x'.repeat(33)],
    ['\u202e'],
    Array.from({ length: 17 }, (_, i) => `g${i}`),
  ]) {
    assert.throws(() => store.change('alice', { groups }), { code: 'ERR_USER_GROUP' });
    assert.throws(() => store.add('bob', 'white rabbit', { groups }), { code: 'ERR_USER_GROUP' });
  }
  assert.deepEqual(store.find('alice')?.groups, ['ops']);
  assert.equal(store.find('bob'), undefined);
  assert.throws(() => store.change('bob', { groups: [] }), { code: 'ERR_USER_UNKNOWN' });
  store.remove('alice');
  assert.deepEqual(store.add('alice', 'white rabbit').groups, []);
});

test('the version of a password is another after each change, also to the same one, and for another user of that name', (t) => {
  const store = newStore(t);
  assert.equal(store.passwordVersion('ann'), undefined);
  store.add('ann', 'white rabbit');
  const first = store.passwordVersion('ANN');
  assert.match(first ?? '', /^[\w-]{22}$/);
  store.change('ann', { enabled: false });
  store.recordLogin('ann');
  assert.equal(store.passwordVersion('ann'), first);
  store.change('ann', { password: 'white rabbit' });
  const second = store.passwordVersion('ann');
  assert.notEqual(second, first);
  store.remove('ann');
  store.add('ann', 'white rabbit');
  assert.equal(new Set([first, second, store.passwordVersion('ann')]).size, 3);
});

test('a store that this user may not open: words, and what mends it', { skip: process.getuid?.() !== 0 }, (t) => {
  const directory = makeDirectory(t);
  openStore(t, directory);
  const isRefused = { code: 'ERR_USER_STORE', message: /cannot be used: no permission: run this as root$/ };
  asUser({ uid: 65_534, gid: 65_534 }, () => {
    assert.throws(() => UserStore.open(directory, { keep: 'password' }), isRefused);
    assert.throws(() => UserStore.open(join(directory, 'below'), { keep: 'password' }), isRefused);
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LoginOutcome } from '../../admin/index.ts';
import { AdminStore } from '../../auth/index.ts';
import { AdminLogin, tokensBackend } from '../../server/admin-access.ts';
import { RecordingLog } from './support.ts';

const PASSWORD = 'correct horse';
const HOME = { address: '198.51.100.7', port: 5000 };
const ELSEWHERE = { address: '2001:db8::1', port: 5000 };

class Desk {
  readonly store: AdminStore;
  readonly log: RecordingLog = new RecordingLog();
  readonly login: AdminLogin;
  nowMs = 0;
  /** How long each login waited. */
  readonly waits: number[] = [];

  constructor(store: AdminStore) {
    this.store = store;
    this.login = new AdminLogin({
      store: store.accounts,
      clock: { now: () => this.nowMs },
      log: this.log,
      wait: async (ms) => {
        this.waits.push(ms);
        this.nowMs += ms;
      },
    });
  }

  static async open(t: TestContext): Promise<Desk> {
    const directory = mkdtempSync(join(tmpdir(), 'sstpd-admins-'));
    const store = AdminStore.open(directory);
    t.after(() => {
      store.close();
      rmSync(directory, { recursive: true });
    });
    await store.accounts.add('ann', PASSWORD);
    return new Desk(store);
  }

  async try(password: string, peer: typeof HOME = HOME, name = 'ann'): Promise<LoginOutcome> {
    return this.login.login(name, password, peer);
  }
}

test('the right password lets in, and the time is noted', async (t) => {
  const desk = await Desk.open(t);
  const outcome = await desk.try(PASSWORD);
  assert.equal(outcome.kind, 'accepted');
  assert.equal(outcome.kind === 'accepted' && desk.login.isCurrent(outcome.account), true);
  assert.match(desk.login.list()[0]?.lastLoginAt ?? '', /Z$/);
  assert.deepEqual(desk.waits, []);
  assert.deepEqual(desk.log.of('admin.login')[0]?.fields, { peer: '198.51.100.7:5000', user: 'ann' });
});

test('failures make the next logins of an address wait, right or wrong; then they are told when to come back', async (t) => {
  const desk = await Desk.open(t);
  for (let i = 0; i < 5; i += 1) assert.deepEqual(await desk.try('wrong'), { kind: 'refused' });
  assert.deepEqual(
    desk.waits.map((ms) => Math.ceil(ms / 500) / 2),
    [0.5, 1.5, 3, 6],
  );
  const slow = await desk.try(PASSWORD);
  assert.equal(slow.kind, 'slow-down');
  const seconds = slow.kind === 'slow-down' ? slow.retryAfterS : 0;
  assert.ok(seconds >= 1 && seconds <= 20, `${seconds}`);
  // However often it is tried meanwhile.
  for (let i = 0; i < 20; i += 1) assert.equal((await desk.try('wrong')).kind, 'slow-down');
  desk.nowMs += seconds * 1000;
  assert.equal((await desk.try(PASSWORD)).kind, 'accepted');
  assert.deepEqual(desk.login.counts, { accepted: 1, refused: 5, slowed: 21 });
});

test('failures of others at the same name cost its owner a second at most', async (t) => {
  const desk = await Desk.open(t);
  for (let i = 0; i < 5; i += 1) await desk.try('wrong');
  desk.waits.length = 0;
  assert.equal((await desk.try(PASSWORD, ELSEWHERE)).kind, 'accepted');
  assert.equal(desk.waits.length, 1);
  assert.ok((desk.waits[0] ?? 0) <= 1000);
});

test('an unknown name is refused as a known one, and slows as much', async (t) => {
  const desk = await Desk.open(t);
  for (let i = 0; i < 3; i += 1) assert.deepEqual(await desk.try(PASSWORD, HOME, 'eve'), { kind: 'refused' });
  assert.equal(desk.waits.length, 2);
  assert.deepEqual(
    desk.log.of('admin.login-refused').map(({ level, fields }) => [level, fields.user]),
    [1, 2, 3].map(() => ['warn', 'eve']),
  );
});

test('of many at once only so many are looked at, two at a time', async (t) => {
  const desk = await Desk.open(t);
  let underWay = 0;
  let most = 0;
  const { accounts } = desk.store;
  const verify = accounts.verify.bind(accounts);
  t.mock.method(accounts, 'verify', async (name: string, password: string) => {
    underWay += 1;
    most = Math.max(most, underWay);
    try {
      return await verify(name, password);
    } finally {
      underWay -= 1;
    }
  });
  const logins = Array.from({ length: 40 }, (_, i) => desk.try('wrong', { address: `192.0.2.${i}`, port: 1 }, `u${i}`));
  const kinds = (await Promise.all(logins)).map(({ kind }) => kind);
  assert.equal(most, 2);
  assert.equal(kinds.filter((kind) => kind === 'refused').length, 32);
  assert.equal(kinds.filter((kind) => kind === 'slow-down').length, 8);
});

test('without an account there is nothing to log in to', async (t) => {
  const desk = await Desk.open(t);
  desk.store.accounts.remove('ann');
  assert.deepEqual(await desk.try(PASSWORD), { kind: 'no-account' });
  assert.equal(desk.login.exist(), false);
});

test('a store that cannot be written keeps nobody out', async (t) => {
  const desk = await Desk.open(t);
  const { accounts, tokens } = desk.store;
  const { UserStoreError } = await import('../../auth/index.ts');
  const full = (): never => {
    throw new UserStoreError('ERR_USER_STORE', 'the disk is full');
  };
  t.mock.method(accounts, 'recordLogin', full);
  t.mock.method(tokens, 'recordUse', full);
  assert.equal((await desk.try(PASSWORD)).kind, 'accepted');
  const backend = tokensBackend(tokens, desk.log);
  const { token, id } = backend.add({ name: 'backup', scopes: ['read'] });
  assert.equal(backend.find(token)?.id, id);
  assert.equal(desk.log.of('admin.use-not-recorded').length, 2);
});

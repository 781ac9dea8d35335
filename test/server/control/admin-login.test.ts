import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LoginOutcome, LoginRequest } from '../../../admin/index.ts';
import { AdminLogin, tokensBackend } from '../../../server/control/admin-login.ts';
import { LoginDesk } from '../../../server/control/login-desk.ts';
import { AdminStore } from '../../../store/sqlite/admin-store.ts';
import { adminsOf, tokensOf } from '../../../store/sqlite/sqlite-store.ts';
import { RecordingLog, settle } from '../support.ts';

const PASSWORD = 'correct horse';
const HOME = { address: '198.51.100.7', port: 5000 };
const LOOPBACK = { address: '127.0.0.1', port: 5000 };

class Desk {
  readonly store: AdminStore;
  readonly log: RecordingLog = new RecordingLog();
  readonly logins: LoginDesk;
  readonly login: AdminLogin;
  nowMs = 0;
  readonly #test: TestContext;

  constructor(t: TestContext, store: AdminStore) {
    this.#test = t;
    this.store = store;
    const places = { usersKnownAt: () => assert.fail(), rememberPlace: () => assert.fail() };
    this.logins = new LoginDesk({ clock: { now: () => this.nowMs }, log: this.log, places, random: () => 0 });
    this.login = new AdminLogin({ admins: adminsOf(store), logins: this.logins, log: this.log, random: () => 0 });
  }

  static async open(t: TestContext): Promise<Desk> {
    const directory = mkdtempSync(join(tmpdir(), 'sstpd-admins-'));
    const store = AdminStore.open(directory);
    t.after(() => {
      store.close();
      rmSync(directory, { recursive: true });
    });
    await store.accounts.add('ann', PASSWORD);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    return new Desk(t, store);
  }

  /** A login, and how long it takes in virtual time. */
  async try(
    password: string,
    peer: typeof HOME = HOME,
    { name = 'ann', browser, signal = new AbortController().signal }: Partial<LoginRequest> = {},
  ): Promise<LoginOutcome & { readonly ms: number }> {
    const startedAt = this.nowMs;
    let isOver = false;
    const login = this.login.login({ name, password, peer, browser, signal }).finally(() => {
      isOver = true;
    });
    login.catch(() => undefined);
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      // Else a hash is computed, in its own time.
      if (this.logins.throttle.size.waiting > 0) {
        const next = this.logins.throttle.deadline(this.nowMs) ?? this.nowMs;
        const ms = Math.max(1, Math.ceil(next - this.nowMs));
        this.nowMs += ms;
        this.#test.mock.timers.tick(ms);
      }
    }
    return { ...(await login), ms: this.nowMs - startedAt };
  }
}

test('the right password lets in, and the time is noted', async (t) => {
  const desk = await Desk.open(t);
  const outcome = await desk.try(PASSWORD);
  assert.equal(outcome.kind, 'accepted');
  assert.equal(outcome.kind === 'accepted' && (await desk.login.isCurrent(outcome.account)), true);
  assert.match((await desk.login.list())[0]?.lastLoginAt ?? '', /Z$/);
  assert.equal(outcome.ms, 0);
  assert.deepEqual(desk.log.of('admin.login')[0]?.fields, { peer: '198.51.100.7:5000', user: 'ann' });
});

test('failures make the next logins of an address wait, right or wrong; nobody is refused for them', async (t) => {
  const desk = await Desk.open(t);
  const waits: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    const { kind, ms } = await desk.try(`wrong ${i}`);
    assert.equal(kind, 'refused');
    waits.push(Math.ceil(ms / 500) / 2);
  }
  assert.deepEqual(waits, [0, 0.5, 1, 2, 4, 8, 8, 8]);
  const right = await desk.try(PASSWORD);
  assert.equal(right.kind, 'accepted');
  assert.ok(right.ms <= 8_000);
  assert.deepEqual(desk.login.counts, { accepted: 1, refused: 8, slowed: 0 });
});

test('a browser that logged in before does not wait, whatever others do at the same address', async (t) => {
  const desk = await Desk.open(t);
  for (const peer of [HOME, LOOPBACK]) {
    const first = await desk.try(PASSWORD, peer);
    const browser = first.kind === 'accepted' ? first.browser : assert.fail(first.kind);
    for (let i = 0; i < 40; i += 1) {
      const turn = desk.logins.throttle.enter(
        { realm: 'admin', address: peer.address, user: 'ann', isKnown: false },
        desk.nowMs,
      );
      desk.logins.throttle.settle(turn, 'refused', desk.nowMs);
    }
    const known = await desk.try(PASSWORD, peer, { browser });
    assert.deepEqual([known.kind, known.ms], ['accepted', 0], peer.address);
    const forged = await desk.try('wrong', peer, {
      browser: browser.replace(/.$/, (end) => (end === 'A' ? 'B' : 'A')),
    });
    assert.ok(forged.ms > 0, peer.address);
  }
  await desk.store.accounts.setPassword('ann', `${PASSWORD} 2`);
  const old = desk.store.browsers.issue({ realm: 'admin', name: 'ann', version: 'x 1' }, Date.now());
  assert.equal(desk.store.browsers.check(old, [desk.store.accounts.browserOf('ann')], Date.now()), undefined);
});

test('on loopback, where everybody has one address, a guesser slows no other name, and keeps nobody out of his own', async (t) => {
  const desk = await Desk.open(t);
  await desk.store.accounts.add('bob', PASSWORD);
  const { throttle } = desk.logins;
  const guess = (): void => {
    const turn = throttle.enter({ realm: 'admin', address: '127.0.0.1', user: 'ann', isKnown: false }, desk.nowMs);
    throttle.settle(turn, 'refused', desk.nowMs);
  };
  for (let i = 0; i < 60; i += 1) guess();
  assert.deepEqual(await desk.try(PASSWORD, LOOPBACK, { name: 'bob' }).then(({ kind, ms }) => [kind, ms]), [
    'accepted',
    0,
  ]);
  for (let i = 0; i < 4; i += 1) {
    const right = await desk.try(PASSWORD, LOOPBACK);
    assert.equal(right.kind, 'accepted');
    assert.ok(right.ms <= 10_001, `${right.ms} ms`);
    guess();
  }
});

test('on loopback all names of administrators together are bounded too, apart from those of VPN users', async (t) => {
  const desk = await Desk.open(t);
  const { throttle } = desk.logins;
  const spray = (realm: 'vpn' | 'admin'): void => {
    for (let i = 0; i < 300; i += 1) {
      const turn = throttle.enter({ realm, address: '127.0.0.1', user: `name${i}`, isKnown: false }, desk.nowMs);
      throttle.settle(turn, 'refused', desk.nowMs);
    }
  };
  spray('vpn');
  assert.equal((await desk.try(PASSWORD, LOOPBACK)).ms, 0, 'through ssh, while somebody guesses at VPN users');
  spray('admin');
  const right = await desk.try(PASSWORD, LOOPBACK);
  assert.deepEqual([right.kind, right.ms], ['accepted', 1_000]);
  await desk.try('wrong', LOOPBACK);
  const nobody = await desk.try(PASSWORD, LOOPBACK, { name: 'nobody' });
  assert.deepEqual([nobody.kind, nobody.ms], ['refused', 1_000]);
  const browser = desk.store.browsers.issue(desk.store.accounts.browserOf('ann'), Date.now());
  assert.equal((await desk.try(PASSWORD, LOOPBACK, { browser })).ms, 0, 'in a browser that logged in before');
  assert.deepEqual(
    desk.log.of('auth.under-attack').map(({ fields }) => [fields.realm, fields.limit]),
    [
      ['vpn', 'loopback'],
      ['admin', 'loopback'],
    ],
  );
});

test('who hangs up while a login waits has done nothing', async (t) => {
  const desk = await Desk.open(t);
  for (let i = 0; i < 3; i += 1) await desk.try(`wrong ${i}`);
  const gone = new AbortController();
  const login = desk.login.login({
    name: 'ann',
    password: PASSWORD,
    peer: HOME,
    browser: undefined,
    signal: gone.signal,
  });
  await settle();
  assert.equal(desk.logins.throttle.size.waiting, 1);
  gone.abort(new Error('gone'));
  await assert.rejects(login, /gone/);
  assert.equal(desk.logins.throttle.size.waiting, 0);
});

test('an unknown name is refused as a known one, and slows as much', async (t) => {
  const desk = await Desk.open(t);
  const waits = { ann: [] as number[], eve: [] as number[] };
  for (const name of ['ann', 'eve'] as const) {
    const peer = { address: name === 'ann' ? '192.0.2.1' : '192.0.2.2', port: 1 };
    for (let i = 0; i < 4; i += 1) {
      const { kind, ms } = await desk.try(`wrong ${i}`, peer, { name });
      assert.equal(kind, 'refused');
      waits[name].push(ms);
    }
  }
  assert.deepEqual(waits.ann, waits.eve);
  assert.deepEqual(
    desk.log.of('admin.login-refused').map(({ level, fields }) => [level, fields.user]),
    [...Array(4).fill(['warn', 'ann']), ...Array(4).fill(['warn', 'eve'])],
  );
});

test('a store that cannot be read is a fault: it counts as no failure and leaves nothing open', async (t) => {
  const desk = await Desk.open(t);
  const verify = t.mock.method(desk.store.accounts, 'verify', async () => {
    throw new Error('disk is gone');
  });
  for (let i = 0; i < 10; i += 1) await assert.rejects(desk.try(PASSWORD), /disk is gone/);
  verify.mock.restore();
  assert.deepEqual(await desk.try(PASSWORD).then(({ kind, ms }) => [kind, ms]), ['accepted', 0]);
});

test('of many at once only two are looked at at a time', async (t) => {
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
  const logins = Array.from({ length: 12 }, (_, i) =>
    desk.try('wrong', { address: `192.0.2.${i}`, port: 1 }, { name: `u${i}` }),
  );
  const kinds = (await Promise.all(logins)).map(({ kind }) => kind);
  assert.equal(most, 2);
  assert.equal(kinds.filter((kind) => kind === 'refused').length, 12);
});

/** Hashes that take until they are told. */
class SlowHashes {
  /** In the order in which they began. */
  readonly names: string[] = [];
  readonly #running: (() => void)[] = [];

  constructor(t: TestContext, { store: { accounts } }: Desk) {
    const verify = accounts.verify.bind(accounts);
    t.mock.method(accounts, 'verify', async (name: string, password: string) => {
      this.names.push(name);
      await new Promise<void>((resolve) => this.#running.push(resolve));
      return name === 'ann' ? verify(name, password) : undefined;
    });
  }

  async finish(): Promise<void> {
    this.#running.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async finishAll<Result>(logins: Promise<Result>): Promise<Result> {
    let isOver = false;
    const all = logins.finally(() => {
      isOver = true;
    });
    while (!isOver) await this.finish();
    return all;
  }
}

function begin(desk: Desk, more: Partial<LoginRequest> = {}): Promise<LoginOutcome> {
  const signal = new AbortController().signal;
  return desk.login.login({ name: 'ann', password: PASSWORD, peer: LOOPBACK, browser: undefined, signal, ...more });
}

test('logins that were hung up take no time of others: a hundred of them, and the next one is looked at', async (t) => {
  const desk = await Desk.open(t);
  const hashes = new SlowHashes(t, desk);
  for (let i = 0; i < 100; i += 1) {
    const controller = new AbortController();
    const login = begin(desk, { name: `u${i}`, signal: controller.signal });
    await settle();
    controller.abort(new Error('gone'));
    await assert.rejects(login, /gone/);
  }
  const owner = begin(desk);
  await settle();
  await hashes.finish();
  assert.deepEqual(hashes.names, ['u0', 'u1', 'ann'], 'two were under way');
  assert.equal((await hashes.finishAll(owner)).kind, 'accepted');
  const others = desk.logins.throttle.list(desk.nowMs).filter(({ of }) => /^u[2-9]/.test(of));
  assert.deepEqual(others, [], 'nothing was counted against them');
});

test('a wrong password of who hung up while it was looked at is in the log, and counted', async (t) => {
  const desk = await Desk.open(t);
  const hashes = new SlowHashes(t, desk);
  const controller = new AbortController();
  const login = begin(desk, { name: 'bob', signal: controller.signal });
  await settle();
  controller.abort(new Error('gone'));
  await assert.rejects(login, /gone/);
  await hashes.finish();
  assert.deepEqual(
    desk.log.of('admin.login-refused').map(({ fields }) => fields.user),
    ['bob'],
  );
  assert.deepEqual(desk.login.counts, { accepted: 0, refused: 1, slowed: 0 });
});

test('32 wait to be looked at; of more, one of the address with most of them has to come again, and nothing is counted', async (t) => {
  const desk = await Desk.open(t);
  const hashes = new SlowHashes(t, desk);
  const many = Array.from({ length: 40 }, (_, i) => begin(desk, { name: `u${i}` }));
  const owner = begin(desk, { peer: HOME });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(desk.login.counts.slowed, 7);
  assert.equal(desk.log.of('admin.login-slowed').length, 7);
  const outcomes = await hashes.finishAll(Promise.all([...many, owner]));
  assert.equal(outcomes.at(-1)?.kind, 'accepted');
  assert.equal(outcomes.filter(({ kind }) => kind === 'slow-down').length, 7);
});

test('a known browser is looked at before all others that wait, and does not have to go', async (t) => {
  const desk = await Desk.open(t);
  const first = await desk.try(PASSWORD);
  const browser = first.kind === 'accepted' ? first.browser : assert.fail(first.kind);
  const hashes = new SlowHashes(t, desk);
  const many = Array.from({ length: 34 }, (_, i) => begin(desk, { name: `u${i}` }));
  await settle();
  const owner = begin(desk, { browser });
  await settle();
  await hashes.finish();
  assert.equal(hashes.names[2], 'ann');
  const outcomes = await hashes.finishAll(Promise.all([...many, owner]));
  assert.equal(outcomes.at(-1)?.kind, 'accepted');
});

test('without an account there is nothing to log in to', async (t) => {
  const desk = await Desk.open(t);
  desk.store.accounts.remove('ann');
  assert.deepEqual((await desk.try(PASSWORD)).kind, 'no-account');
  assert.equal(await desk.login.exist(), false);
});

test('a store that cannot be written keeps nobody out', async (t) => {
  const desk = await Desk.open(t);
  const { accounts, tokens } = desk.store;
  const { UserStoreError } = await import('../../../auth/index.ts');
  const full = (): never => {
    throw new UserStoreError('ERR_USER_STORE', 'the disk is full');
  };
  t.mock.method(accounts, 'recordLogin', full);
  t.mock.method(tokens, 'recordUse', full);
  assert.equal((await desk.try(PASSWORD)).kind, 'accepted');
  const backend = tokensBackend(tokensOf(desk.store), desk.log);
  const { token, id } = await backend.add({ name: 'backup', scopes: ['read'] }, undefined);
  assert.equal((await backend.find(token))?.id, id);
  assert.equal(desk.log.of('admin.use-not-recorded').length, 2);
});

test('a password that is changed before anybody hears of the verdict lets nobody in, and makes no browser known', async (t) => {
  const desk = await Desk.open(t);
  const verify = desk.store.accounts.verify.bind(desk.store.accounts);
  t.mock.method(desk.store.accounts, 'verify', async (name: string, password: string) => {
    const account = await verify(name, password);
    await desk.store.accounts.setPassword('ann', 'another password');
    return account;
  });
  assert.equal((await desk.try(PASSWORD)).kind, 'refused');
  assert.deepEqual(desk.login.counts, { accepted: 0, refused: 1, slowed: 0 });
});

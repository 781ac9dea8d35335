/** One name, however it is spelled (case, composed or decomposed accents), is one user wherever names are keys. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { AttemptView } from '../../../admin/index.ts';
import type { Authenticator, User } from '../../../auth/index.ts';
import { systemClock } from '../../../core/index.ts';
import { AddressPool, PrefixPool } from '../../../ip/index.ts';
import { LeaseDesk, type LeaseHolder } from '../../../server/control/lease-desk.ts';
import { LocalControl } from '../../../server/control/local-control.ts';
import { LoginDesk } from '../../../server/control/login-desk.ts';
import { AttemptRing } from '../../../server/observe/explain/attempt-ring.ts';
import { UserTraffic } from '../../../server/observe/metrics/user-traffic.ts';
import { leasesOf } from '../../../store/sqlite/sqlite-store.ts';
import { UserStore } from '../../../store/sqlite/user-store.ts';
import { RecordingLog, settle } from '../support.ts';

const NO_PLACES = { usersKnownAt: async () => [], rememberPlace: async () => undefined };

const POOL = { cidr: { address: 0x0a090000, prefixLength: 24 }, serverAddress: 0x0a090001 };

let directory: string;
let store: UserStore;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sstpd-names-'));
  store = UserStore.open(directory, { keep: 'password' });
});
after(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

/** Letters that have composed and decomposed forms, Hangul and Cyrillic among them, and some that have but one. */
const LETTERS = [...'aéüñåçøzйї각ǆṩ1.'];

/** Two spellings of one name. */
const spellings: fc.Arbitrary<[string, string]> = fc
  .array(fc.record({ letter: fc.constantFrom(...LETTERS), forms: fc.tuple(form(), form()) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((letters) => {
    const spell = (which: 0 | 1): string => letters.map(({ letter, forms }) => forms[which](letter)).join('');
    return [spell(0), spell(1)];
  });

function form(): fc.Arbitrary<(letter: string) => string> {
  return fc.constantFrom(
    (letter: string) => letter.normalize('NFC'),
    (letter: string) => letter.normalize('NFD'),
    (letter: string) => letter.normalize('NFC').toUpperCase(),
    (letter: string) => letter.normalize('NFD').toUpperCase(),
  );
}

const forBoth = (check: (one: string, other: string) => void): void =>
  fc.assert(
    fc.property(spellings, ([one, other]) => check(one, other)),
    { numRuns: 100 },
  );

const forBothLater = (check: (one: string, other: string) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(spellings, ([one, other]) => check(one, other)),
    { numRuns: 100 },
  );

const user = (name: string): User => ({
  name,
  enabled: true,
  ipv4: undefined,
  secretKind: 'password',
  isWeak: false,
  createdAt: new Date(0),
  lastLoginAt: undefined,
  groups: [],
});

function desk(pool: AddressPool, maxPerUser = 5): LeaseDesk {
  return new LeaseDesk({
    pool,
    prefixes: undefined,
    book: leasesOf(store),
    log: new RecordingLog(),
    routes: { add: () => undefined, remove: () => undefined },
    serverAddress: POOL.serverAddress,
    dns: [],
    wins: [],
    maxPerUser,
  });
}

const holder = (id: string, replace: () => undefined = () => undefined): LeaseHolder => ({
  id,
  device: 'tun',
  replace,
});

test('the address of a user is the same after a restart', () => {
  forBoth((one, other) => {
    store.add(one, 'correct horse battery');
    try {
      const before = desk(new AddressPool(POOL));
      const first = before.lease(user(one), holder('1'));
      // After the restart somebody else comes first.
      const pool = new AddressPool({ ...POOL, sticky: store.leases() });
      const later = desk(pool);
      later.lease(user('else'), holder('2'));
      assert.equal(later.lease(user(other), holder('3'))?.ipv4.address, first?.ipv4.address);
    } finally {
      store.remove(other);
    }
  });
});

test('places and prefixes are remembered for the user', () => {
  forBoth((one, other) => {
    const pool = new AddressPool(POOL);
    const leased = pool.lease(one, '1', undefined);
    assert.equal(leased.kind, 'leased');
    if (leased.kind === 'leased') pool.release(leased.address, '1');
    assert.deepEqual(pool.lease(other, '2', undefined), leased);
    const prefixes = new PrefixPool({ cidr: { address: Uint8Array.of(0xfd, ...Array(15).fill(0)), prefixLength: 48 } });
    const prefix = prefixes.lease(one, '1');
    if (prefix.kind === 'leased') prefixes.release(prefix.prefix, '1');
    assert.deepEqual(prefixes.lease(other, '2'), prefix);
  });
});

test('a fixed address is taken back from the user that it was given to', () => {
  forBoth((one, other) => {
    const pool = new AddressPool({ cidr: { address: 0x0a090000, prefixLength: 30 }, serverAddress: 0x0a090001 });
    pool.setFixed(one, 0x0a090002);
    assert.equal(pool.lease('else', '1', undefined).kind, 'exhausted');
    pool.setFixed(other, undefined);
    assert.equal(pool.lease('else', '1', undefined).kind, 'leased');
  });
});

test('the sessions of a user are counted together', () => {
  forBoth((one, other) => {
    let replaced = 0;
    const leases = desk(new AddressPool(POOL), 1);
    const oldest: LeaseHolder = holder('1', () => {
      replaced += 1;
      leases.release(oldest);
    });
    leases.lease(user(one), oldest);
    leases.lease(user(other), holder('2'));
    assert.equal(replaced, 1);
  });
});

test('sessions are found by name', async () => {
  store.add('x', 'correct horse battery');
  const verdict = { kind: 'accept', keys: undefined } as const;
  await forBothLater(async (one, other) => {
    const verifier = {
      read: () => ({ readings: [one] }),
      nameOf: () => one,
      verify: () => ({ verdict, reason: 'ok', user: user(one), admitted: user(one) }),
    } as unknown as Authenticator;
    const control = new LocalControl({
      verifier,
      logins: new LoginDesk({ clock: systemClock, log: new RecordingLog(), places: NO_PLACES }),
      leases: desk(new AddressPool(POOL)),
      portal: { ask: () => Promise.reject(new Error('not asked')) },
    });
    let disconnected = '';
    const session = control.open({
      ...holder('1'),
      peerAddress: '192.0.2.1',
      setPolicy: () => undefined,
      disconnect: (reason) => {
        disconnected = reason;
      },
    });
    session.verify(
      { method: 'pap', name: one, password: Buffer.from('') } as never,
      () => undefined,
      () => undefined,
    );
    await settle();
    assert.equal(control.countOfUser(other), 1);
    control.disconnectUser(other, 'user-removed');
    assert.equal(disconnected, 'user-removed');
    session.close({ reason: 'disconnected', bytesIn: 0, bytesOut: 0 });
    assert.equal(control.countOfUser(one), 0);
  });
});

test('traffic is counted together, and attempts are found, by name', () => {
  forBoth((one, other) => {
    const traffic = new UserTraffic();
    for (const name of [one, other]) {
      const session = { user: user(name), traffic: () => ({ bytesIn: 0, bytesOut: 0 }) } as never;
      traffic.up(session);
      traffic.down(session, { reason: 'disconnected', bytesIn: 1, bytesOut: 2 });
    }
    const series = JSON.stringify(traffic.metrics());
    assert.equal(series.match(/"direction":"in"/g)?.length, 1, series);

    const ring = new AttemptRing({ most: 10, mostPerPeer: 10 });
    ring.put({ id: '1', peer: '192.0.2.1:1', state: 'failed', startedAt: '', user: one } as AttemptView);
    assert.equal(ring.list({ user: other }).attempts.length, 1);
  });
});

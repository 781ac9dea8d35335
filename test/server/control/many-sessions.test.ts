/** What a login costs does not grow with the number of sessions: nothing walks through them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptView } from '../../../admin/index.ts';
import type { Authenticator, User } from '../../../auth/index.ts';
import { systemClock } from '../../../core/index.ts';
import { AddressPool, PrefixPool } from '../../../ip/index.ts';
import { LeaseDesk, type LeaseHolder } from '../../../server/control/lease-desk.ts';
import { LocalControl } from '../../../server/control/local-control.ts';
import { LoginDesk } from '../../../server/control/login-desk.ts';
import { AttemptRing } from '../../../server/observe/explain/attempt-ring.ts';
import { UserTraffic } from '../../../server/observe/metrics/user-traffic.ts';
import { RecordingLog } from '../support.ts';

const NO_PLACES = { usersKnownAt: async () => [], rememberPlace: async () => undefined };

const MANY = 3_000;
/** Members of maps and sets that one step may come by. */
const FEW = 10;

/** How many members of maps and sets are walked through from now on, until it is asked. */
function countWalks(): () => number {
  let walked = 0;
  const undo: (() => void)[] = [];
  for (const prototype of [Map.prototype, Set.prototype] as object[]) {
    for (const name of [Symbol.iterator, 'values', 'keys', 'entries'] as const) {
      const original = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
      undo.push(() => Object.defineProperty(prototype, name, original));
      const value = function* (this: object): Iterable<unknown> {
        for (const member of original.value.call(this)) {
          walked += 1;
          yield member;
        }
      };
      Object.defineProperty(prototype, name, { ...original, value });
    }
  }
  return () => {
    for (const restore of undo) restore();
    return walked;
  };
}

function walkedBy(work: () => void): number {
  const walked = countWalks();
  try {
    work();
  } finally {
    walked();
  }
  return walked();
}

async function walkedByLater(work: () => void | Promise<void>): Promise<number> {
  const walked = countWalks();
  try {
    await work();
  } finally {
    walked();
  }
  return walked();
}

test('walks are seen', () => {
  const [map, set] = [new Map([[1, 2]]), new Set([1, 2, 3])];
  assert.equal(
    walkedBy(() => [...map, ...map.values(), ...set]),
    5,
  );
});

const user = (name: string, ipv4?: number): User => ({
  name,
  enabled: true,
  ipv4,
  secretKind: 'password',
  isWeak: false,
  createdAt: new Date(0),
  lastLoginAt: undefined,
  groups: [],
});

interface Desk {
  readonly desk: LeaseDesk;
  lease(name: string, id: number, ipv4?: number): void;
  readonly replaced: () => number;
}

function newDesk(maxPerUser = 5): Desk {
  const desk = new LeaseDesk({
    pool: new AddressPool({ cidr: { address: 0x0a000000, prefixLength: 8 }, serverAddress: 0x0a000001 }),
    prefixes: new PrefixPool({ cidr: { address: Uint8Array.of(0xfd, ...Array(15).fill(0)), prefixLength: 40 } }),
    book: { remember: async () => undefined },
    log: new RecordingLog(),
    routes: { add: () => undefined, remove: () => undefined },
    serverAddress: 0x0a000001,
    dns: [],
    wins: [],
    maxPerUser,
  });
  let replaced = 0;
  return {
    desk,
    lease(name, id, ipv4) {
      const holder: LeaseHolder = {
        id: String(id),
        device: 'tun',
        replace: () => {
          replaced += 1;
          desk.release(holder);
        },
      };
      assert.ok(desk.lease(user(name, ipv4), holder) !== undefined);
    },
    replaced: () => replaced,
  };
}

test('an address', () => {
  const { desk, lease, replaced } = newDesk(1);
  for (let i = 0; i < MANY; i += 1) lease(`user ${i}`, i, i === MANY - 1 ? 0x0a00ff00 : undefined);
  const steps: [string, () => void][] = [
    ['for a user that has no other session', () => lease('new', MANY)],
    ['in place of the oldest session of a user', () => lease(`user ${MANY / 2}`, MANY + 1)],
    ['that a session of somebody else has', () => lease('owner', MANY + 2, 0x0a00ff00)],
    ['that is to be fixed', () => desk.setFixed('owner', 0x0a00ff01)],
    ['that is fixed no more', () => desk.setFixed('owner', undefined)],
    ['counted', () => assert.equal(desk.addresses.used, MANY + 1)],
  ];
  for (const [name, step] of steps) assert.ok(walkedBy(step) <= FEW, name);
  assert.equal(replaced(), 2);
});

test('a login, and what is asked of one user', async () => {
  const verifier = {
    read: (proof: { name: string }) => ({ proof, readings: [proof.name] }),
    nameOf: ({ proof }: { proof: { name: string } }) => proof.name,
    verify: ({ proof: { name } }: { proof: { name: string } }) => ({
      verdict: { kind: 'accept' },
      reason: 'ok',
      user: user(name),
      admitted: user(name),
    }),
  } as unknown as Authenticator;
  const control = new LocalControl({
    verifier,
    logins: new LoginDesk({ clock: systemClock, log: new RecordingLog(), places: NO_PLACES }),
    leases: newDesk().desk,
    portal: { ask: () => Promise.reject(new Error('not asked')) },
    observers: [new UserTraffic()],
  });
  let ended = 0;
  const login = async (id: number): Promise<void> => {
    const session = control.open({
      id: String(id),
      device: 'tun',
      peerAddress: `10.0.${id >> 8}.${id & 255}`,
      replace: () => undefined,
      setPolicy: () => undefined,
      disconnect: () => {
        ended += 1;
        session.close({ reason: 'disconnected', bytesIn: 0, bytesOut: 0 });
      },
    });
    await new Promise<void>((resolve) => {
      session.verify(
        { method: 'pap', name: `user ${id}`, password: Buffer.from('') } as never,
        () => resolve(),
        () => assert.fail('held'),
      );
    });
    session.lease((lease) => assert.ok(lease !== undefined));
    session.up();
  };
  for (let i = 0; i < MANY; i += 1) await login(i);
  const steps: [string, () => void | Promise<void>][] = [
    ['a login', () => login(MANY)],
    ['how many sessions a user has', () => assert.equal(control.countOfUser('user 7'), 1)],
    ['the end of a session', () => assert.equal(control.disconnect('8', 'killed-by-admin'), true)],
    ['the end of all sessions of a user', () => control.disconnectUser('user 7', 'user-disabled')],
  ];
  for (const [name, step] of steps) assert.ok((await walkedByLater(step)) <= FEW, name);
  assert.deepEqual([ended, control.countOfUser('user 7'), control.count], [2, 0, MANY - 1]);
});

test('the record of an attempt', () => {
  const ring = new AttemptRing({ most: MANY, mostPerPeer: MANY });
  const put = (id: number, state: AttemptView['state']): void =>
    ring.put({ id: String(id), peer: '192.0.2.1:1', state, startedAt: '', user: 'ann' } as AttemptView);
  for (let i = 0; i < MANY; i += 1) put(i, i === MANY - 1 ? 'under-way' : 'up');
  const steps: [string, () => void][] = [
    ['one that another makes room for', () => put(MANY, 'under-way')],
    ['one that comes up', () => put(MANY, 'up')],
    ['one more, when all are up', () => put(MANY + 1, 'up')],
  ];
  for (const [name, step] of steps) assert.ok(walkedBy(step) <= FEW, name);
  assert.equal(ring.size, MANY);
});

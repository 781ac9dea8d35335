import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { User } from '../../../auth/index.ts';
import { formatIpv6, type Ipv4, parseIpv6Cidr } from '../../../core/index.ts';
import { AddressPool, PrefixPool, SERVER_INTERFACE_ID } from '../../../ip/index.ts';
import { type Lease, LeaseDesk, type LeaseHolder } from '../../../server/control/lease-desk.ts';
import { RecordingLog, settle } from '../support.ts';

const user = (name: string, ipv4?: Ipv4): User => ({
  name,
  enabled: true,
  ipv4,
  secretKind: 'password',
  isWeak: false,
  createdAt: new Date(0),
  lastLoginAt: undefined,
  groups: [],
});

const SERVER = 0x0a090001;

interface Desk {
  readonly desk: LeaseDesk;
  readonly pool: AddressPool;
  readonly prefixes: PrefixPool;
  /** What the routes and the store were told. */
  readonly told: string[];
  readonly log: RecordingLog;
  /** A session that does as it is told. */
  holder(id: string): LeaseHolder & { replaced: number };
}

function newDesk(
  options: { prefixLength?: number; ipv6?: string; maxPerUser?: number; isDiskFull?: boolean } = {},
): Desk {
  const pool = new AddressPool({
    cidr: { address: 0x0a090000, prefixLength: options.prefixLength ?? 24 },
    serverAddress: SERVER,
  });
  const prefixes = new PrefixPool({ cidr: parseIpv6Cidr(options.ipv6 ?? '2001:db8::/48') ?? assert.fail() });
  const told: string[] = [];
  const log = new RecordingLog();
  const desk = new LeaseDesk({
    log,
    pool,
    prefixes,
    book: {
      remember: async (name, address) => {
        if (options.isDiskFull) throw new Error('database or disk is full');
        told.push(`remember ${name} ${address & 0xff}`);
      },
    },
    routes: {
      add: ({ ipv4 }) => void told.push(`add ${ipv4.address & 0xff}`),
      remove: ({ ipv4 }) => void told.push(`remove ${ipv4.address & 0xff}`),
    },
    serverAddress: SERVER,
    dns: [0x09090909],
    wins: [0x0a0900f0],
    maxPerUser: options.maxPerUser ?? 5,
  });
  const holder = (id: string): LeaseHolder & { replaced: number } => {
    const session = {
      id,
      device: 'memory0',
      replaced: 0,
      replace: () => {
        session.replaced += 1;
        desk.release(session);
        return undefined;
      },
    };
    return session;
  };
  return { desk, pool, prefixes, told, log, holder };
}

test('a lease is all that a session needs: address, resolvers, /64, identifiers that nobody else has', () => {
  const { desk, holder, told } = newDesk();
  const lease = desk.lease(user('Alice'), holder('s1')) ?? assert.fail();
  assert.deepEqual(lease.ipv4, {
    address: 0x0a090002,
    serverAddress: SERVER,
    dns: [0x09090909],
    wins: [0x0a0900f0],
  });
  assert.equal(formatIpv6(lease.ipv6?.address ?? new Uint8Array(16)), '2001:db8:0:1::');
  assert.deepEqual([...lease.interfaceId], [0, 0, 0, 0, 10, 9, 0, 2]);
  assert.equal(formatIpv6(lease.linkLocal), 'fe80::a09:2');
  assert.notDeepEqual(lease.interfaceId, SERVER_INTERFACE_ID);
  assert.deepEqual(told, ['remember alice 2', 'add 2']);
});

test('a lease that cannot be remembered is a lease all the same', async () => {
  const { desk, holder, log, told } = newDesk({ isDiskFull: true });
  assert.equal(desk.lease(user('alice'), holder('s1'))?.ipv4.address, 0x0a090002);
  assert.deepEqual(told, ['add 2']);
  await settle();
  assert.equal(log.of('pool.lease-not-remembered').length, 1);
});

test('release gives everything back, once', () => {
  const { desk, pool, prefixes, holder, told } = newDesk();
  const session = holder('s1');
  desk.lease(user('alice'), session);
  told.length = 0;
  desk.release(session);
  desk.release(session);
  desk.release(holder('unknown'));
  assert.deepEqual(told, ['remove 2']);
  assert.equal(pool.used, 0);
  assert.equal(prefixes.used, 0);
});

test("a late release of an old session does not take the new one's address", () => {
  const { desk, pool, holder } = newDesk();
  const [old, next] = [holder('old'), holder('new')];
  desk.lease(user('fixed', 0x0a090063), old);
  desk.lease(user('fixed', 0x0a090063), next);
  assert.equal(old.replaced, 1);
  desk.release(old);
  assert.equal(pool.holder(0x0a090063), 'new');
});

test('a fixed address moves to the new session of its owner, at whatever number of sessions', () => {
  const { desk, holder } = newDesk({ maxPerUser: 5 });
  const first = holder('first');
  desk.lease(user('fixed', 0x0a090063), first);
  const lease = desk.lease(user('fixed', 0x0a090063), holder('second'));
  assert.equal(lease?.ipv4.address, 0x0a090063);
  assert.equal(first.replaced, 1);
});

test('an address that became fixed moves to its owner from whoever has it', () => {
  const { desk, holder } = newDesk();
  const stranger = holder('stranger');
  const had = desk.lease(user('bobby'), stranger)?.ipv4.address ?? assert.fail();
  desk.setFixed('alice', had);
  assert.equal(stranger.replaced, 0, 'not before the owner comes');
  assert.equal(desk.lease(user('alice', had), holder('owner'))?.ipv4.address, had);
  assert.equal(stranger.replaced, 1);
});

test("nobody else gets somebody's fixed address, until it is fixed no longer", () => {
  const { desk, holder } = newDesk({ prefixLength: 30 }); // .2 and nothing else
  desk.setFixed('alice', 0x0a090002);
  assert.equal(desk.lease(user('bobby'), holder('b')), undefined);
  desk.setFixed('alice', undefined);
  assert.equal(desk.lease(user('bobby'), holder('b'))?.ipv4.address, 0x0a090002);
});

test('maxPerUser: one more ends the oldest of the same user, without regard to case, and of no other', () => {
  const { desk, holder } = newDesk({ maxPerUser: 2 });
  const sessions = ['a1', 'b1', 'a2', 'a3'].map(holder);
  const names = ['alice', 'bobby', 'ALICE', 'Alice'];
  for (const [i, name] of names.entries()) desk.lease(user(name), sessions[i] ?? assert.fail());
  assert.deepEqual(
    sessions.map((session) => session.replaced),
    [1, 0, 0, 0],
  );
});

test('nothing left: no lease, nothing kept, nobody told', () => {
  const { desk, prefixes, holder, told } = newDesk({ prefixLength: 30 });
  desk.lease(user('alice'), holder('s1'));
  told.length = 0;
  assert.equal(desk.lease(user('bobby'), holder('s2')), undefined);
  assert.deepEqual(told, []);
  assert.equal(prefixes.used, 1);
});

test('without a /64 left a session still gets its IPv4 address', () => {
  const { desk, holder } = newDesk({ ipv6: '2001:db8::/63' }); // one /64 besides the server's
  assert.ok(desk.lease(user('alice'), holder('s1'))?.ipv6);
  const lease = desk.lease(user('bobby'), holder('s2'));
  assert.equal(lease?.ipv6, undefined);
  assert.equal(lease?.ipv4.address, 0x0a090003);
});

test('whoever comes and goes in whatever order: no address, /64 or identifier twice, and in the end all is back', () => {
  const steps = fc.array(
    fc.record({ kind: fc.constantFrom('lease', 'release'), session: fc.nat(11), who: fc.nat(4) }),
    { maxLength: 60 },
  );
  const people = [user('a'), user('B'), user('c', 0x0a090003), user('d', 0x0a0a0001), user('e')];
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 3 }), (todo, maxPerUser) => {
      const { desk, pool, prefixes, holder, told } = newDesk({ prefixLength: 29, ipv6: '2001:db8::/61', maxPerUser });
      for (const { name, ipv4 } of people) desk.setFixed(name, ipv4);
      const open = new Map<number, { session: LeaseHolder; lease: Lease; name: string }>();
      todo.forEach(({ kind, session, who }, step) => {
        const held = open.get(session);
        if (kind === 'release') {
          if (held !== undefined) desk.release(held.session);
          open.delete(session);
        } else if (held === undefined) {
          const person = people[who] ?? assert.fail();
          const next = { ...holder(`${step}`) };
          next.replace = () => {
            desk.release(next);
            for (const [key, other] of open) if (other.session === next) open.delete(key);
          };
          const lease = desk.lease(person, next);
          if (lease !== undefined) open.set(session, { session: next, lease, name: person.name });
          if (person.ipv4 !== undefined) assert.equal(lease?.ipv4.address, person.ipv4);
        }
        const leases = [...open.values()].map(({ lease }) => lease);
        assertDistinct(leases.map((lease) => lease.ipv4.address));
        assertDistinct(leases.map((lease) => Buffer.from(lease.interfaceId).toString('hex')));
        assertDistinct(leases.flatMap((lease) => (lease.ipv6 ? [formatIpv6(lease.ipv6.address)] : [])));
        for (const { name } of people) {
          assert.ok([...open.values()].filter((other) => other.name === name).length <= maxPerUser, 'too many');
        }
      });
      for (const { session } of open.values()) desk.release(session);
      assert.equal(pool.used, 0);
      assert.equal(prefixes.used, 0);
      const count = (what: string): number => told.filter((line) => line.startsWith(what)).length;
      assert.equal(count('add'), count('remove'));
    }),
    { numRuns: 200 },
  );
});

function assertDistinct(values: readonly unknown[]): void {
  assert.equal(new Set(values).size, values.length, `twice in ${values}`);
}

test('who takes the place of a session in another process is told of the address once that one has left it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { desk, holder, log, told } = newDesk({ maxPerUser: 1 });
  const left = Promise.withResolvers<void>();
  const far = (id: string): LeaseHolder => {
    const session: LeaseHolder = {
      ...{ id, device: 'sstp1' },
      replace: () => {
        desk.release(session);
        return left.promise;
      },
    };
    return session;
  };
  const answers: string[] = [];
  const lease = (name: string, session: LeaseHolder): void =>
    desk.leaseWhenFree(user(name), session, (got) => answers.push(`${session.id} ${got && got.ipv4.address & 0xff}`));
  lease('alice', far('s1'));
  const second = holder('s2');
  lease('alice', second);
  await settle();
  assert.deepEqual(answers, ['s1 2'], 'the first session may still send');
  t.mock.timers.tick(2_000);
  await settle();
  assert.deepEqual(answers, ['s1 2', 's2 undefined'], 'nobody has it rather than two');
  assert.equal(log.of('pool.address-not-left').length, 1);
  lease('bob', holder('s3'));
  lease('alice', holder('s4'));
  await settle();
  assert.deepEqual(answers.slice(2), ['s3 3'], 'others get others, and the user goes on waiting');
  told.length = 0;
  left.resolve();
  await settle();
  assert.deepEqual(answers.slice(3), ['s4 2']);
  desk.release(second);
  assert.deepEqual(told, []);
});

test('an address that its user gives back while the session before may still send is nobody’s until that has left', async () => {
  const { desk, pool, holder, told } = newDesk({ maxPerUser: 1 });
  const left = Promise.withResolvers<void>();
  const first: LeaseHolder = {
    ...{ id: 's1', device: 'sstp1' },
    replace: () => {
      desk.release(first);
      return left.promise;
    },
  };
  desk.lease(user('alice'), first);
  const second = holder('s2');
  let isAnswered = false;
  desk.leaseWhenFree(user('alice'), second, () => {
    isAnswered = true;
  });
  desk.release(second);
  await settle();
  assert.deepEqual([pool.used, pool.holder(0x0a090002)], [1, 's2']);
  told.length = 0;
  left.resolve();
  await settle();
  assert.deepEqual([pool.used, isAnswered, told], [0, false, ['remove 2']]);
});

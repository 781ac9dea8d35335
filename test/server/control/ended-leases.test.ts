/** Between the end of a session and the moment when the kernel has forgotten its flows, its address is nobody's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { User } from '../../../auth/index.ts';
import { parseIpv6Cidr } from '../../../core/index.ts';
import { AddressPool, PrefixPool } from '../../../ip/index.ts';
import { type Lease, LeaseDesk, type LeaseHolder } from '../../../server/control/lease-desk.ts';
import { FlowCleaner } from '../../../server/host/flow-cleaner.ts';
import { RecordingLog } from '../support.ts';

const user = (name: string, ipv4?: number): User => ({ name, ipv4 }) as User;

interface World {
  readonly desk: LeaseDesk;
  readonly prefixes: PrefixPool | undefined;
  readonly told: string[];
  /** Has the kernel forget the flows of all leases that ended. */
  forget(): void;
  holder(id: string): LeaseHolder;
  /** How often the pool was asked for an address. */
  asked(): number;
}

/** @param prefixLength 30 leaves one address for clients */
function newWorld(prefixLength = 30, ipv6?: string): World {
  const cidr = ipv6 === undefined ? undefined : (parseIpv6Cidr(ipv6) ?? assert.fail());
  const prefixes = cidr && new PrefixPool({ cidr });
  const told: string[] = [];
  const ended = new Map<Lease, () => void>();
  const pool = new AddressPool({ cidr: { address: 0x0a090000, prefixLength }, serverAddress: 0x0a090001 });
  let asked = 0;
  const leaseOf = pool.lease.bind(pool);
  pool.lease = (...words) => {
    asked += 1;
    return leaseOf(...words);
  };
  const desk: LeaseDesk = new LeaseDesk({
    ...{ pool, prefixes, book: { remember: async () => undefined }, log: new RecordingLog() },
    routes: {
      add: ({ ipv4 }, device) => void told.push(`add ${ipv4.address & 0xff} ${device}`),
      remove: ({ ipv4 }, device) => void told.push(`remove ${ipv4.address & 0xff} ${device}`),
    },
    flows: {
      clean: (lease, done) => void ended.set(lease, done),
      keep: (lease) => void (ended.delete(lease) && told.push(`keep ${lease.ipv4.address & 0xff}`)),
    },
    ...{ serverAddress: 0x0a090001, dns: [], wins: [], maxPerUser: 5, clientChoice: true },
  });
  const holder = (id: string): LeaseHolder => {
    const session: LeaseHolder = { id, device: id, replace: () => void desk.release(session) };
    return session;
  };
  const forget = (): void => {
    const batch = [...ended.values()];
    ended.clear();
    for (const done of batch) done();
  };
  return { desk, prefixes, told, holder, forget, asked: () => asked };
}

test("an address that its client gave up for another is nobody's either until then", () => {
  const { desk, told, holder, forget } = newWorld(24);
  const alice = holder('a');
  assert.equal(desk.lease(user('alice'), alice)?.ipv4.address, 0x0a090002);
  assert.equal(desk.choose(user('alice'), alice, 0x0a090050)?.ipv4.address, 0x0a090050);
  assert.deepEqual([told, desk.addresses.used], [['add 2 a', 'add 80 a'], 2]);
  const bob = holder('b');
  assert.equal(desk.lease(user('bob'), bob)?.ipv4.address, 0x0a090003);
  assert.equal(desk.choose(user('bob'), bob, 0x0a090002), undefined);
  assert.equal(desk.choose(user('bob'), bob, 0x0a090050), undefined);
  forget();
  assert.deepEqual([told.slice(3), desk.addresses.used], [['remove 2 a'], 2]);
  desk.release(alice);
  forget();
  assert.deepEqual([told.slice(4), desk.addresses.used], [['remove 80 a'], 1]);
});

test('at a redial a client gets the address back that it had chosen, and its flows stay', () => {
  const { desk, told, holder, forget } = newWorld(24);
  const first = holder('a');
  desk.lease(user('ann'), first);
  assert.equal(desk.choose(user('ann'), first, 0x0a09004d)?.ipv4.address, 0x0a09004d);
  forget();
  desk.release(first);
  const second = holder('b');
  assert.equal(desk.lease(user('Ann'), second)?.ipv4.address, 0x0a090002);
  const bob = holder('c');
  desk.lease(user('bob'), bob);
  assert.equal(desk.choose(user('bob'), bob, 0x0a09004d), undefined, "still ann's");
  told.length = 0;
  assert.equal(desk.choose(user('Ann'), second, 0x0a09004d)?.ipv4.address, 0x0a09004d);
  assert.deepEqual(told, ['add 77 b', 'keep 77', 'remove 77 a']);
  forget();
  assert.deepEqual([told.slice(3), desk.addresses.used], [['remove 2 b'], 2]);
  assert.equal(desk.choose(user('bob'), bob, 0x0a09004d), undefined, 'what was taken over is held');
});

test('an address that the user gave up, and that is reserved now, stays held until its flows are forgotten', () => {
  const { desk, holder, forget } = newWorld(24);
  const first = holder('a');
  desk.lease(user('ann'), first);
  desk.choose(user('ann'), first, 0x0a09004d);
  forget();
  desk.release(first);
  const second = holder('b');
  desk.lease(user('ann'), second);
  desk.setFixed('dora', 0x0a09004d);
  assert.equal(desk.choose(user('ann'), second, 0x0a09004d), undefined);
  const answers: (number | undefined)[] = [];
  desk.leaseWhenFree(user('dora', 0x0a09004d), holder('d'), (lease) => answers.push(lease?.ipv4.address));
  assert.deepEqual(answers, []);
  forget();
  assert.deepEqual(answers, [0x0a09004d]);
});

test('who chooses again and again gives up one address after the other, and may return to any of them', () => {
  const { desk, holder, forget } = newWorld(24);
  const alice = holder('a');
  desk.lease(user('alice'), alice);
  for (const wish of [0x0a090050, 0x0a090051, 0x0a090050, 0x0a090052]) {
    assert.equal(desk.choose(user('alice'), alice, wish)?.ipv4.address, wish);
  }
  assert.equal(desk.addresses.used, 4, 'nobody gets one whose flows are not forgotten');
  forget();
  assert.equal(desk.addresses.used, 1);
});

test('a prefix that ended with a chosen address is free once its flows are forgotten, not before', () => {
  const { desk, prefixes, holder, forget } = newWorld(24, '2001:db8::/48');
  const first = holder('a');
  desk.lease(user('ann'), first);
  desk.choose(user('ann'), first, 0x0a09004d);
  forget();
  desk.release(first);
  const second = holder('b');
  desk.lease(user('ann'), second);
  assert.equal(desk.choose(user('ann'), second, 0x0a09004d)?.ipv4.address, 0x0a09004d);
  assert.equal(prefixes?.used, 2);
  forget();
  assert.deepEqual([prefixes?.used, desk.addresses.used], [1, 1]);
  assert.equal(desk.choose(user('ann'), second, 0x0a09004d), undefined, 'it has the address');
});

test('the next user waits until the flows are forgotten, and gets the address then; the route goes after them', () => {
  const { desk, told, holder, forget } = newWorld();
  const first = holder('a');
  assert.ok(desk.lease(user('alice'), first));
  desk.release(first);
  const answers: (number | undefined)[] = [];
  desk.leaseWhenFree(user('bob'), holder('b'), (lease) => answers.push(lease?.ipv4.address));
  assert.deepEqual([answers, told, desk.addresses.used], [[], ['add 2 a'], 1]);
  forget();
  assert.deepEqual([answers, told], [[0x0a090002], ['add 2 a', 'remove 2 a', 'add 2 b']]);
  desk.leaseWhenFree(user('carol'), holder('c'), (lease) => answers.push(lease?.ipv4.address));
  assert.deepEqual(answers, [0x0a090002, undefined], 'nothing is about to be free');
});

test('of many that wait each free address wakes those that it serves, in their order, and whoever has it fixed', () => {
  const { desk, holder, forget, asked } = newWorld(24);
  const guests = Array.from({ length: 253 }, (_, i) => holder(`g${i}`));
  for (const guest of guests) assert.ok(desk.lease(user(guest.id), guest));
  desk.setFixed('owner', 0x0a090042);
  for (const guest of guests) desk.release(guest);
  const served: string[] = [];
  const wait = (name: string, fixed?: number): void =>
    desk.leaseWhenFree(user(name, fixed), holder(name), (lease) => served.push(lease === undefined ? '-' : name));
  for (let i = 0; i < 400; i++) wait(`w${i}`);
  wait('owner', 0x0a090042);
  const before = asked();
  forget();
  const inOrder = Array.from({ length: 252 }, (_, i) => `w${i}`);
  assert.deepEqual(
    served.filter((name) => name !== 'owner' && name !== '-'),
    inOrder,
  );
  assert.ok(served.includes('owner'));
  assert.equal(served.length, 401, 'and those for whom nothing is left are told');
  assert.ok(asked() - before <= 2 * 253 + 401, `${asked() - before} questions to the pool`);
});

test('a session that ends while it waits gets no answer, and holds nothing', () => {
  const { desk, holder, forget } = newWorld();
  const first = holder('a');
  desk.lease(user('alice'), first);
  desk.release(first);
  const waiting = holder('b');
  desk.leaseWhenFree(user('bob'), waiting, () => assert.fail('an answer'));
  desk.release(waiting);
  forget();
  assert.equal(desk.addresses.used, 0);
});

test('the same user goes on with the address at once, and its flows stay', () => {
  const { desk, told, holder, forget } = newWorld();
  const first = holder('a');
  desk.lease(user('alice'), first);
  desk.release(first);
  const second = holder('b');
  assert.equal(desk.lease(user('Alice'), second)?.ipv4.address, 0x0a090002);
  assert.deepEqual(told, ['add 2 a', 'keep 2', 'add 2 b', 'remove 2 a']);
  forget();
  assert.equal(desk.addresses.used, 1, 'what was kept is not given back');
  desk.release(second);
  forget();
  assert.deepEqual([desk.addresses.used, told.at(-1)], [0, 'remove 2 b']);
});

test('of several addresses that a user gave up only the one that is taken again stays', () => {
  const { desk, told, holder, forget } = newWorld(28);
  const [one, two] = [holder('a'), holder('b')];
  desk.lease(user('alice'), one);
  desk.lease(user('alice'), two);
  desk.release(two);
  desk.release(one);
  const again = desk.lease(user('alice'), holder('c'));
  assert.equal(again?.ipv4.address, 0x0a090002);
  assert.deepEqual(
    told.filter((word) => word.startsWith('keep')),
    ['keep 2'],
  );
  assert.equal(desk.lease(user('bob'), holder('d'))?.ipv4.address, 0x0a090004, 'the other one is still held');
  forget();
  assert.equal(desk.addresses.used, 2);
});

test('a fixed address that somebody else had comes to its owner when the flows of the other are forgotten', () => {
  const { desk, holder, forget } = newWorld(28);
  const guest = holder('g');
  const address = desk.lease(user('guest'), guest)?.ipv4.address ?? assert.fail();
  desk.setFixed('owner', address);
  const answers: (number | undefined)[] = [];
  desk.leaseWhenFree(user('owner', address), holder('o'), (lease) => answers.push(lease?.ipv4.address));
  assert.deepEqual(answers, []);
  forget();
  assert.deepEqual(answers, [address]);
});

test('leases that end together are forgotten in one pass; those that end meanwhile in the next', async () => {
  const passes: number[] = [];
  let finish: () => void = () => {};
  const forget = (networks: readonly unknown[]): Promise<void> => {
    passes.push(networks.length);
    return new Promise((resolve) => {
      finish = resolve;
    });
  };
  const cleaner = new FlowCleaner({ forget, log: new RecordingLog(), count: async () => 1 });
  const lease = (address: number): Lease => ({ ipv4: { address }, ipv6: undefined }) as unknown as Lease;
  const done: number[] = [];
  for (const address of [1, 2, 3]) cleaner.clean(lease(address), () => done.push(address));
  const kept = lease(4);
  cleaner.clean(kept, () => done.push(4));
  cleaner.keep(kept);
  const first = cleaner.settled();
  await new Promise(setImmediate);
  cleaner.clean(lease(5), () => done.push(5));
  assert.deepEqual([passes, done], [[3], []]);
  finish();
  await first;
  assert.deepEqual(done, [1, 2, 3]);
  const second = cleaner.settled();
  await new Promise(setImmediate);
  finish();
  await second;
  assert.deepEqual(
    [passes, done],
    [
      [3, 1],
      [1, 2, 3, 5],
    ],
  );
});

test('where the flows can not be deleted it is said once, and addresses are given on', async () => {
  const log = new RecordingLog();
  const forget = (): Promise<void> => Promise.reject(new Error('ctnetlink EPERM'));
  const cleaner = new FlowCleaner({ forget, log, count: async () => 1 });
  let done = 0;
  for (let i = 0; i < 3; i++) {
    cleaner.clean({ ipv4: { address: i }, ipv6: undefined } as unknown as Lease, () => {
      done += 1;
    });
    await cleaner.settled();
  }
  assert.equal(done, 3);
  assert.equal(log.lines.filter(({ event }) => event === 'network.flows-stay').length, 1);
});

test('a kernel that tracks nothing is not asked', async () => {
  const cleaner = new FlowCleaner({
    forget: () => assert.fail('asked'),
    log: new RecordingLog(),
    count: async () => 0,
  });
  let done = false;
  cleaner.clean({ ipv4: { address: 1 }, ipv6: undefined } as unknown as Lease, () => {
    done = true;
  });
  await cleaner.settled();
  assert.equal(done, true);
});

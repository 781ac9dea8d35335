import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, parseIpv4, parseIpv4Cidr } from '../../core/index.ts';
import { AddressPool, type AddressPoolOptions, type Ipv4Lease } from '../../ip/index.ts';

const ip = (text: string) => parseIpv4(text) ?? assert.fail(text);
const cidr = (text: string) => parseIpv4Cidr(text) ?? assert.fail(text);

function pool(text: string, more: Partial<AddressPoolOptions> = {}): AddressPool {
  return new AddressPool({ cidr: cidr(text), serverAddress: cidr(text).address + 1, ...more });
}

function leased(lease: Ipv4Lease): string {
  return lease.kind === 'leased' ? formatIpv4(lease.address) : lease.kind;
}

test('a /29 has five client addresses: not the network, the server, the broadcast address', () => {
  const addresses = pool('10.0.0.0/29');
  assert.equal(addresses.size, 5);
  const all = [0, 1, 2, 3, 4, 5].map((i) => leased(addresses.lease(`u${i}`, `s${i}`, undefined)));
  assert.deepEqual(all, ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', 'exhausted']);
  assert.equal(addresses.used, 5);
});

test('prefix lengths 8 to 30, and a server address that is a host address', () => {
  for (const text of ['10.0.0.0/8', '10.0.0.0/30']) assert.doesNotThrow(() => pool(text));
  for (const text of ['10.0.0.0/7', '10.0.0.0/31', '10.0.0.0/32', '0.0.0.0/0']) {
    assert.throws(
      () =>
        new AddressPool({
          cidr: { address: ip('10.0.0.0'), prefixLength: Number(text.split('/')[1]) },
          serverAddress: ip('10.0.0.1'),
        }),
      RangeError,
    );
  }
  for (const server of ['10.0.0.0', '10.0.0.255', '10.0.1.1']) {
    assert.throws(() => pool('10.0.0.0/24', { serverAddress: ip(server) }), RangeError);
  }
});

test('the highest addresses are no negative numbers', () => {
  const addresses = pool('223.255.255.248/29');
  assert.equal(leased(addresses.lease('a', 's', undefined)), '223.255.255.250');
});

test('an address may be chosen that is of the pool, free, and neither fixed nor remembered for another user', () => {
  const addresses = pool('10.0.0.0/24', { reserved: [ip('10.0.0.7')], sticky: new Map([['cy', ip('10.0.0.9')]]) });
  addresses.setFixed('ben', ip('10.0.0.8'));
  assert.equal(leased(addresses.lease('dee', 'd', undefined)), '10.0.0.2');
  assert.equal(leased(addresses.lease('ann', 'a', undefined)), '10.0.0.3');
  for (const [wish, why] of [
    ['10.0.0.0', 'the network'],
    ['10.0.0.1', 'the server'],
    ['10.0.0.255', 'broadcast'],
    ['10.0.1.5', 'elsewhere'],
    ['0.0.0.0', 'nothing'],
    ['255.255.255.255', 'nothing'],
    ['10.0.0.2', 'held'],
    ['10.0.0.7', 'reserved'],
    ['10.0.0.8', 'fixed'],
    ['10.0.0.9', 'remembered'],
  ] as const) {
    assert.equal(addresses.choose('ann', 'a', ip(wish)), false, why);
    assert.equal(addresses.holder(ip('10.0.0.3')), 'a', why);
  }
  assert.equal(addresses.choose('ann', 'a', ip('10.0.0.77')), true);
  assert.equal(addresses.holder(ip('10.0.0.3')), undefined);
  assert.equal(addresses.used, 2);
  assert.equal(addresses.choose('CY', 'c', ip('10.0.0.9')), true, 'its own');
  addresses.setFixed('ben', undefined);
  assert.equal(addresses.choose('eve', 'e', ip('10.0.0.8')), true, 'fixed no longer');
});

test('a user gets the same address again, without regard to case', () => {
  const addresses = pool('10.0.0.0/24');
  const first = addresses.lease('Anna', 's1', undefined);
  assert.equal(leased(first), '10.0.0.2');
  addresses.release(ip('10.0.0.2'), 's1');
  assert.equal(leased(addresses.lease('bert', 's2', undefined)), '10.0.0.3');
  assert.equal(leased(addresses.lease('aNNA', 's3', undefined)), '10.0.0.2');
});

test('addresses of before a restart are remembered; those outside the pool and the server’s are not', () => {
  const sticky = new Map([
    ['anna', ip('10.0.0.9')],
    ['bert', ip('10.9.9.9')],
    ['carl', ip('10.0.0.1')],
    ['dora', ip('10.0.0.9')],
  ]);
  const addresses = pool('10.0.0.0/24', { sticky });
  assert.equal(leased(addresses.lease('dora', 's0', undefined)), '10.0.0.2', 'it was given to Anna first');
  assert.equal(leased(addresses.lease('anna', 's1', undefined)), '10.0.0.9');
  assert.equal(leased(addresses.lease('bert', 's2', undefined)), '10.0.0.3');
  assert.equal(leased(addresses.lease('carl', 's3', undefined)), '10.0.0.4');
});

test('a second session of a user gets another address; asking twice for one session gives the same', () => {
  const addresses = pool('10.0.0.0/24');
  assert.equal(leased(addresses.lease('anna', 's1', undefined)), '10.0.0.2');
  assert.equal(leased(addresses.lease('anna', 's1', undefined)), '10.0.0.2');
  assert.equal(leased(addresses.lease('anna', 's2', undefined)), '10.0.0.3');
  assert.equal(addresses.used, 2);
});

test('a fixed address is given, and refused with its holder while another session has it', () => {
  const addresses = pool('10.0.0.0/24');
  const fixed = ip('10.0.0.50');
  assert.equal(leased(addresses.lease('anna', 's1', fixed)), '10.0.0.50');
  assert.deepEqual(addresses.lease('anna', 's2', fixed), { kind: 'in-use', address: fixed, holder: 's1' });
  assert.equal(leased(addresses.lease('anna', 's1', fixed)), '10.0.0.50', 'its own session may ask again');
  addresses.release(fixed, 's2');
  assert.equal(addresses.holder(fixed), 's1', 'only the holder releases');
  addresses.release(fixed, 's1');
  assert.equal(leased(addresses.lease('anna', 's2', fixed)), '10.0.0.50');
});

test('a session that moves to a fixed address gives its old one back', () => {
  const addresses = pool('10.0.0.0/30');
  assert.equal(leased(addresses.lease('anna', 's1', undefined)), '10.0.0.2');
  assert.equal(leased(addresses.lease('anna', 's1', ip('10.9.0.1'))), '10.9.0.1');
  assert.equal(leased(addresses.lease('anna', 's1', undefined)), '10.9.0.1', 'and keeps the fixed one');
  assert.equal(leased(addresses.lease('bert', 's2', undefined)), '10.0.0.2');
});

test('a fixed address may lie outside the pool, and does not count as used there', () => {
  const addresses = pool('10.0.0.0/24');
  assert.equal(leased(addresses.lease('anna', 's1', ip('172.16.0.5'))), '172.16.0.5');
  assert.equal(addresses.used, 0);
  assert.equal(addresses.lease('bert', 's2', ip('172.16.0.5')).kind, 'in-use');
});

test('no fixed address is the server’s, the network’s or the broadcast address', () => {
  const addresses = pool('10.0.0.0/24');
  for (const text of ['10.0.0.0', '10.0.0.1', '10.0.0.255']) {
    assert.equal(addresses.lease('anna', 's1', ip(text)).kind, 'exhausted');
  }
});

test('fixed addresses of others are never handed out; taken back, they are', () => {
  const addresses = pool('10.0.0.0/30');
  addresses.setFixed('Anna', ip('10.0.0.2'));
  assert.equal(addresses.lease('bert', 's1', undefined).kind, 'exhausted');
  addresses.setFixed('anna', undefined);
  assert.equal(leased(addresses.lease('bert', 's1', undefined)), '10.0.0.2');
});

test('an address made fixed while somebody has it stays with that session and then is kept back', () => {
  const addresses = pool('10.0.0.0/30');
  addresses.lease('bert', 's1', undefined);
  addresses.setFixed('anna', ip('10.0.0.2'));
  assert.equal(addresses.lease('anna', 's2', ip('10.0.0.2')).kind, 'in-use');
  addresses.release(ip('10.0.0.2'), 's1');
  assert.equal(addresses.lease('bert', 's3', undefined).kind, 'exhausted');
  assert.equal(leased(addresses.lease('anna', 's2', ip('10.0.0.2'))), '10.0.0.2');
});

test('an address fixed for two users is free only when both gave it up; changing it frees the old one', () => {
  const addresses = pool('10.0.0.0/30');
  addresses.setFixed('anna', ip('10.0.0.2'));
  addresses.setFixed('bert', ip('10.0.0.2'));
  addresses.setFixed('anna', ip('10.9.9.9'));
  assert.equal(addresses.lease('carl', 's', undefined).kind, 'exhausted');
  addresses.setFixed('bert', ip('10.9.9.8'));
  assert.equal(leased(addresses.lease('carl', 's', undefined)), '10.0.0.2');
});

test('the server’s address stays its own even if it was somebody’s fixed one', () => {
  const addresses = pool('10.0.0.0/30');
  addresses.setFixed('anna', ip('10.0.0.1'));
  addresses.setFixed('anna', undefined);
  assert.equal(leased(addresses.lease('bert', 's1', undefined)), '10.0.0.2');
  assert.equal(addresses.lease('carl', 's2', undefined).kind, 'exhausted');
});

test('reserved addresses are handed out only as fixed ones', () => {
  const addresses = pool('10.0.0.0/29', { reserved: [ip('10.0.0.2'), ip('10.0.0.3'), ip('10.0.0.1'), ip('10.1.0.0')] });
  assert.equal(addresses.size, 3);
  assert.equal(leased(addresses.lease('anna', 's1', undefined)), '10.0.0.4');
  assert.equal(leased(addresses.lease('bert', 's2', ip('10.0.0.2'))), '10.0.0.2');
  addresses.setFixed('bert', ip('10.0.0.3'));
  addresses.setFixed('bert', undefined);
  const rest = [3, 4, 5].map((i) => leased(addresses.lease(`u${i}`, `s${i}`, undefined)));
  assert.deepEqual(rest, ['10.0.0.5', '10.0.0.6', 'exhausted']);
});

test('any sequence of leases and releases: no address twice, none outside the hosts, nothing lost', () => {
  const step = fc.record({
    release: fc.boolean(),
    user: fc.nat(5),
    session: fc.nat(6),
    fixed: fc.option(fc.nat(9), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const addresses = pool('10.0.0.0/29');
      const held = new Map<string, number>();
      for (const { release, user, session, fixed } of steps) {
        const id = `s${session}`;
        if (release) {
          const address = held.get(id);
          if (address !== undefined) addresses.release(address, id);
          held.delete(id);
          continue;
        }
        const lease = addresses.lease(`u${user}`, id, fixed === undefined ? undefined : ip(`10.0.0.${fixed}`));
        if (lease.kind === 'leased') held.set(id, lease.address);
        if (lease.kind === 'in-use') assert.equal(held.get(lease.holder), lease.address);
        assert.equal(new Set(held.values()).size, held.size, 'an address twice');
        for (const address of held.values())
          assert.ok(![ip('10.0.0.0'), ip('10.0.0.1'), ip('10.0.0.7')].includes(address));
      }
      for (const [id, address] of held) addresses.release(address, id);
      assert.equal(addresses.used, 0);
      const again = [0, 1, 2, 3, 4].map((i) => leased(addresses.lease(`n${i}`, `n${i}`, undefined)));
      assert.equal(new Set(again).size, 5);
      assert.ok(!again.includes('exhausted'));
    }),
    { numRuns: 200 },
  );
});

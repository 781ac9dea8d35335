import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv6Cidr, type Ipv6Cidr, parseIpv6, parseIpv6Cidr } from '../../core/index.ts';
import { type Ipv6Lease, Ipv6PoolError, PrefixPool } from '../../ip/index.ts';

const cidr = (text: string): Ipv6Cidr => parseIpv6Cidr(text) ?? assert.fail(text);
const ipv6 = (text: string) => parseIpv6(text) ?? assert.fail(text);
const pool = (text: string) => new PrefixPool({ cidr: cidr(text) });
const leased = (lease: Ipv6Lease) => (lease.kind === 'leased' ? formatIpv6Cidr(lease.prefix) : lease.kind);

test('the first /64 is the server’s, clients get the others', () => {
  const prefixes = pool('fd00:1:0:fffc::/62');
  assert.equal(formatIpv6Cidr(prefixes.serverPrefix), 'fd00:1:0:fffc::/64');
  assert.equal(prefixes.size, 3);
  const all = [1, 2, 3, 4].map((i) => leased(prefixes.lease(`u${i}`, `s${i}`)));
  assert.deepEqual(all, ['fd00:1:0:fffd::/64', 'fd00:1:0:fffe::/64', 'fd00:1:0:ffff::/64', 'exhausted']);
  assert.equal(prefixes.used, 3);
});

test('prefix lengths 33 to 63; any other is an error of the configuration that says what to give', () => {
  for (const text of ['2001:db8::/33', 'fd00::/48', 'fd00:0:0:2::/63']) assert.doesNotThrow(() => pool(text));
  assert.throws(
    () => pool('fd00:1::/64'),
    (error: unknown) => {
      assert.ok(error instanceof Ipv6PoolError);
      assert.equal(error.code, 'ERR_IPV6_POOL');
      assert.match(error.message, /fd00:1::\/64 has no \/64 for a client/);
      return true;
    },
  );
  for (const text of ['fd00:1::/80', 'fd00:1::/128', '2001:db8::/32', '::/0'])
    assert.throws(() => pool(text), Ipv6PoolError);
});

test('prefixes are numbered in order, and only those of the pool', () => {
  const prefixes = pool('2001:db8:8000::/33');
  assert.equal(formatIpv6Cidr(prefixes.prefixOf(0)), '2001:db8:8000::/64');
  assert.equal(formatIpv6Cidr(prefixes.prefixOf(0x10001)), '2001:db8:8001:1::/64');
  assert.equal(formatIpv6Cidr(prefixes.prefixOf(0x7fffffff)), '2001:db8:ffff:ffff::/64');
  for (const index of [-1, 0x80000000, 0.5, Number.NaN]) assert.throws(() => prefixes.prefixOf(index), RangeError);
  assert.equal(prefixes.indexOf(ipv6('2001:db8:8001:1:a:b:c:d')), 0x10001);
  assert.equal(prefixes.indexOf(ipv6('2001:db8:7fff:ffff::')), undefined);
  assert.equal(prefixes.indexOf(ipv6('2001:db9:8000::')), undefined);
  assert.equal(prefixes.indexOf(new Uint8Array(4)), undefined);
  assert.equal(pool('fd00:1::/62').indexOf(ipv6('fd00:1:0:3::1')), 3);
  assert.equal(pool('fd00:1::/62').indexOf(ipv6('fd00:1:0:4::1')), undefined);
});

test('prefixOf and indexOf are inverse', () => {
  fc.assert(
    fc.property(fc.integer({ min: 33, max: 63 }), fc.nat(0x7fffffff), (prefixLength, number) => {
      const prefixes = new PrefixPool({ cidr: { address: ipv6('2001:db8::'), prefixLength } });
      const index = number % 2 ** (64 - prefixLength);
      assert.equal(prefixes.indexOf(prefixes.prefixOf(index).address), index);
    }),
    { numRuns: 200 },
  );
});

test('an address from the middle of a larger buffer is read in its place', () => {
  const buffer = Buffer.concat([Buffer.alloc(3, 0xff), ipv6('fd00:1:0:5::9')]);
  assert.equal(pool('fd00:1::/48').indexOf(buffer.subarray(3)), 5);
});

test('a user gets the same prefix again; release needs the right session', () => {
  const prefixes = pool('fd00:1::/48');
  const lease = prefixes.lease('Anna', 's1');
  assert.ok(lease.kind === 'leased');
  assert.equal(lease.index, 1);
  assert.equal(prefixes.holder(ipv6('fd00:1:0:1::abcd')), 's1');
  prefixes.release(lease.prefix, 's2');
  assert.equal(prefixes.holder(lease.prefix.address), 's1');
  prefixes.release(lease.prefix, 's1');
  assert.equal(prefixes.holder(lease.prefix.address), undefined);
  prefixes.release(cidr('fd00:2::/64'), 's1');
  assert.equal(leased(prefixes.lease('bert', 's3')), 'fd00:1:0:2::/64');
  assert.equal(leased(prefixes.lease('anna', 's4')), 'fd00:1:0:1::/64');
});

test('prefixes of before a restart are remembered; the server’s and those outside are not', () => {
  const sticky = new Map([
    ['anna', ipv6('fd00:1:0:7::')],
    ['bert', ipv6('fd00:9:0:7::')],
    ['carl', ipv6('fd00:1::')],
  ]);
  const prefixes = new PrefixPool({ cidr: cidr('fd00:1::/48'), sticky });
  assert.equal(leased(prefixes.lease('anna', 's1')), 'fd00:1:0:7::/64');
  assert.equal(leased(prefixes.lease('bert', 's2')), 'fd00:1:0:1::/64');
  assert.equal(leased(prefixes.lease('carl', 's3')), 'fd00:1:0:2::/64');
  assert.equal(prefixes.holder(ipv6('fd00:5::1')), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4Cidr, type Ipv4Cidr, ipv4CidrsOverlap, ipv4Mask, parseIpv4Cidr } from '../../core/index.ts';
import { choosePool, overlapping } from '../../ip/index.ts';

const cidr = (text: string) => parseIpv4Cidr(text) ?? assert.fail(text);
const chosen = (...taken: string[]) => {
  const pool = choosePool(taken.map(cidr));
  return pool && formatIpv4Cidr(pool);
};

test('the first choice is a /24 in 192.168 that home routers do not use', () => {
  assert.equal(chosen(), '192.168.217.0/24');
});

test('a network that shares addresses moves the choice on, larger and smaller ones alike', () => {
  assert.equal(chosen('192.168.217.0/24'), '192.168.229.0/24');
  assert.equal(chosen('192.168.217.77/32'), '192.168.229.0/24');
  assert.equal(chosen('192.168.216.0/22'), '192.168.229.0/24');
  assert.equal(chosen('192.168.0.0/16'), '10.217.229.0/24');
  assert.equal(chosen('192.168.0.0/16', '10.0.0.0/8'), '172.31.217.0/24');
});

test('default routes and their halves do not count', () => {
  assert.equal(chosen('0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'), '192.168.217.0/24');
});

test('undefined when all private networks are taken', () => {
  assert.equal(chosen('192.168.0.0/16', '10.0.0.0/8', '172.16.0.0/12'), undefined);
});

test('overlapping names the network in the way', () => {
  const taken = [cidr('0.0.0.0/0'), cidr('10.0.0.0/8'), cidr('192.168.1.0/24')];
  assert.equal(overlapping(cidr('192.168.0.0/16'), taken), taken[2]);
  assert.equal(overlapping(cidr('172.16.0.0/24'), taken), undefined);
});

test('the choice overlaps nothing, is private, and is the same for the same host', () => {
  const network = fc.tuple(
    fc.constantFrom(0xc0a80000, 0x0a000000, 0xac100000),
    fc.nat(0xfffff),
    fc.integer({ min: 9, max: 32 }),
  );
  const taken = fc.array(
    network.map(([base, low, prefixLength]): Ipv4Cidr => {
      return { address: ((base | low) & ipv4Mask(prefixLength)) >>> 0, prefixLength };
    }),
  );
  fc.assert(
    fc.property(taken, (networks) => {
      const pool = choosePool(networks);
      if (pool === undefined) return;
      assert.equal(
        networks.some((other) => ipv4CidrsOverlap(other, pool)),
        false,
      );
      assert.ok(['192.168.0.0/16', '10.0.0.0/8', '172.16.0.0/12'].some((home) => ipv4CidrsOverlap(cidr(home), pool)));
      assert.deepEqual(choosePool(networks), pool);
    }),
    { numRuns: 200 },
  );
});

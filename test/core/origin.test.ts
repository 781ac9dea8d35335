import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LOOPBACK_ADDRESS, originOf } from '../../core/index.ts';

test('a host is one address: of IPv4 its own, of IPv6 its /64, mapped IPv4 as IPv4, and all of loopback', () => {
  const table: readonly (readonly [text: string, address: string, around: readonly string[], network: string])[] = [
    ['192.0.2.7', '192.0.2.7', [], '192.0.2.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.7', [], '192.0.2.0/24'],
    ['::ffff:c000:207', '192.0.2.7', [], '192.0.2.0/24'],
    ['2001:db8:1:2ab:5::1', '2001:db8:1:2ab::/64', ['2001:db8:1:200::/56', '2001:db8:1::/48'], '2001:db8:1::/48'],
    ['fe80::1%eth0', 'fe80::/64', ['fe80::/56', 'fe80::/48'], 'fe80::/48'],
    ['127.0.0.1', LOOPBACK_ADDRESS, [], '127.0.0.0/8'],
    ['127.9.9.9', LOOPBACK_ADDRESS, [], '127.0.0.0/8'],
    ['::1', LOOPBACK_ADDRESS, [], '127.0.0.0/8'],
    ['::ffff:127.0.0.2', LOOPBACK_ADDRESS, [], '127.0.0.0/8'],
    ['a name', 'a name', [], 'a name'],
  ];
  for (const [text, address, around, network] of table) {
    const isLoopback = address === LOOPBACK_ADDRESS;
    assert.deepEqual(originOf(text), { address, around, network, isLoopback }, text);
  }
});

test('whatever the text, what is kept of it is short', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 500 }), fc.ipV4(), fc.ipV6()), (text) => {
      const { address, network } = originOf(text);
      assert.ok(address.length <= 64 && network.length <= 64);
    }),
  );
});

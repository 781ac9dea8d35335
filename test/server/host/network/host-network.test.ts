import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Log, parseIpv4Cidr, parseIpv6, parseIpv6Cidr } from '../../../../core/index.ts';
import { HostNetwork, NetworkError, type NetworkOptions } from '../../../../server/host/network/index.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const cidr = parseIpv4Cidr('192.168.217.0/24') ?? assert.fail();
const good: NetworkOptions = {
  tuns: ['sstp0'],
  isolate: false,
  mtu: 1400,
  ipv4: { address: cidr.address + 1, cidr },
  ipv6: undefined,
  linkLocal: parseIpv6('fe80::1') ?? assert.fail(),
  nat: true,
  flowsPerClient: 4096,
  reach: { inbound: false, hostAccess: [], own: [], admin: undefined, metrics: undefined, dns: [], dns6: [], deny: [] },
  instance: 'a1_B',
  log: silent,
};

// What up and down do to a host is tested in test/e2e/network-*.test.ts.
test('names that would mean something else to ip or nft are refused', () => {
  assert.doesNotThrow(() => new HostNetwork(good));
  for (const tun of ['', 'sixteencharacter', 'a b', 'a"b', 'a/b', 'a\nb', '.', '..', 'sstp%d']) {
    assert.throws(() => new HostNetwork({ ...good, tuns: ['sstp0', tun] }), NetworkError, JSON.stringify(tun));
  }
  for (const instance of ['', 'a-b', 'a;b', 'a b', 'x'.repeat(65)]) {
    assert.throws(() => new HostNetwork({ ...good, instance }), NetworkError, JSON.stringify(instance));
  }
});

test('an IPv6 pool needs an MTU of 1280 (RFC 8200 5)', () => {
  const ipv6 = { address: parseIpv6('fd00::1') ?? assert.fail(), cidr: parseIpv6Cidr('fd00::/48') ?? assert.fail() };
  assert.throws(() => new HostNetwork({ ...good, ipv6, mtu: 1279 }), /MTU of at least 1280/);
  assert.doesNotThrow(() => new HostNetwork({ ...good, ipv6, mtu: 1280 }));
  assert.doesNotThrow(() => new HostNetwork({ ...good, mtu: 576 }));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../../../core/index.ts';
import { isPublicAddress } from '../../../core/public-address.ts';
import { hostAddresses } from '../../../server/host/host-addresses.ts';

const ROUTES = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
  'eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0',
  '',
].join('\n');

test("the host's own IPv4 addresses and its default gateways are not for clients", () => {
  const entry = (address: string) => ({ address, netmask: '', mac: '', internal: false, cidr: null });
  const interfaces = () => ({
    eth0: [
      { ...entry('192.168.0.5'), family: 'IPv4' as const },
      { ...entry('2001:db8::5'), family: 'IPv6' as const, scopeid: 0 },
    ],
  });
  const expected = ['192.168.0.5', '192.168.0.1'].map((text) => parseIpv4(text));
  assert.deepEqual([...hostAddresses(interfaces, ROUTES)], expected);
});

test('an address that every network may have is not public: the first and the last of each, and their neighbours are', () => {
  for (const [first, last, before, after] of [
    ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
    ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
    ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fbff::1', 'fe00::'],
    ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe7f::1', 'fec0::'],
    ['::1', '::1', '2001:db8::', '2001:db8::1'],
  ]) {
    assert.deepEqual(
      [first, last, before, after].map((address) => isPublicAddress(address ?? '')),
      [...[false, false, true, true]],
    );
  }
});

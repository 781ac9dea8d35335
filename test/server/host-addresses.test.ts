import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../../core/index.ts';
import { hostAddresses } from '../../server/host-addresses.ts';

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

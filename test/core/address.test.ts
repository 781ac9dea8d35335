import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatIpv4,
  formatIpv4Cidr,
  formatIpv6,
  ipv4CidrsOverlap,
  ipv4InCidr,
  ipv6InCidr,
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6,
  parseIpv6Cidr,
} from '../../core/index.ts';

const cidr4 = (text: string): NonNullable<ReturnType<typeof parseIpv4Cidr>> => {
  const cidr = parseIpv4Cidr(text);
  assert.ok(cidr, text);
  return cidr;
};

test('IPv4 addresses are numbers in host order; only four decimal parts are taken', () => {
  assert.equal(parseIpv4('10.0.0.1'), 0x0a000001);
  assert.equal(parseIpv4('255.255.255.255'), 0xffffffff);
  for (const wrong of ['', '10.1', '0x0a.0.0.1', '010.0.0.1', '256.0.0.1', '10.0.0.1 ', '10.0.0.1/8', '::1']) {
    assert.equal(parseIpv4(wrong), undefined, wrong);
  }
  fc.assert(fc.property(fc.nat(0xffffffff), (address) => parseIpv4(formatIpv4(address)) === address));
});

test('IPv6 addresses are 16 bytes, written as RFC 5952 has it; zones are not taken', () => {
  assert.equal(Buffer.from(parseIpv6('2001:db8::1') ?? []).toString('hex'), '20010db8000000000000000000000001');
  for (const wrong of ['', 'fe80::1%eth0', '10.0.0.1', ':::', '1:2:3:4:5:6:7:8:9'])
    assert.equal(parseIpv6(wrong), undefined);
  assert.equal(formatIpv6(parseIpv6('2001:DB8:0:0:1:0:0:1') ?? new Uint8Array(16)), '2001:db8::1:0:0:1');
});

test('a CIDR has no host bits', () => {
  assert.deepEqual(parseIpv4Cidr('10.9.0.0/16'), { address: 0x0a090000, prefixLength: 16 });
  assert.deepEqual(parseIpv4Cidr('0.0.0.0/0'), { address: 0, prefixLength: 0 });
  assert.equal(formatIpv4Cidr(cidr4('192.168.7.0/24')), '192.168.7.0/24');
  for (const wrong of ['10.9.0.1/16', '10.0.0.0/33', '10.0.0.0', '10.0.0.0/', '/8', '10.0.0.0/8/8']) {
    assert.equal(parseIpv4Cidr(wrong), undefined, wrong);
  }
  assert.equal(parseIpv6Cidr('fd00::1/64'), undefined);
  assert.equal(parseIpv6Cidr('fd00:0:0:8000::/48'), undefined);
  assert.equal(parseIpv6Cidr('fd00::/129'), undefined);
  assert.equal(parseIpv6Cidr('fd00:0:0:8000::/49')?.prefixLength, 49);
  assert.equal(parseIpv6Cidr('fd00:0:0:8000::/64')?.prefixLength, 64);
});

test('membership and overlap compare the shorter prefix', () => {
  assert.equal(ipv4InCidr(0x0a09ffff, cidr4('10.9.0.0/16')), true);
  assert.equal(ipv4InCidr(0x0a0a0000, cidr4('10.9.0.0/16')), false);
  assert.equal(ipv4InCidr(0xffffffff, cidr4('0.0.0.0/0')), true);
  assert.equal(ipv4CidrsOverlap(cidr4('10.0.0.0/8'), cidr4('10.9.0.0/16')), true);
  assert.equal(ipv4CidrsOverlap(cidr4('10.9.0.0/16'), cidr4('10.0.0.0/8')), true);
  assert.equal(ipv4CidrsOverlap(cidr4('10.8.0.0/16'), cidr4('10.9.0.0/16')), false);
  const prefix = parseIpv6Cidr('2001:db8:0:4000::/50');
  assert.ok(prefix);
  assert.equal(ipv6InCidr(parseIpv6('2001:db8:0:7fff::1') ?? new Uint8Array(16), prefix), true);
  assert.equal(ipv6InCidr(parseIpv6('2001:db8:0:8000::1') ?? new Uint8Array(16), prefix), false);
});

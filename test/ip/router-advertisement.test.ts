import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIpv6, parseIpv6Cidr } from '../../core/index.ts';
import { DEFAULT_LIFETIMES, encodeRouterAdvertisement, isRouterSolicitation } from '../../ip/index.ts';

const ipv6 = (text: string) => parseIpv6(text) ?? assert.fail(text);
const prefix = parseIpv6Cidr('fd00:1:0:1::/64') ?? assert.fail();
const basis = { source: ipv6('fe80::1'), prefix, mtuBytes: 1400, dns: [], lifetimes: DEFAULT_LIFETIMES };
const OPTIONS = `030440c000278d0000093a8000000000fd000001000000010000000000000000${'0501000000000578'}`;

// Checksums made by another program.
test('Router Advertisement to all nodes: prefix A and L, MTU, two resolvers (RFC 4861 4.2, 4.6; RFC 8106 5.1)', () => {
  const packet = encodeRouterAdvertisement({ ...basis, dns: [ipv6('2001:db8::53'), ipv6('2001:db8::54')] });
  assert.equal(
    packet.toString('hex'),
    `${'6000000000603afffe800000000000000000000000000001ff020000000000000000000000000001'}8600a5bf400007080000000000000000${OPTIONS}${'190500000000070820010db800000000000000000000005320010db8000000000000000000000054'}`,
  );
});

test('Router Advertisement to the client that asked, without resolvers', () => {
  const packet = encodeRouterAdvertisement({ ...basis, destination: ipv6('fe80::2') });
  assert.equal(
    packet.toString('hex'),
    `6000000000383afffe800000000000000000000000000001fe8000000000000000000000000000028600228f400007080000000000000000${OPTIONS}`,
  );
});

test('what no Router Advertisement can carry is refused', () => {
  const wide = parseIpv6Cidr('fd00:1::/48') ?? assert.fail();
  assert.throws(() => encodeRouterAdvertisement({ ...basis, prefix: wide }), RangeError);
  assert.throws(() => encodeRouterAdvertisement({ ...basis, source: new Uint8Array(4) }), RangeError);
  assert.throws(() => encodeRouterAdvertisement({ ...basis, dns: Array(128).fill(ipv6('::5')) }), RangeError);
  assert.equal(encodeRouterAdvertisement({ ...basis, dns: Array(127).fill(ipv6('::5')) }).at(96 + 1), 255);
});

const FROM_CLIENT = '6000000000083afffe800000000000000000000000000002ff020000000000000000000000000002';
const client16 = '6000000000103afffe800000000000000000000000000002ff020000000000000000000000000002';
const nowhere = '6000000000083aff00000000000000000000000000000000ff020000000000000000000000000002';
const nowhere16 = '6000000000103aff00000000000000000000000000000000ff020000000000000000000000000002';

for (const { name, wire, valid } of [
  { name: 'from the link-local address', wire: `${FROM_CLIENT}85007d3500000000`, valid: true },
  { name: 'from ::', wire: `${nowhere}85007bb800000000`, valid: true },
  { name: 'with the source link-layer address', wire: `${client16}85007a2b000000000101020000000001`, valid: true },
  { name: 'with that option from ::', wire: `${nowhere16}850078ae000000000101020000000001`, valid: false },
  { name: 'with an option of length 0', wire: `${client16}85006f2d000000000e00000000000000`, valid: false },
  { name: 'with an option longer than the message', wire: `${client16}85006f2b000000000e02000000000000`, valid: false },
  { name: 'with code 1', wire: `${FROM_CLIENT}85017d3400000000`, valid: false },
  {
    name: 'with hop limit 254: it was forwarded',
    wire: `${FROM_CLIENT.replace('3aff', '3afe')}85007d3500000000`,
    valid: false,
  },
  { name: 'with a wrong checksum', wire: `${FROM_CLIENT}85007d3600000000`, valid: false },
  { name: 'that is a Neighbor Solicitation', wire: `${FROM_CLIENT}87007b3500000000`, valid: false },
  { name: 'in another protocol', wire: `${FROM_CLIENT.replace('3aff', '11ff')}85007d3500000000`, valid: false },
]) {
  test(`Router Solicitation ${name} is ${valid ? 'answered' : 'ignored'} (RFC 4861 6.1.1)`, () => {
    const bytes = Buffer.from(`0000${wire}ff`, 'hex');
    assert.equal(isRouterSolicitation(bytes, 2, bytes.length - 1), valid);
  });
}

test('every truncation of a Router Solicitation is ignored', () => {
  const bytes = Buffer.from(`${client16}85007a2b000000000101020000000001`, 'hex');
  for (let end = 0; end < bytes.length; end++)
    assert.equal(isRouterSolicitation(bytes, 0, end), false, `cut at ${end}`);
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
      const bytes = Buffer.concat([Buffer.from(client16, 'hex'), tail]);
      assert.equal(typeof isRouterSolicitation(bytes, 0, bytes.length), 'boolean');
    }),
    { numRuns: 200 },
  );
});

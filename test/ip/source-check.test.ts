import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIpv4, parseIpv6 } from '../../core/index.ts';
import { type Ipv6Client, ipv4End, ipv6End, mayForwardIpv4, mayForwardIpv6, Verdict } from '../../ip/index.ts';

const CLIENT = 0xc0a8d902; // 192.168.217.2
const UDP = '03e807d000100000';

/** UDP from 192.168.217.2, header checksum not filled in: the kernel checks that one. */
function toIpv4(destination: string): Buffer {
  const packet = Buffer.from(`4500001c00000000401100 00c0a8d902 00000000${UDP}`.replaceAll(' ', ''), 'hex');
  packet.writeUInt32BE(parseIpv4(destination) ?? assert.fail(), 16);
  return packet;
}

const good = toIpv4('198.51.100.10');

test('a packet from the leased address to the network is forwarded', () => {
  assert.equal(mayForwardIpv4(good, 0, good.length, CLIENT), Verdict.Forward);
});

test('every truncation of an IPv4 packet is malformed', () => {
  for (let end = 0; end < good.length; end++) {
    assert.equal(mayForwardIpv4(good, 0, end, CLIENT), Verdict.DropMalformed, `cut at ${end}`);
  }
});

test('padding behind the total length is cut (RFC 791 3.1; RFC 1661 2: padding)', () => {
  const padded = Buffer.concat([Buffer.from('ff', 'hex'), good, Buffer.from('000000', 'hex')]);
  assert.equal(mayForwardIpv4(padded, 1, padded.length, CLIENT), Verdict.Forward);
  assert.equal(ipv4End(padded, 1), 1 + good.length);
});

for (const { name, at, value } of [
  { name: 'version 6 in a frame for IPv4', at: 0, value: 0x65 },
  { name: 'header length 4 words', at: 0, value: 0x44 },
  { name: 'header longer than the packet', at: 0, value: 0x4f },
  { name: 'total length larger than the frame', at: 3, value: good.length + 1 },
  { name: 'total length smaller than the header', at: 3, value: 19 },
]) {
  test(`malformed IPv4 (RFC 791 3.1): ${name}`, () => {
    const bytes = Buffer.from(good);
    bytes[at] = value;
    assert.equal(mayForwardIpv4(bytes, 0, bytes.length, CLIENT), Verdict.DropMalformed);
  });
}

for (const source of ['192.168.217.3', '0.0.0.0', '127.0.0.1', '192.168.217.1', '255.255.255.255']) {
  test(`IPv4 source ${source} is not the client's`, () => {
    const bytes = Buffer.from(good);
    bytes.writeUInt32BE(parseIpv4(source) ?? assert.fail(), 12);
    assert.equal(mayForwardIpv4(bytes, 0, bytes.length, CLIENT), Verdict.DropSource);
  });
}

for (const [destination, verdict] of [
  ['0.0.0.0', Verdict.DropDestination],
  ['0.1.2.3', Verdict.DropDestination],
  ['1.0.0.0', Verdict.Forward],
  ['127.0.0.1', Verdict.DropDestination],
  ['127.255.255.255', Verdict.DropDestination],
  ['128.0.0.0', Verdict.Forward],
  ['169.253.255.255', Verdict.Forward],
  ['169.254.169.254', Verdict.Forward],
  ['169.255.0.0', Verdict.Forward],
  ['192.168.217.1', Verdict.Forward],
  ['223.255.255.255', Verdict.Forward],
  ['224.0.0.251', Verdict.DropGroup],
  ['239.255.255.250', Verdict.DropGroup],
  ['240.0.0.0', Verdict.DropDestination],
  ['255.255.255.254', Verdict.DropDestination],
  ['255.255.255.255', Verdict.DropGroup],
] as const) {
  test(`IPv4 destination ${destination}: verdict ${verdict}`, () => {
    const bytes = toIpv4(destination);
    assert.equal(mayForwardIpv4(bytes, 0, bytes.length, CLIENT), verdict);
  });
}

function ipv6(text: string): Uint8Array {
  return parseIpv6(text) ?? assert.fail(text);
}

const client: Ipv6Client = {
  prefix: ipv6('fd00:1:0:2::'),
  linkLocal: ipv6('fe80::2'),
  serverLinkLocal: ipv6('fe80::1'),
};
const OWN = 'fd00:1:0:2::abcd';

function packet6(source: string, destination: string, nextHeader = 17, payload = UDP): Buffer {
  const body = Buffer.from(payload, 'hex');
  const header = Buffer.from('6000000000000040', 'hex');
  header.writeUInt16BE(body.length, 4);
  header[6] = nextHeader;
  return Buffer.concat([header, ipv6(source), ipv6(destination), body]);
}

function judge(bytes: Buffer, who = client): number {
  return mayForwardIpv6(bytes, 0, bytes.length, who);
}

test('a packet from the /64 to the network is forwarded', () => {
  assert.equal(judge(packet6(OWN, '2001:db8::a')), Verdict.Forward);
});

test('every truncation of an IPv6 packet is malformed', () => {
  const bytes = packet6(OWN, '2001:db8::a');
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(mayForwardIpv6(bytes, 0, end, client), Verdict.DropMalformed, `cut at ${end}`);
  }
});

test('padding behind the payload length is cut (RFC 8200 3)', () => {
  const bytes = Buffer.concat([Buffer.of(0xff), packet6(OWN, '2001:db8::a'), Buffer.alloc(5)]);
  assert.equal(mayForwardIpv6(bytes, 1, bytes.length, client), Verdict.Forward);
  assert.equal(ipv6End(bytes, 1), bytes.length - 5);
});

test('version 4 in a frame for IPv6 is malformed', () => {
  const bytes = packet6(OWN, '2001:db8::a');
  bytes[0] = 0x45;
  assert.equal(judge(bytes), Verdict.DropMalformed);
});

const RS = '8500000000000000';
const NS = `8700000000000000${'00'.repeat(16)}`;
const NA = `8800000000000000${'00'.repeat(16)}`;
const RA = '86000000400007080000000000000000';
const REDIRECT = `8900000000000000${'00'.repeat(32)}`;
const ECHO = '8000000000010001';
const MLD2 = '8f00000000000000';

for (const { name, bytes, verdict } of [
  { name: 'another /64', bytes: packet6('fd00:1:0:3::1', '2001:db8::a'), verdict: Verdict.DropSource },
  { name: "the server's address", bytes: packet6('fd00:1::1', '2001:db8::a'), verdict: Verdict.DropSource },
  { name: 'loopback as source', bytes: packet6('::1', '2001:db8::a'), verdict: Verdict.DropSource },
  { name: 'another link-local address', bytes: packet6('fe80::3', 'fe80::1'), verdict: Verdict.DropSource },
  { name: ':: to the network', bytes: packet6('::', '2001:db8::a'), verdict: Verdict.DropSource },
  { name: ':: to the server with UDP', bytes: packet6('::', 'fe80::1'), verdict: Verdict.DropSource },
  {
    name: 'link-local to the network (RFC 4291 2.5.6)',
    bytes: packet6('fe80::2', '2001:db8::a'),
    verdict: Verdict.DropDestination,
  },
  { name: 'loopback', bytes: packet6(OWN, '::1'), verdict: Verdict.DropDestination },
  { name: 'unspecified', bytes: packet6(OWN, '::'), verdict: Verdict.DropDestination },
  { name: 'IPv4-mapped loopback', bytes: packet6(OWN, '::ffff:127.0.0.1'), verdict: Verdict.DropDestination },
  { name: 'IPv4-compatible', bytes: packet6(OWN, '::7f00:1'), verdict: Verdict.DropDestination },
  { name: 'an address that only starts with zeros', bytes: packet6(OWN, '::1:0:0:0:1'), verdict: Verdict.Forward },
  {
    name: "somebody else's link-local address",
    bytes: packet6('fe80::2', 'fe80::3'),
    verdict: Verdict.DropDestination,
  },
  { name: 'the far end of fe80::/10', bytes: packet6(OWN, 'febf::1'), verdict: Verdict.DropDestination },
  { name: 'just behind fe80::/10', bytes: packet6(OWN, 'fec0::1'), verdict: Verdict.Forward },
  { name: "the server's link-local address", bytes: packet6('fe80::2', 'fe80::1'), verdict: Verdict.Forward },
  { name: 'ping of the same', bytes: packet6(OWN, 'fe80::1', 58, ECHO), verdict: Verdict.Forward },
  { name: 'LLMNR', bytes: packet6('fe80::2', 'ff02::1:3'), verdict: Verdict.DropGroup },
  { name: 'multicast beyond the link', bytes: packet6(OWN, 'ff0e::1'), verdict: Verdict.DropGroup },
  { name: 'MLDv2 report from :: (RFC 3590)', bytes: packet6('::', 'ff02::16', 58, MLD2), verdict: Verdict.DropGroup },
  {
    name: 'MLDv2 report behind hop-by-hop options',
    bytes: packet6('fe80::2', 'ff02::16', 0, `3a00050200000000${MLD2}`),
    verdict: Verdict.DropGroup,
  },
  { name: 'Router Solicitation', bytes: packet6('fe80::2', 'ff02::2', 58, RS), verdict: Verdict.LinkScope },
  { name: 'Router Solicitation from ::', bytes: packet6('::', 'ff02::2', 58, RS), verdict: Verdict.LinkScope },
  { name: 'duplicate address detection', bytes: packet6('::', 'ff02::1:ff00:2', 58, NS), verdict: Verdict.LinkScope },
  { name: 'Neighbor Solicitation for us', bytes: packet6(OWN, 'fe80::1', 58, NS), verdict: Verdict.LinkScope },
  { name: 'Neighbor Advertisement', bytes: packet6('fe80::2', 'ff02::1', 58, NA), verdict: Verdict.LinkScope },
  {
    name: 'Neighbor Advertisement from :: (RFC 4861 4.4)',
    bytes: packet6('::', 'ff02::1', 58, NA),
    verdict: Verdict.DropSource,
  },
  {
    name: 'Router Advertisement from a client',
    bytes: packet6('fe80::2', 'ff02::1', 58, RA),
    verdict: Verdict.DropSource,
  },
  { name: 'Router Advertisement to us', bytes: packet6('fe80::2', 'fe80::1', 58, RA), verdict: Verdict.DropSource },
  { name: 'Redirect to us', bytes: packet6('fe80::2', 'fe80::1', 58, REDIRECT), verdict: Verdict.DropSource },
  {
    name: 'Router Advertisement behind a destination option',
    bytes: packet6('fe80::2', 'fe80::1', 60, `3a00010400000000${RA}`),
    verdict: Verdict.DropDestination,
  },
  { name: 'ICMPv6 without a type', bytes: packet6('fe80::2', 'fe80::1', 58, ''), verdict: Verdict.Forward },
]) {
  test(`IPv6 source and destination: ${name}: verdict ${verdict}`, () => {
    assert.equal(judge(bytes), verdict);
  });
}

test('the type of an ICMPv6 message is not read from behind the packet', () => {
  const bytes = Buffer.concat([packet6('fe80::2', 'fe80::1', 58, ''), Buffer.from(RA, 'hex')]);
  assert.equal(judge(bytes), Verdict.Forward);
});

test('without a prefix only the link-local address is the client', () => {
  const who = { ...client, prefix: undefined };
  assert.equal(judge(packet6(OWN, '2001:db8::a'), who), Verdict.DropSource);
  assert.equal(judge(packet6('fe80::2', 'fe80::1'), who), Verdict.Forward);
});

test('no bytes make the check throw; forwarded is only what comes from the client', () => {
  const nearly = fc.tuple(
    fc.constantFrom(good, packet6(OWN, '2001:db8::a'), packet6('fe80::2', 'ff02::2', 58, RS)),
    fc.nat(47),
    fc.nat(255),
  );
  const mutated = nearly.map(([packet, at, value]) => {
    const bytes = Buffer.from(packet);
    bytes[at % bytes.length] = value;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      if (mayForwardIpv4(bytes, 0, bytes.length, CLIENT) === Verdict.Forward) {
        assert.equal(Buffer.from(bytes).readUInt32BE(12), CLIENT);
        assert.ok(ipv4End(bytes, 0) <= bytes.length);
      }
      if (mayForwardIpv6(bytes, 0, bytes.length, client) === Verdict.Forward) {
        const source = Buffer.from(bytes.subarray(8, 24)).toString('hex');
        assert.match(source, /^(fd00000100000002|fe800000000000000000000000000002)/);
        assert.ok(ipv6End(bytes, 0) <= bytes.length);
      }
    }),
    { numRuns: 300 },
  );
});

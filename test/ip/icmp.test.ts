import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIpv6 } from '../../core/index.ts';
import { fragmentationNeeded, internetChecksum, ipv6Checksum, packetTooBig } from '../../ip/index.ts';

const SERVER = 0xc0a8d901; // 192.168.217.1
const SERVER6 = parseIpv6('fd00:1::1') ?? assert.fail();

// A UDP packet from 198.51.100.10 to 192.168.217.2; answers' checksums made by another program.
const UDP = '03e807d0001000004142434445464748';
const PACKET = `4500002412344000401164acc633640ac0a8d902${UDP}`;
const ADDRESSES6 = '20010db800000000000000000000000afd000001000000010000000000000002';
const PACKET6 = `6000000000101140${ADDRESSES6}${UDP}`;

const answer4 = (hex: string) => {
  const bytes = Buffer.from(`ff${hex}ff`, 'hex');
  return fragmentationNeeded(bytes, 1, bytes.length - 1, SERVER, 1400);
};
const answer6 = (hex: string) => {
  const bytes = Buffer.from(`ff${hex}ff`, 'hex');
  return packetTooBig(bytes, 1, bytes.length - 1, SERVER6, 1400);
};

test('fragmentation needed quotes the packet and names the MTU (RFC 792, RFC 1191 4)', () => {
  assert.equal(answer4(PACKET)?.toString('hex'), `45c00040000000004001b615c0a8d901c633640a0304daa600000578${PACKET}`);
});

test('the quote ends where the answer has 576 bytes (RFC 1812 4.3.2.3)', () => {
  const long = Buffer.concat([Buffer.from(PACKET, 'hex'), Buffer.alloc(1450, 0x5a)]);
  const answer = fragmentationNeeded(long, 0, long.length, SERVER, 1400) ?? assert.fail();
  assert.equal(answer.length, 576);
  assert.equal(answer.readUInt16BE(2), 576);
  assert.equal(internetChecksum(answer, 0, 20), 0);
  assert.equal(internetChecksum(answer, 20, 576), 0);
});

for (const { name, wire } of [
  { name: 'may be fragmented', wire: PACKET.replace('12344000', '12340000') },
  { name: 'is a later fragment', wire: PACKET.replace('12344000', '12344001') },
  { name: 'is an ICMP error', wire: PACKET.replace('4011', '4001').replace(UDP, `0301${UDP.slice(4)}`) },
  { name: 'is ICMP without a type', wire: PACKET.replace('4011', '4001').replace(UDP, '') },
  { name: 'comes from 0.0.0.0', wire: PACKET.replace('c633640a', '00000000') },
  { name: 'comes from loopback', wire: PACKET.replace('c633640a', '7f000001') },
  { name: 'comes from a group', wire: PACKET.replace('c633640a', 'e0000001') },
  { name: 'goes to broadcast', wire: PACKET.replace('c0a8d902', 'ffffffff') },
  { name: 'is IPv6', wire: PACKET6 },
]) {
  test(`no ICMP about an IPv4 packet that ${name} (RFC 1122 3.2.2)`, () => {
    assert.equal(answer4(wire), undefined);
  });
}

test('an Echo Request is answered like any packet', () => {
  assert.notEqual(answer4(PACKET.replace('4011', '4001').replace(UDP, '0800000000010001')), undefined);
});

test('Packet Too Big quotes the packet and names the MTU (RFC 4443 3.2)', () => {
  const header = '6000000000403a40fd00000100000000000000000000000120010db800000000000000000000000a';
  assert.equal(answer6(PACKET6)?.toString('hex'), `${header}0200145200000578${PACKET6}`);
});

test('the quote ends where the answer has 1280 bytes (RFC 4443 2.4 c)', () => {
  const long = Buffer.concat([Buffer.from(PACKET6, 'hex'), Buffer.alloc(1450, 0x5a)]);
  const answer = packetTooBig(long, 0, long.length, SERVER6, 1400) ?? assert.fail();
  assert.equal(answer.length, 1280);
  assert.equal(answer.readUInt16BE(4), 1240);
  assert.equal(ipv6Checksum(answer, 0, 40, 1280, 58), 0);
});

for (const { name, wire } of [
  { name: 'is an ICMPv6 error', wire: PACKET6.replace('1140', '3a40').replace(UDP, `0100${UDP.slice(4)}`) },
  { name: 'is a Redirect', wire: PACKET6.replace('1140', '3a40').replace(UDP, `8900${UDP.slice(4)}`) },
  { name: 'is ICMPv6 without a type', wire: PACKET6.replace('1140', '3a40').replace(UDP, '') },
  { name: 'comes from ::', wire: PACKET6.replace('20010db800000000000000000000000a', '00'.repeat(16)) },
  { name: 'comes from a group', wire: PACKET6.replace('20010db8', 'ff020db8') },
  { name: 'is IPv4', wire: `${PACKET}${UDP}` },
]) {
  test(`no ICMPv6 about a packet that ${name} (RFC 4443 2.4 e)`, () => {
    assert.equal(answer6(wire), undefined);
  });
}

test('Packet Too Big is also about packets to a group (RFC 4443 2.4 e.3)', () => {
  assert.notEqual(answer6(PACKET6.replace('fd000001', 'ff0e0001')), undefined);
});

test('no bytes make either throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom('', '45', '4f', '60'), (bytes, first) => {
      const packet = Buffer.concat([Buffer.from(first, 'hex'), bytes]);
      for (const end of [packet.length, 20, 0]) {
        fragmentationNeeded(packet, 0, Math.min(end, packet.length), SERVER, 1400);
        packetTooBig(packet, 0, Math.min(end, packet.length), SERVER6, 1400);
      }
    }),
    { numRuns: 200 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addWords, foldChecksum, internetChecksum, ipv6Checksum, updateChecksum } from '../../ip/index.ts';

test('the example of RFC 1071 section 3 sums to ddf2', () => {
  const bytes = Buffer.from('0001f203f4f5f6f7', 'hex');
  assert.equal(addWords(bytes, 0, 8), 0x2ddf0);
  assert.equal(internetChecksum(bytes, 0, 8), ~0xddf2 & 0xffff);
});

test('an odd last byte counts as the high byte of a word (RFC 1071 section 1)', () => {
  assert.equal(addWords(Buffer.from('0001f2', 'hex'), 0, 3), 0xf201);
});

test('the example of RFC 1624 section 4 updates to 0000, not ffff', () => {
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});

test('an updated checksum is the one of the changed bytes (RFC 1624 section 3)', () => {
  const words = fc.uint8Array({ minLength: 4, maxLength: 64 }).filter((bytes) => bytes.some((byte) => byte !== 0));
  fc.assert(
    fc.property(words, fc.nat({ max: 0xffff }), (bytes, value) => {
      const before = internetChecksum(bytes, 2, bytes.length);
      const old = addWords(bytes, 2, 4);
      const changed = Uint8Array.from(bytes);
      changed[2] = value >> 8;
      changed[3] = value & 0xff;
      fc.pre(addWords(changed, 2, bytes.length) !== 0 && addWords(bytes, 2, bytes.length) !== 0);
      assert.equal(updateChecksum(before, old, value), internetChecksum(changed, 2, bytes.length));
    }),
    { numRuns: 200 },
  );
});

test('sums beyond 32 bits fold without loss', () => {
  assert.equal(foldChecksum(0xffff * 0x10000), 0);
  assert.equal(foldChecksum(0x1_0000_0000), ~1 & 0xffff);
});

test('an IPv6 message with its checksum in it checks to 0 (RFC 8200 8.1)', () => {
  const solicitation = Buffer.from(
    '6000000000083afffe800000000000000000000000000002ff02000000000000000000000000000285007d3500000000',
    'hex',
  );
  assert.equal(ipv6Checksum(solicitation, 0, 40, 48, 58), 0);
  solicitation.writeUInt16BE(0, 42);
  assert.equal(ipv6Checksum(solicitation, 0, 40, 48, 58), 0x7d35);
});

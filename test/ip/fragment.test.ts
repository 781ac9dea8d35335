import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fragmentIpv4, internetChecksum } from '../../ip/index.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const FROM_TO = '0a000001 0a000002';

/** A packet with a right checksum. @param word flags and offset */
function packet(word: number, options: string, payload: Buffer): Buffer {
  const bytes = Buffer.concat([hex(`45000000 1234 0000 4011 0000 ${FROM_TO} ${options}`), payload]);
  const header = bytes.length - payload.length;
  bytes[0] = 0x40 | (header >> 2);
  bytes.writeUInt16BE(bytes.length, 2);
  bytes.writeUInt16BE(word, 6);
  bytes.writeUInt16BE(internetChecksum(bytes, 0, header), 10);
  return bytes;
}

const cut = (bytes: Buffer, mtu: number): string[] | undefined =>
  fragmentIpv4(bytes, 0, bytes.length, mtu)?.map((fragment) => fragment.toString('hex'));

const bytesOf = (...hexes: string[]): string[] => hexes.map((text) => text.replaceAll(' ', ''));

test('fragments of RFC 791 3.2: offsets in units of 8, More Fragments on all but the last, their own checksums', () => {
  const payload = Buffer.from('00112233445566778899aabbccddeeff0123', 'hex');
  assert.deepEqual(
    cut(packet(0, '', payload), 36),
    bytesOf(
      `45000024 12342000 40113493 ${FROM_TO} 00112233 44556677 8899aabb ccddeeff`,
      `45000016 12340002 4011549f ${FROM_TO} 0123`,
    ),
  );
});

test('options: all in the first fragment, those with the copied flag in the others (RFC 791 3.1)', () => {
  // Record Route is not copied; Loose Source Route is; then an end of the list.
  const options = '07 07 04 0a000009 01 83 07 04 0a000008 00';
  const [first = '', second = ''] = cut(packet(0, options, Buffer.alloc(24, 7)), 44) ?? assert.fail();
  assert.equal(first.slice(40, 72), options.replaceAll(' ', ''));
  assert.equal(first[1], '9');
  assert.equal(second[1], '7', 'two words of options');
  assert.equal(second.slice(40, 56), '8307040a00000800');
});

test('a fragment is cut like a packet: its offset goes on, and the last piece is as last as it was', () => {
  const whole = fragmentIpv4(packet(0x2000 | 185, '', Buffer.alloc(32, 1)), 0, 52, 36) ?? assert.fail();
  assert.deepEqual(
    whole.map((fragment) => fragment.readUInt16BE(6)),
    [0x2000 | 185, 0x2000 | 187],
  );
});

for (const [what, bytes, mtu] of [
  ['DF', packet(0x4000, '', Buffer.alloc(100)), 68],
  ['no room for 8 bytes behind the header', packet(0, '', Buffer.alloc(100)), 27],
  ['IPv6', Buffer.concat([hex('60000000'), Buffer.alloc(100)]), 68],
  ['a header that is longer than the packet', packet(0, '', Buffer.alloc(0)), 68],
  ['an end beyond the largest datagram', packet(0x1fff, '', Buffer.alloc(100)), 68],
] as const) {
  test(`not cut: ${what}`, () => {
    assert.equal(fragmentIpv4(bytes, 0, bytes.length, mtu), undefined);
  });
}

test('property: fragments fit, have right checksums, and together are the packet', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 68, max: 1500 }),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes.subarray(0, bytes.length & ~3))),
      fc.uint8Array({ minLength: 1, maxLength: 4000 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 0, max: 1000 }),
      fc.boolean(),
      (mtu, options, payload, offset, more) => {
        const bytes = packet((more ? 0x2000 : 0) | offset, options.toString('hex'), payload);
        const fragments = fragmentIpv4(bytes, 0, bytes.length, mtu) ?? assert.fail('not cut');
        const seen: Buffer[] = [];
        let position = 0;
        for (const [i, fragment] of fragments.entries()) {
          const header = (fragment.readUInt8(0) & 0x0f) << 2;
          const word = fragment.readUInt16BE(6);
          assert.ok(fragment.length <= mtu);
          assert.equal(fragment.readUInt16BE(2), fragment.length);
          assert.equal(internetChecksum(fragment, 0, header), 0);
          assert.equal(word & 0x1fff, offset + position / 8);
          assert.equal((word & 0x2000) !== 0, more || i < fragments.length - 1);
          position += fragment.length - header;
          seen.push(fragment.subarray(header));
        }
        assert.deepEqual(Buffer.concat(seen), payload);
      },
    ),
  );
});

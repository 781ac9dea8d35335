import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ChapPacket, decodeChapPacket, encodeChapPacket } from '../../../ppp/auth/chap.ts';
import { hex } from '../support.ts';

const PACKETS: readonly { readonly wire: string; readonly packet: ChapPacket }[] = [
  {
    wire: '01 04 000a 02 abcd 737274',
    packet: { type: 'Challenge', identifier: 4, value: hex('abcd'), name: 'srt' },
  },
  { wire: '02 04 0006 01 ab', packet: { type: 'Response', identifier: 4, value: hex('ab'), name: '' } },
  { wire: '03 04 0006 4f4b', packet: { type: 'Success', identifier: 4, message: 'OK' } },
  { wire: '04 04 0004', packet: { type: 'Failure', identifier: 4, message: '' } },
];

for (const { wire, packet } of PACKETS) {
  test(`CHAP ${wire}: both directions, every truncation refused (RFC 1994 §4)`, () => {
    const whole = hex(wire);
    assert.deepEqual(decodeChapPacket(whole), packet);
    assert.deepEqual(encodeChapPacket(packet), whole);
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodeChapPacket(whole.subarray(0, length)), undefined);
    }
    assert.deepEqual(decodeChapPacket(Buffer.concat([whole, hex('00')])), packet);
  });
}

test('an empty Value, one beyond the Length, a Length under four and unknown Codes are refused', () => {
  for (const wire of [
    '01 04 0004',
    '01 04 0005 00',
    '02 04 0006 02 ab',
    '02 04 0008 00 616263',
    '01 04 0003',
    '00 04 0004',
    '05 04 0004',
    '07 04 0004',
  ]) {
    assert.equal(decodeChapPacket(hex(wire)), undefined, wire);
  }
});

test('a name of 255 bytes is taken, one of 256 refused', () => {
  const withName = (length: number) =>
    hex(`02 04 ${(6 + length).toString(16).padStart(4, '0')} 01 ab ${'61'.repeat(length)}`);
  assert.equal(decodeChapPacket(withName(255))?.type, 'Response');
  assert.equal(decodeChapPacket(withName(256)), undefined);
});

test('of a long message the beginning is kept', () => {
  const packet = decodeChapPacket(hex(`04 04 0404 ${'61'.repeat(1024)}`));
  assert.deepEqual(packet, { type: 'Failure', identifier: 4, message: 'a'.repeat(512) });
});

test('a value does not change with the buffer it came from', () => {
  const wire = hex('01 04 000a 02 abcd 737274');
  const packet = decodeChapPacket(wire);
  wire.fill(0);
  assert.deepEqual(packet, { type: 'Challenge', identifier: 4, value: hex('abcd'), name: 'srt' });
});

test('no bytes make the decoder throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      decodeChapPacket(Buffer.from([1 + (bytes.length % 4), 9, 0, 4 + bytes.length, ...bytes]));
      decodeChapPacket(Buffer.from(bytes));
    }),
    { numRuns: 200 },
  );
});

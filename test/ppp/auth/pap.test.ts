import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePapPacket, encodePapPacket, type PapPacket } from '../../../ppp/auth/pap.ts';
import { hex } from '../support.ts';

const PACKETS: readonly { readonly wire: string; readonly packet: PapPacket }[] = [
  {
    wire: '01 05 0010 05 616c696365 05 68 6f727365',
    packet: { type: 'AuthenticateRequest', identifier: 5, name: 'alice', password: 'horse' },
  },
  { wire: '01 05 0006 00 00', packet: { type: 'AuthenticateRequest', identifier: 5, name: '', password: '' } },
  {
    wire: '01 05 000b 03 c3a9 78 02 c3bc',
    packet: { type: 'AuthenticateRequest', identifier: 5, name: 'éx', password: 'ü' },
  },
  { wire: '02 05 0007 02 4f4b', packet: { type: 'AuthenticateAck', identifier: 5, message: 'OK' } },
  { wire: '02 05 0004', packet: { type: 'AuthenticateAck', identifier: 5, message: '' } },
  { wire: '03 06 0004', packet: { type: 'AuthenticateNak', identifier: 6, message: '' } },
];

for (const { wire, packet } of PACKETS) {
  test(`PAP ${wire}: both directions, every truncation refused (RFC 1334 §2.2)`, () => {
    const whole = hex(wire);
    assert.deepEqual(decodePapPacket(whole), packet);
    assert.deepEqual(encodePapPacket(packet), whole);
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodePapPacket(whole.subarray(0, length)), undefined);
    }
    assert.deepEqual(decodePapPacket(Buffer.concat([whole, hex('00')])), packet);
  });
}

test('a field beyond the Length, a Length under four and unknown Codes are refused', () => {
  for (const wire of [
    '01 05 0006 01 61', // no Passwd-Length
    '01 05 0007 01 61 01',
    '01 05 0006 ff 00',
    '01 05 0003 00',
    '00 05 0004',
    '04 05 0005 00',
  ]) {
    assert.equal(decodePapPacket(hex(wire)), undefined, wire);
  }
});

test('an answer counts by its Code, whatever its Msg-Length says (RFC 1334 §2.2.2)', () => {
  for (const [data, message] of [
    ['', ''],
    ['00', ''],
    ['00 4f4b', ''],
    ['01 4f4b', 'O'],
    ['02 4f4b', 'OK'],
    ['03 4f4b', 'OK'],
    ['ff', ''],
    [`ff ${'61'.repeat(40)}`, 'a'.repeat(40)],
  ] as const) {
    const bytes = hex(data);
    for (const [code, type] of [
      [2, 'AuthenticateAck'],
      [3, 'AuthenticateNak'],
    ] as const) {
      const wire = Buffer.from([code, 5, 0, 4 + bytes.length, ...bytes]);
      assert.deepEqual(decodePapPacket(wire), { type, identifier: 5, message }, wire.toString('hex'));
    }
  }
});

test('a name that is not UTF-8 keeps its bytes apart', () => {
  const packet = decodePapPacket(hex('01 05 0009 02 e978 01 fc'));
  const texts = { name: 'éx', password: 'ü' };
  const bytes = { nameBytes: hex('e978'), passwordBytes: hex('fc') };
  assert.deepEqual(packet, { type: 'AuthenticateRequest', identifier: 5, ...texts, ...bytes });
  const utf8 = decodePapPacket(hex('01 05 0009 02 c3a9 01 78'));
  assert.deepEqual(utf8, { type: 'AuthenticateRequest', identifier: 5, name: 'é', password: 'x' });
});

test('a text over 255 bytes is cut between characters', () => {
  const bytes = encodePapPacket({ type: 'AuthenticateNak', identifier: 1, message: `${'x'.repeat(254)}é` });
  assert.deepEqual(bytes.subarray(0, 5), hex('03 01 0103 fe'));
  assert.equal(bytes.length, 259);
});

test('no bytes make the decoder throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const framed = Buffer.from([1 + (bytes.length % 3), 9, 0, 4 + bytes.length, ...bytes]);
      decodePapPacket(framed);
      decodePapPacket(Buffer.from(bytes));
    }),
    { numRuns: 200 },
  );
});

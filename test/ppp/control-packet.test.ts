import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isEssentialCode } from '../../ppp/control-packet.ts';
import { type ControlPacket, decodeControlPacket, encodeControlPacket } from '../../ppp/index.ts';
import { hex } from './support.ts';

const MAGIC = 0x3c4a7e11;

const PACKETS: readonly { readonly wire: string; readonly packet: ControlPacket }[] = [
  { wire: '01 07 0008 0104 05dc', packet: { type: 'ConfigureRequest', identifier: 7, options: hex('010405dc') } },
  { wire: '02 07 0008 0104 05dc', packet: { type: 'ConfigureAck', identifier: 7, options: hex('010405dc') } },
  { wire: '03 07 0008 0104 05dc', packet: { type: 'ConfigureNak', identifier: 7, options: hex('010405dc') } },
  { wire: '04 ff 0006 0702', packet: { type: 'ConfigureReject', identifier: 255, options: hex('0702') } },
  { wire: '05 02 0006 6279', packet: { type: 'TerminateRequest', identifier: 2, data: hex('6279') } },
  { wire: '06 02 0004', packet: { type: 'TerminateAck', identifier: 2, data: hex('') } },
  { wire: '07 03 0008 0e010004', packet: { type: 'CodeReject', identifier: 3, rejected: hex('0e010004') } },
  {
    wire: '08 04 000a 80fd 01050004',
    packet: { type: 'ProtocolReject', identifier: 4, protocol: 0x80fd, rejected: hex('01050004') },
  },
  { wire: '09 05 000a 3c4a7e11 abcd', packet: { type: 'EchoRequest', identifier: 5, magic: MAGIC, data: hex('abcd') } },
  { wire: '0a 05 0008 3c4a7e11', packet: { type: 'EchoReply', identifier: 5, magic: MAGIC, data: hex('') } },
  { wire: '0b 06 0009 3c4a7e11 00', packet: { type: 'DiscardRequest', identifier: 6, magic: MAGIC, data: hex('00') } },
  {
    wire: '0c 07 000a 3c4a7e11 4d53',
    packet: { type: 'Identification', identifier: 7, magic: MAGIC, data: hex('4d53') },
  },
  {
    wire: '0d 08 000c 3c4a7e11 0000003c',
    packet: { type: 'TimeRemaining', identifier: 8, magic: MAGIC, data: hex('0000003c') },
  },
  { wire: '0e 09 0005 aa', packet: { type: 'Unknown', code: 14, identifier: 9, data: hex('aa') } },
  { wire: '00 09 0004', packet: { type: 'Unknown', code: 0, identifier: 9, data: hex('') } },
];

for (const { wire, packet } of PACKETS) {
  test(`${packet.type} ${wire}: both directions (RFC 1661 §5, RFC 1570 §2)`, () => {
    assert.deepEqual(decodeControlPacket(hex(wire)), packet);
    assert.deepEqual(encodeControlPacket(packet), hex(wire));
  });

  test(`${packet.type} ${wire}: every truncation is refused, padding is passed over`, () => {
    const whole = hex(wire);
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodeControlPacket(whole.subarray(0, length)), undefined, `${length} bytes`);
    }
    assert.deepEqual(decodeControlPacket(Buffer.concat([whole, hex('00ff00')])), packet);
  });
}

test('a Length under four, or data too short for the Code, is refused', () => {
  for (const wire of ['0101 0000', '0101 0003', '0801 0005 80', '0901 0007 3c4a7e', '0c01 0004', '0d01 0006 3c4a']) {
    assert.equal(decodeControlPacket(hex(wire)), undefined, wire);
  }
});

test('what is decoded does not change with the buffer it came from', () => {
  const wire = hex('01 07 0008 0104 05dc');
  const packet = decodeControlPacket(wire);
  wire.fill(0);
  assert.deepEqual(packet, { type: 'ConfigureRequest', identifier: 7, options: hex('010405dc') });
});

test('LCP and NCPs can not do without codes 1 to 7 (RXJ-, RFC 1661 §4.3)', () => {
  const essential = Array.from({ length: 256 }, (_, code) => code).filter(isEssentialCode);
  assert.deepEqual(essential, [1, 2, 3, 4, 5, 6, 7]);
});

test('any bytes are a packet or undefined', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const packet = decodeControlPacket(Buffer.from(bytes));
      if (packet === undefined) return;
      const again = encodeControlPacket(packet);
      assert.deepEqual(again, Buffer.from(bytes.subarray(0, again.length)));
    }),
    { numRuns: 300 },
  );
});

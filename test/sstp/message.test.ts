import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AttributeId,
  decodeMessage,
  encodeMessage,
  type SstpMessage,
  SstpMessageError,
  Status,
  type StatusInfo,
} from '../../sstp/index.ts';
import { hex, MESSAGES, octets } from './support.ts';

for (const { name, wire, message } of MESSAGES) {
  test(`${name}: decodes and encodes to the same bytes`, () => {
    assert.deepEqual(decodeMessage(wire), message);
    assert.deepEqual(encodeMessage(message), wire);
  });

  test(`${name}: every truncation is refused, with the length field as it was and made to fit`, () => {
    for (let length = 0; length < wire.length; length++) {
      const cut = Buffer.from(wire.subarray(0, length));
      assert.throws(() => decodeMessage(cut), SstpMessageError);
      if (length < 4) continue;
      cut.writeUInt16BE(length, 2);
      assert.throws(() => decodeMessage(cut), SstpMessageError);
    }
  });

  test(`${name}: a byte more is an invalid frame, with the length field as it was and made to fit (MS-SSTP 2.2.2)`, () => {
    const long = Buffer.concat([wire, hex('00')]);
    assertRefused(long, Status.InvalidFrameReceived);
    long.writeUInt16BE(long.length, 2);
    assertRefused(long, Status.InvalidFrameReceived);
  });

  test(`${name}: reserved bits are ignored on receipt (MS-SSTP 2.2.1, 2.2.4)`, () => {
    const odd = Buffer.from(wire);
    odd.writeUInt8(0xff, 1);
    odd.writeUInt8(odd.readUInt8(2) | 0xf0, 2);
    if (odd.length > 8) {
      odd.writeUInt8(0xff, 8);
      odd.writeUInt8(odd.readUInt8(10) | 0xf0, 10);
    }
    assert.deepEqual(decodeMessage(odd), message);
  });

  test(`${name}: what is decoded does not change with the bytes it was decoded from`, () => {
    const bytes = Buffer.from(wire);
    const decoded = decodeMessage(bytes);
    bytes.fill(0xaa);
    assert.deepEqual(decoded, message);
  });
}

test('a packet that is not a version 1.0 control packet is an invalid frame (MS-SSTP 2.2.2)', () => {
  assertRefused(hex('11010008 0008 0000'), Status.InvalidFrameReceived);
  assertRefused(hex('10000008 0008 0000'), Status.InvalidFrameReceived);
  assertRefused(hex('10010008 0008 00'), Status.InvalidFrameReceived);
});

test('an unknown message type is an invalid frame and is told (MS-SSTP 2.2.8)', () => {
  assert.equal(assertRefused(hex('10010008 0000 0000'), Status.InvalidFrameReceived).messageType, 0);
  assert.equal(assertRefused(hex('10010008 000a 0000'), Status.InvalidFrameReceived).messageType, 10);
});

test('Num Attributes that does not match the attributes is an invalid frame (MS-SSTP 2.2.2)', () => {
  assertRefused(hex('1001000e 0001 0000 000100060001'), Status.InvalidFrameReceived);
  assertRefused(hex('1001000e 0001 0002 000100060001'), Status.InvalidFrameReceived);
  assertRefused(hex('1001000e 0001 ffff 000100060001'), Status.InvalidFrameReceived);
  assertRefused(hex('10010008 0008 0001'), Status.InvalidFrameReceived);
});

test('an attribute that does not fit into the packet, or not even its own header, is an invalid frame (MS-SSTP 2.2.4)', () => {
  assertRefused(hex('1001000e 0001 0001 000100070001'), Status.InvalidFrameReceived);
  assertRefused(hex('1001000e 0001 0001 00010fff0001'), Status.InvalidFrameReceived);
  assertRefused(hex('1001000e 0001 0001 000100030001'), Status.InvalidFrameReceived);
  assertRefused(hex('1001000e 0001 0001 000100000001'), Status.InvalidFrameReceived);
  // Two bytes long, so that the next attribute would begin inside its header.
  assertRefused(hex('10010016 0001 0002 00010002 000c 00000000 00000000'), Status.InvalidFrameReceived);
});

interface RefusedRequest {
  readonly name: string;
  readonly wire: string;
  readonly nak: readonly StatusInfo[];
}

const REFUSED_REQUESTS: readonly RefusedRequest[] = [
  {
    name: '1. Status Info with a status: not supported in this message',
    wire: '1001001a 0001 0002 000100060001 0002000c 00000001 00000004',
    nak: [{ attributeId: 2, status: 0x0b, value: octets('0000000100000004') }],
  },
  {
    name: '2. Encapsulated Protocol ID of another length, sent back',
    wire: '1001000f 0001 0001 00010007000102',
    nak: [{ attributeId: 1, status: 0x03, value: octets('000102') }],
  },
  {
    name: '2. empty Encapsulated Protocol ID',
    wire: '1001000c 0001 0001 00010004',
    nak: [{ attributeId: 1, status: 0x03, value: octets('') }],
  },
  {
    name: '2. Status Info of another length',
    wire: '10010019 0001 0002 000100060001 0002000b 000000 00000000',
    nak: [{ attributeId: 2, status: 0x03, value: octets('00000000000000') }],
  },
  {
    name: '3. duplicate attribute, sent back',
    wire: '10010014 0001 0002 000100060001 000100060002',
    nak: [{ attributeId: 1, status: 0x01, value: octets('0002') }],
  },
  {
    name: '4. unknown attribute: its number, without its value (2.2.8)',
    wire: '10010014 0001 0002 000100060001 007f00060123',
    nak: [{ attributeId: 0x7f, status: 0x02, value: octets('') }],
  },
  {
    name: '4. an attribute of other messages',
    wire: '10010012 0001 0002 000100060001 00030004',
    nak: [{ attributeId: 3, status: 0x02, value: octets('') }],
  },
  {
    name: '6. no Encapsulated Protocol ID: its own AttribID, as 2.2.8 has it',
    wire: '10010008 0001 0000',
    nak: [{ attributeId: 1, status: 0x0a, value: octets('') }],
  },
  {
    name: 'all that is not acceptable, in one Nak, an unsupported protocol too',
    wire: '1001001a 0001 0003 000100060002 007f0006ffff 007e0006ffff',
    nak: [
      { attributeId: 0x7f, status: 0x02, value: octets('') },
      { attributeId: 0x7e, status: 0x02, value: octets('') },
      { attributeId: 1, status: 0x04, value: octets('0002') },
    ],
  },
];

for (const { name, wire, nak } of REFUSED_REQUESTS) {
  test(`Call Connect Request, MS-SSTP 3.3.5.2.2: ${name}`, () => {
    const error = assertRefused(hex(wire), Status.AttribNotSupportedInMsg);
    assert.deepEqual(error.nakStatusInfos, nak);
    assert.equal(error.messageType, 1);
  });
}

test('Call Connect Request: a Status Info without an error is no fault (MS-SSTP 3.3.5.2.2, condition 1)', () => {
  const wire = hex('1001001a 0001 0002 0002000c 00000000 00000000 000100060001');
  assert.deepEqual(decodeMessage(wire), { type: 'CallConnectRequest', protocolId: 1 });
});

test('Call Connect Request for another protocol is a proper message; the machine refuses it (MS-SSTP 3.3.5.2.2)', () => {
  const wire = hex('1001000e 0001 0001 00010006beef');
  assert.deepEqual(decodeMessage(wire), { type: 'CallConnectRequest', protocolId: 0xbeef });
});

test('a refused value is sent back up to its 64th byte (MS-SSTP 2.2.8)', () => {
  const value = Buffer.from(Array.from({ length: 65 }, (_, i) => i));
  const error = assertRefused(
    Buffer.concat([hex('1001004d 0001 0001 00010045'), value]),
    Status.AttribNotSupportedInMsg,
  );
  assert.deepEqual(error.nakStatusInfos, [
    { attributeId: 1, status: 3, value: Uint8Array.from(value.subarray(0, 64)) },
  ]);
});

test('a packet full of bad attributes makes a Nak of 16 Status Infos, which fits into a packet (MS-SSTP 2.2.1)', () => {
  const attributes = Buffer.concat(Array.from({ length: 1021 }, () => hex('00010004')));
  const error = assertRefused(Buffer.concat([hex('10010ffc 0001 03fd'), attributes]), Status.AttribNotSupportedInMsg);
  assert.equal(error.nakStatusInfos.length, 16);
  assert.ok(encodeMessage({ type: 'CallConnectNak', statusInfos: error.nakStatusInfos }).length <= 4095);
});

const REFUSED_ATTRIBUTES: readonly (readonly [string, string])[] = [
  ['Call Connect Ack without attributes', '10010008 0002 0000'],
  ['Call Connect Ack with a shorter attribute', `1001002f 0002 0001 00040027 00000002 ${'00'.repeat(31)}`],
  ['Call Connect Ack with another attribute', '1001000e 0002 0001 000100060001'],
  ['Call Connect Ack with a second attribute', `10010034 0002 0002 00040028 00000002 ${'00'.repeat(32)} 007f0004`],
  ['Call Connect Nak without attributes', '10010008 0003 0000'],
  ['Call Connect Nak with another attribute', '1001000e 0003 0001 000100060001'],
  ['Call Connected without attributes', '10010008 0004 0000'],
  ['Call Connected with a shorter attribute', `1001006f 0004 0001 00030067 00000002 ${'00'.repeat(95)}`],
  ['Call Connected with a longer attribute', `10010071 0004 0001 00030069 00000002 ${'00'.repeat(97)}`],
  ['Call Connected with a Status Info instead', '10010014 0004 0001 0002000c 00000003 00000004'],
  ['Call Connected with a duplicate', `100100d8 0004 0002 ${`00030068 00000002 ${'00'.repeat(96)}`.repeat(2)}`],
  ['Call Abort with another attribute', '1001000e 0005 0001 000100060001'],
  ['Call Abort with two Status Infos', `10010020 0005 0002 ${'0002000c 00000000 00000000'.repeat(2)}`],
  ['Call Abort with a Status Info cut short', '10010013 0005 0001 0002000b 00000000 000000'],
  ['Call Abort with an AttribValue above 64 bytes', `10010055 0005 0001 0002004d ${'00'.repeat(73)}`],
  ['Call Disconnect with another attribute', '1001000e 0006 0001 000100060001'],
  ['Call Disconnect Ack with a Status Info', '10010014 0007 0001 0002000c 00000000 00000000'],
  ['Echo Request with a Status Info', '10010014 0008 0001 0002000c 00000000 00000000'],
  ['Echo Response with a Status Info', '10010014 0009 0001 0002000c 00000000 00000000'],
];

for (const [name, wire] of REFUSED_ATTRIBUTES) {
  test(`${name}: status AttribNotSupportedInMsg, no Nak (MS-SSTP 2.2.8, 2.2.13, 3.3.5.2.3)`, () => {
    const error = assertRefused(hex(wire), Status.AttribNotSupportedInMsg);
    assert.deepEqual(error.nakStatusInfos, []);
  });
}

test('Call Abort: statuses and attributes that we do not know are taken as they are', () => {
  const wire = hex('10010016 0005 0001 0002000e aabbccdd deadbeef 0102');
  assert.deepEqual(decodeMessage(wire), {
    type: 'CallAbort',
    statusInfo: { attributeId: 0xdd, status: 0xdeadbeef, value: octets('0102') },
  });
});

test('Call Abort: an AttribValue of 64 bytes is the longest (MS-SSTP 2.2.8)', () => {
  const message = decodeMessage(hex(`10010054 0005 0001 0002004c 00000002 00000005 ${'ab'.repeat(64)}`));
  assert.deepEqual(message, {
    type: 'CallAbort',
    statusInfo: { attributeId: 2, status: 5, value: octets('ab'.repeat(64)) },
  });
});

test('Call Connected: an unknown hash protocol reads as the 32-byte layout, for the machine to refuse (MS-SSTP 3.3.5.2.3)', () => {
  const wire = hex(`10010070 0004 0001 00030068 00000003 ${'11'.repeat(32)} ${'22'.repeat(32)} ${'33'.repeat(32)}`);
  assert.deepEqual(decodeMessage(wire), {
    type: 'CallConnected',
    hashProtocol: 3,
    nonce: octets('11'.repeat(32)),
    certificateHash: octets('22'.repeat(32)),
    compoundMac: octets('33'.repeat(32)),
  });
});

test('Call Connected: bytes in the padding of SHA-1 hashes are ignored (MS-SSTP 2.2.7)', () => {
  const layout = `10010070 0004 0001 00030068 00000001 ${'11'.repeat(32)}`;
  const wire = hex(`${layout} ${'22'.repeat(20)} ${'ff'.repeat(12)} ${'33'.repeat(20)} ${'ff'.repeat(12)}`);
  assert.deepEqual(decodeMessage(wire), {
    type: 'CallConnected',
    hashProtocol: 1,
    nonce: octets('11'.repeat(32)),
    certificateHash: octets('22'.repeat(20)),
    compoundMac: octets('33'.repeat(20)),
  });
});

test('encodeMessage: a byte string of a wrong length, or a packet above 4095 bytes, is our own mistake', () => {
  const statusInfo = { attributeId: 1, status: 4, value: new Uint8Array(64) };
  const wrong: readonly SstpMessage[] = [
    { type: 'CallConnectAck', hashProtocols: 3, nonce: new Uint8Array(31) },
    { type: 'CallAbort', statusInfo: { ...statusInfo, value: new Uint8Array(65) } },
    { type: 'CallConnectNak', statusInfos: Array.from({ length: 54 }, () => statusInfo) },
    {
      type: 'CallConnected',
      hashProtocol: 1,
      nonce: new Uint8Array(32),
      certificateHash: new Uint8Array(32),
      compoundMac: new Uint8Array(20),
    },
  ];
  for (const message of wrong) assert.throws(() => encodeMessage(message), RangeError);
});

test('decodeMessage: whatever comes, it returns a message or throws SstpMessageError', () => {
  const header = fc.tuple(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 3 }));
  const attribute = fc.tuple(
    fc.integer({ min: 0, max: 5 }),
    fc.uint8Array({ maxLength: 110 }),
    fc.integer({ min: -2, max: 2 }),
  );
  const nearlyRight = fc.tuple(header, fc.array(attribute, { maxLength: 4 })).map(([[type, count], attributes]) => {
    const parts = attributes.map(([id, value, lie]) => {
      const head = Buffer.from([0, id, 0, 0]);
      head.writeUInt16BE(Math.max(0, 4 + value.length + lie), 2);
      return Buffer.concat([head, value]);
    });
    const packet = Buffer.concat([hex('1001000000000000'), ...parts]);
    packet.writeUInt16BE(packet.length, 2);
    packet.writeUInt16BE(type, 4);
    packet.writeUInt16BE(count === 3 ? attributes.length : count, 6);
    return packet;
  });
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(nearlyRight, noise), (packet) => {
      try {
        const message = decodeMessage(packet);
        assert.deepEqual(decodeMessage(encodeMessage(message)), message);
      } catch (error) {
        assert.ok(error instanceof SstpMessageError);
        const { status, attributeId, nakStatusInfos } = error;
        encodeMessage({ type: 'CallAbort', statusInfo: { status, attributeId, value: new Uint8Array(0) } });
        encodeMessage({ type: 'CallConnectNak', statusInfos: nakStatusInfos });
      }
    }),
    { numRuns: 300 },
  );
});

function assertRefused(wire: Buffer, status: Status): SstpMessageError {
  let caught: unknown;
  try {
    decodeMessage(wire);
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof SstpMessageError, 'refused');
  assert.equal(caught.status, status);
  assert.equal(caught.attributeId, AttributeId.StatusInfo);
  assert.equal(caught.code, 'ERR_SSTP_MESSAGE');
  return caught;
}

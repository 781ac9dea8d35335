import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeDataHeader, SstpFramer, type SstpFrameSink, SstpFramingError } from '../../sstp/index.ts';
import { hex } from './support.ts';

/** Keeps copies of what it is given, as `c:hex` and `d:hex`. */
class Recorder implements SstpFrameSink {
  readonly packets: string[] = [];
  control(packet: Buffer): void {
    this.packets.push(`c:${packet.toString('hex')}`);
  }
  data(bytes: Buffer, start: number, end: number): void {
    this.packets.push(`d:${bytes.toString('hex', start, end)}`);
  }
}

const ECHO_REQUEST = '1001000800080000';
const STREAM = hex(
  `${ECHO_REQUEST} 10000008c0210101 1001000e0001000100010006 0001 10000004 10000006ff03 ${ECHO_REQUEST}`,
);
const PACKETS = [
  `c:${ECHO_REQUEST}`,
  'd:c0210101',
  'c:1001000e00010001000100060001',
  'd:',
  'd:ff03',
  `c:${ECHO_REQUEST}`,
];

test('a stream in one chunk: packets in order, PPP frames without the header (MS-SSTP 2.2.1 to 2.2.3)', () => {
  assert.deepEqual(framed([STREAM]), PACKETS);
});

test('a stream cut at any two places: the same packets', () => {
  for (let i = 0; i <= STREAM.length; i++) {
    for (let j = i; j <= STREAM.length; j++) {
      assert.deepEqual(framed([STREAM.subarray(0, i), STREAM.subarray(i, j), STREAM.subarray(j)]), PACKETS);
    }
  }
});

test('a stream byte by byte, each in the same buffer: the same packets', () => {
  const framer = new SstpFramer();
  const sink = new Recorder();
  const one = Buffer.alloc(1);
  for (const byte of STREAM) {
    one[0] = byte;
    framer.push(one, sink);
  }
  assert.deepEqual(sink.packets, PACKETS);
});

test('any packets in any chunks: the same packets', () => {
  const packet = fc.tuple(fc.boolean(), fc.uint8Array({ minLength: 4, maxLength: 200 }));
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 12 }), (packets, sizes) => {
      const expected: string[] = [];
      const wire: Buffer[] = [];
      for (const [isControl, payload] of packets) {
        const header = Buffer.from([0x10, isControl ? 1 : 0, 0, 4 + payload.length]);
        const whole = Buffer.concat([header, payload]);
        wire.push(whole);
        expected.push(isControl ? `c:${whole.toString('hex')}` : `d:${Buffer.from(payload).toString('hex')}`);
      }
      let rest = Buffer.concat(wire);
      const chunks: Buffer[] = [];
      for (const size of sizes) {
        chunks.push(rest.subarray(0, size));
        rest = rest.subarray(size);
      }
      assert.deepEqual(framed([...chunks, rest]), expected);
    }),
    { numRuns: 200 },
  );
});

test('reserved bits of header and length are ignored (MS-SSTP 2.2.1)', () => {
  assert.deepEqual(framed([hex('10ff f008 00080000')]), ['c:10fff00800080000']);
  assert.deepEqual(framed([hex('10fe 8006 c021')]), ['d:c021']);
});

test('the longest packet, 4095 bytes, passes whole and in pieces (MS-SSTP 2.2.1)', () => {
  const wire = Buffer.concat([hex('10000fff'), Buffer.alloc(4091, 0xab)]);
  const expected = [`d:${'ab'.repeat(4091)}`];
  assert.deepEqual(framed([wire]), expected);
  assert.deepEqual(framed([wire.subarray(0, 3), wire.subarray(3, 4000), wire.subarray(4000)]), expected);
});

test('a data packet within a chunk is handed on without a copy', () => {
  const chunk = hex('10000006c021');
  const seen: unknown[] = [];
  const sink: SstpFrameSink = { control: () => {}, data: (bytes, start, end) => seen.push(bytes, start, end) };
  new SstpFramer().push(chunk, sink);
  assert.equal(seen[0], chunk);
  assert.deepEqual(seen.slice(1), [4, 6]);
});

for (const [name, wire] of [
  ['a version other than 0x10', '11000006c021'],
  ['HTTP instead of SSTP', '47455420'],
  ['a length of 3', '10000003'],
  ['a length of 0', '10000000'],
  ['a length of 0 under reserved bits', '1000f000'],
  ['a control packet of 7 bytes', '10010007000800'],
] as const) {
  test(`${name} ends the splitting, in one chunk and byte by byte, and later bytes are ignored (MS-SSTP 3.1.5.1)`, () => {
    const bad = hex(wire);
    for (const chunks of [[bad], [...bad].map((byte) => Buffer.of(byte))]) {
      const framer = new SstpFramer();
      const sink = new Recorder();
      framer.push(hex(ECHO_REQUEST), sink);
      assert.throws(
        () => {
          for (const chunk of chunks) framer.push(chunk, sink);
        },
        (error) => error instanceof SstpFramingError && error.code === 'ERR_SSTP_FRAMING',
      );
      framer.push(hex(ECHO_REQUEST), sink);
      assert.deepEqual(sink.packets, [`c:${ECHO_REQUEST}`]);
    }
  });
}

test('stop from inside a sink call: the rest of the chunk and all later chunks are ignored', () => {
  for (const chunks of [
    [STREAM],
    [STREAM.subarray(0, 13), STREAM.subarray(13)],
    [STREAM.subarray(0, 1), STREAM.subarray(1)],
  ]) {
    const framer = new SstpFramer();
    const packets: string[] = [];
    const sink: SstpFrameSink = {
      control: () => packets.push('control'),
      data: () => {
        packets.push('data');
        framer.stop();
      },
    };
    for (const chunk of chunks) framer.push(chunk, sink);
    framer.push(STREAM, sink);
    assert.deepEqual(packets, ['control', 'data']);
  }
});

test('random bytes: packets or SstpFramingError, nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
      try {
        framed(chunks.map((chunk) => Buffer.from(chunk)));
      } catch (error) {
        assert.ok(error instanceof SstpFramingError);
      }
    }),
    { numRuns: 200 },
  );
});

test('encodeDataHeader: version 1.0, no C bit, length with the header (MS-SSTP 2.2.3)', () => {
  const target = Buffer.alloc(6, 0xee);
  encodeDataHeader(target, 1, 0x123);
  assert.deepEqual(target, hex('ee 1000 0127 ee'));
  encodeDataHeader(target, 2, 4091);
  assert.deepEqual(target, hex('ee10 1000 0fff'));
  assert.throws(() => encodeDataHeader(target, 0, 4092), RangeError);
  assert.throws(() => encodeDataHeader(target, 0, -1), RangeError);
  assert.throws(() => encodeDataHeader(target, 4, 1), RangeError);
});

function framed(chunks: readonly Buffer[]): string[] {
  const framer = new SstpFramer();
  const sink = new Recorder();
  for (const chunk of chunks) framer.push(chunk, sink);
  return sink.packets;
}

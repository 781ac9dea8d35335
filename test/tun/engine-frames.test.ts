/** The native splitter against sstp/framer.ts and the PPP step of datapath/data-link.ts, however the stream is cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SstpFramer, SstpFramingError } from '../../sstp/index.ts';
import { engine } from './engine.ts';

const Result = { Done: 0, Paused: 1, BadVersion: 2, BadLength: 3 } as const;
const Kind = { Ipv4: 0, Ipv6: 1, Control: 2, Ppp: 3, Short: 4, End: 5 } as const;

/** What the native splitter should say: [kind, bytes in hex] per packet, then the result. */
function expectedOf(stream: Buffer): (readonly [number, string])[] {
  const calls: (readonly [number, string])[] = [];
  const onFrame = (frame: Buffer): void => {
    const at = frame.length >= 2 && frame[0] === 0xff && frame[1] === 0x03 ? 2 : 0;
    if (frame.length < at + 2) {
      calls.push([Kind.Short, '']);
      return;
    }
    const protocol = frame.readUInt16BE(at);
    if (protocol === 0x21) calls.push([Kind.Ipv4, frame.toString('hex', at + 2)]);
    else if (protocol === 0x57) calls.push([Kind.Ipv6, frame.toString('hex', at + 2)]);
    else calls.push([Kind.Ppp, frame.toString('hex')]);
  };
  const sink = {
    control: (packet: Buffer) => void calls.push([Kind.Control, packet.toString('hex')]),
    data: (bytes: Buffer, start: number, end: number) => onFrame(bytes.subarray(start, end)),
  };
  try {
    new SstpFramer().push(stream, sink);
    calls.push([Kind.End, String(Result.Done)]);
  } catch (error) {
    assert.ok(error instanceof SstpFramingError);
    calls.push([Kind.End, String(error.message.startsWith('version') ? Result.BadVersion : Result.BadLength)]);
  }
  return calls;
}

function split(stream: Buffer, chunks: readonly number[], pauses = 0): (readonly [number, string])[] {
  const bytes = engine.split(stream, Int32Array.from(chunks), pauses);
  const calls: (readonly [number, string])[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const kind = bytes[offset] ?? 0;
    const length = bytes.readUInt32BE(offset + 1);
    offset += 5;
    if (kind === Kind.End) {
      calls.push([kind, String(length)]);
    } else {
      calls.push([kind, bytes.toString('hex', offset, offset + length)]);
      offset += length;
    }
  }
  return calls;
}

const packet = fc
  .tuple(
    fc.constantFrom('ff030021', 'ff030057', 'ff03c021', '0021', '0057', 'c021', 'ff03', 'ff', '', 'ff0300', 'control'),
    fc.oneof(fc.constant(0), fc.nat(60), fc.nat(4087)),
    fc.nat(255),
    fc.nat(0xfe),
  )
  .map(([start, length, fill, reserved]) => {
    const isControl = start === 'control';
    const body = Buffer.concat([Buffer.from(isControl ? '00080000' : start, 'hex'), Buffer.alloc(length, fill)]);
    const content = body.subarray(0, start === 'ff' || start === '' || start === 'ff0300' ? start.length / 2 : 4091);
    const header = Buffer.from([0x10, (reserved & 0xfe) | (isControl ? 1 : 0), 0, 0]);
    header.writeUInt16BE((content.length + 4) | ((reserved & 0xf0) << 8), 2);
    return Buffer.concat([header, content]);
  });
const stream = fc
  .tuple(
    fc.array(packet, { maxLength: 12 }),
    fc.oneof(
      fc.constantFrom('', '', '10000003', '10010007', '10f1f000').map((text) => Buffer.from(text, 'hex')),
      fc.uint8Array({ maxLength: 12 }),
    ),
  )
  .map(([packets, rest]) => Buffer.concat([...packets, rest]));

function chunksOf(length: number, sizes: readonly number[]): number[] {
  const chunks: number[] = [];
  for (let left = length, i = 0; left > 0; i++) {
    const size = Math.min(left, sizes[i % sizes.length] ?? left);
    chunks.push(size);
    left -= size;
  }
  return chunks;
}

test('the same packets, frames and errors as in TypeScript, for any stream in any chunks', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 6000 })), {
    minLength: 1,
    maxLength: 6,
  });
  const seen = new Set<string>();
  fc.assert(
    fc.property(stream, sizes, fc.constantFrom(0, 1), (bytes, some, pauses) => {
      const expected = expectedOf(bytes);
      for (const [kind, value] of expected) seen.add(kind === Kind.End ? `end ${value}` : String(kind));
      assert.deepEqual(split(bytes, chunksOf(bytes.length, some), pauses), expected);
    }),
    { numRuns: 600 },
  );
  assert.deepEqual([...seen].sort(), ['0', '1', '2', '3', '4', 'end 0', 'end 2', 'end 3']);
});

test('every cut in two of a stream with each kind of packet', () => {
  const text = '1001000800080000 1000000aff0300214501 10000008c0210102 1000000cff03005760010203 1000000500';
  const whole = Buffer.from(text.replaceAll(' ', ''), 'hex');
  const expected = expectedOf(whole);
  assert.equal(expected.length, 6);
  for (let at = 0; at <= whole.length; at++) {
    assert.deepEqual(split(whole, [at, whole.length - at]), expected, `${at}`);
  }
});

test('an empty chunk changes nothing, and a stream that broke gives nothing more', () => {
  const ping = Buffer.from('1001000800080000', 'hex');
  assert.deepEqual(split(ping, [0, 3, 0, 5, 0]), [
    [Kind.Control, '1001000800080000'],
    [Kind.End, '0'],
  ]);
  const broken = Buffer.concat([Buffer.from([0x11, 0, 0, 4]), ping]);
  assert.deepEqual(split(broken, [4, 8]), [[Kind.End, '2']]);
});

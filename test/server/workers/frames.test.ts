import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameReader, frame, MOST_FRAME_BYTES } from '../../../server/workers/frames.ts';

test('frames come out whole and in order, however the stream is cut', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 });
  fc.assert(
    fc.property(bodies, fc.infiniteStream(fc.integer({ min: 1, max: 20 })), (sent, sizes) => {
      const stream = Buffer.concat(sent.map((body) => frame(body)));
      const reader = new FrameReader();
      const got: Buffer[] = [];
      for (let at = 0; at < stream.length; ) {
        const size = sizes.next().value ?? 1;
        got.push(...reader.push(stream.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(
        got.map((body) => [...body]),
        sent.map((body) => [...body]),
      );
      assert.equal(reader.isWithin, false);
    }),
  );
});

test('a frame that is longer than any may be is refused by its first four bytes', () => {
  const reader = new FrameReader();
  assert.throws(() => [...reader.push(Buffer.from([0xff, 0xff, 0xff, 0xff]))], RangeError);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(MOST_FRAME_BYTES + 1);
  assert.throws(() => [...new FrameReader().push(head)], RangeError);
  assert.throws(() => frame(Buffer.alloc(MOST_FRAME_BYTES + 1)), RangeError);
});

test('a frame that comes byte by byte takes the room of one frame', () => {
  const reader = new FrameReader();
  const head = Buffer.alloc(4);
  head.writeUInt32BE(MOST_FRAME_BYTES);
  const bodies = [...reader.push(head)];
  const before = process.memoryUsage();
  for (let i = 0; i < MOST_FRAME_BYTES - 1; i += 1) bodies.push(...reader.push(Buffer.from([i & 255])));
  assert.equal(bodies.length, 0);
  assert.ok(process.memoryUsage().arrayBuffers - before.arrayBuffers < 32 * MOST_FRAME_BYTES);
  bodies.push(...reader.push(Buffer.from([7])));
  assert.equal(bodies[0]?.length, MOST_FRAME_BYTES);
  assert.equal(bodies[0]?.at(-1), 7);
});

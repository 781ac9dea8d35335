import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePppFrame, encodePppFrame } from '../../ppp/index.ts';
import { hex } from './support.ts';

test('a frame with Address and Control, and the same without (RFC 1661 §6.6)', () => {
  for (const wire of ['ff03 c021 0901', 'c021 0901']) {
    const frame = decodePppFrame(hex(wire));
    assert.equal(frame?.protocol, 0xc021);
    assert.deepEqual(frame?.payload, hex('0901'));
  }
});

test('every header cut short is refused', () => {
  for (const wire of ['', 'ff', 'ff03', 'ff03c0', 'c0']) assert.equal(decodePppFrame(hex(wire)), undefined, wire);
});

test('a Protocol of one byte is refused, for we reject PFC (RFC 1661 §6.5)', () => {
  assert.equal(decodePppFrame(hex('ff03 21 4500')), undefined);
  assert.equal(decodePppFrame(hex('21 4500')), undefined);
});

test('a Protocol that is even, or odd in its first octet, is malformed (RFC 1661 §2)', () => {
  for (const wire of ['ff03 0020', 'ff03 c020', 'ff03 c121', 'ff04 0021']) {
    assert.equal(decodePppFrame(hex(wire)), undefined, wire);
  }
});

test('a frame is always sent with its whole header', () => {
  assert.deepEqual(encodePppFrame(0x0021, hex('4500')), hex('ff03 0021 4500'));
  assert.deepEqual(encodePppFrame(0xc021, hex('')), hex('ff03 c021'));
});

test('no bytes make the decoder throw or invent a payload', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const frame = decodePppFrame(Buffer.from(bytes));
      assert.ok(frame === undefined || frame.payload.length + 2 <= bytes.length);
    }),
    { numRuns: 200 },
  );
});

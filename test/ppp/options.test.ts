import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeOptions, encodeOptions } from '../../ppp/options.ts';
import { hex } from './support.ts';

test('options in their order, also twice the same and without data (RFC 1661 §6)', () => {
  const wire = hex('0104 05dc 0702 0702 0506 01020304');
  assert.deepEqual(decodeOptions(wire), [
    { code: 1, data: hex('05dc') },
    { code: 7, data: hex('') },
    { code: 7, data: hex('') },
    { code: 5, data: hex('01020304') },
  ]);
  assert.deepEqual(decodeOptions(hex('')), []);
});

test('a Length of 0 or 1, or beyond the end, spoils the whole list', () => {
  for (const wire of ['01', '0100', '0101', '0103', '0702 01', '0702 0104 05', '0702 0100 0702']) {
    assert.equal(decodeOptions(hex(wire)), undefined, wire);
  }
});

test('options are written with a Length that counts its own two octets', () => {
  assert.deepEqual(
    encodeOptions([
      { code: 13, data: hex('06') },
      { code: 7, data: hex('') },
    ]),
    hex('0d03 06 0702'),
  );
});

test('any bytes are a list that encodes to the same bytes, or undefined', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
      const options = decodeOptions(Buffer.from(bytes));
      if (options !== undefined) assert.deepEqual(encodeOptions(options), Buffer.from(bytes));
    }),
    { numRuns: 300 },
  );
});

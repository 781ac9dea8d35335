import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeText, encodeText } from '../../../ppp/auth/text.ts';
import { hex } from '../support.ts';

test('UTF-8 is read as such, other bytes one by one', () => {
  assert.equal(decodeText(hex('c3a9')), 'é');
  assert.equal(decodeText(hex('e9')), 'é');
  assert.equal(decodeText(hex('efbbbf61')), '\ufeffa');
  assert.equal(decodeText(hex('efbfbd')), '\ufffd');
  assert.equal(decodeText(hex('80ff')), '\u0080\u00ff');
});

test('UTF-8 comes back as the bytes it was: a challenge hash is made of them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
      const bytes = Buffer.from(text, 'utf8');
      assert.deepEqual(encodeText(decodeText(bytes), 255), bytes);
    }),
    { numRuns: 200 },
  );
});

test('a text is cut in front of the character that does not fit', () => {
  assert.deepEqual(encodeText('aé', 3), hex('61c3a9'));
  assert.deepEqual(encodeText('aé', 2), hex('61'));
  assert.deepEqual(encodeText('😀', 3), hex(''));
});

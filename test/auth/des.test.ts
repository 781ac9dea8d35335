import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addParity, desEncrypt } from '../../auth/des.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('a raw key becomes a parity-corrected one (RFC 2759 §9.3, both examples)', () => {
  assert.deepEqual(addParity(hex('FC 15 6A F7 ED CD 6C')), hex('FD 0B 5B 5E 7F 6E 34 D9'));
  assert.deepEqual(addParity(hex('0E DD E3 33 7D 42 7F')), hex('0E 6E 79 67 37 EA 08 FE'));
});

test('every byte of an expanded key has odd parity, and its high seven bits are the raw key (RFC 2759 §8.6)', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 7, maxLength: 7 }), (raw) => {
      const expanded = addParity(raw);
      const bits = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      assert.equal([...expanded].map((byte) => byte.toString(2).padStart(8, '0').slice(0, 7)).join(''), bits(raw));
      for (const byte of expanded) assert.equal([...byte.toString(2)].filter((bit) => bit === '1').length % 2, 1);
    }),
    { numRuns: 200 },
  );
});

test('one block under the key 0123456789abcdef, written here without its parity bits (FIPS 81 B, first block)', () => {
  assert.deepEqual(desEncrypt(Buffer.from('Now is t'), hex('00451338957377')), hex('3FA40E8A984D4815'));
});

test('a block or key of another length is refused', () => {
  for (const length of [0, 7, 9, 16])
    assert.throws(() => desEncrypt(Buffer.alloc(length), Buffer.alloc(7)), RangeError);
  for (const length of [0, 6, 8]) assert.throws(() => desEncrypt(Buffer.alloc(8), Buffer.alloc(length)), RangeError);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SecretSeal } from '../../../store/sqlite/secret-seal.ts';

const seal = new SecretSeal(Buffer.alloc(32, 7));
const ntHash = Buffer.from('44ebba8d5312b8d611474411f56989ae', 'hex');
const withPassword = { ntHash, password: 'clientPäss' };
const hashOnly = { ntHash, password: undefined };

test('a secret comes back whole, with and without the password', () => {
  assert.deepEqual(seal.open(seal.close('id', withPassword)), withPassword);
  assert.deepEqual(seal.open(seal.close('id', hashOnly)), hashOnly);
  assert.equal(seal.close('id', withPassword).kind, 'password');
  assert.equal(seal.close('id', hashOnly).kind, 'nt-hash');
});

test('sealing the same secret twice gives other bytes, so equal passwords do not show', () => {
  assert.notDeepEqual(seal.close('id', hashOnly).bytes, seal.close('id', hashOnly).bytes);
});

test('the sealed bytes show neither password nor hash', () => {
  const { bytes } = seal.close('id', withPassword);
  assert.equal(Buffer.from(bytes).includes('client'), false);
  assert.equal(Buffer.from(bytes).includes(ntHash), false);
});

test("a secret does not open under another user's id, as another kind, or with another key", () => {
  const sealed = seal.close('id', withPassword);
  assert.equal(seal.open({ ...sealed, owner: 'other' }), undefined);
  assert.equal(seal.open({ ...sealed, kind: 'nt-hash' }), undefined);
  assert.equal(new SecretSeal(Buffer.alloc(32, 8)).open(sealed), undefined);
});

test('no changed bit and no truncation opens', () => {
  const sealed = seal.close('id', withPassword);
  fc.assert(
    fc.property(fc.nat(sealed.bytes.length * 8 - 1), (bit) => {
      const bytes = Buffer.from(sealed.bytes);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(seal.open({ ...sealed, bytes }), undefined);
    }),
    { numRuns: 200 },
  );
  for (let length = 0; length < sealed.bytes.length; length++) {
    assert.equal(seal.open({ ...sealed, bytes: sealed.bytes.subarray(0, length) }), undefined);
  }
});

test('a key of any other length is refused', () => {
  for (const length of [0, 16, 31, 33]) assert.throws(() => new SecretSeal(Buffer.alloc(length)), RangeError);
});

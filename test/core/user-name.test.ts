import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { foldUserName } from '../../core/index.ts';

test('names are equal without regard to case and composition', () => {
  assert.equal(foldUserName('ALICE'), foldUserName('alice'));
  assert.equal(foldUserName('ZOE\u0308'), foldUserName('zoë'));
  assert.notEqual(foldUserName('zoe'), foldUserName('zoë'));
});

test('folding twice changes nothing more', () => {
  const names = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 64 }), fc.string({ unit: 'binary', maxLength: 64 }));
  fc.assert(
    fc.property(names, (name) => {
      assert.equal(foldUserName(foldUserName(name)), foldUserName(name));
    }),
    { numRuns: 1_000 },
  );
});

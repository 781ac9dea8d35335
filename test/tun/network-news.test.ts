import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { transactions } from '../../tun/network-news.ts';
import { type Attribute, batch, NftMessage, TABLE, text } from '../../tun/nft-messages.ts';

const PROGRAM = 3; // NFTA_GEN_PROC_NAME
const wire = (type: NftMessage, attributes: readonly Attribute[]): Buffer => {
  // Without what begins and ends a batch, 20 bytes each.
  const bytes = batch([{ type, attributes }]);
  return bytes.subarray(20, bytes.length - 20);
};
const changeOf = (table: string): Buffer => wire(NftMessage.NewChain, [text(TABLE, table)]);
const endBy = (program: string): Buffer => wire(NftMessage.NewGen, [text(PROGRAM, program)]);
const ALL = [changeOf('a'), changeOf('b'), endBy('nft'), changeOf('c'), endBy('docker')];

test('who made a change is told in its last message, with whichever messages that comes', () => {
  fc.assert(
    fc.property(fc.subarray([1, 2, 3, 4]), (cuts) => {
      const take = transactions();
      const seen = [0, ...cuts]
        .map((start, i) => take(Buffer.concat(ALL.slice(start, cuts[i])), false))
        .filter((change) => change !== undefined);
      assert.deepEqual(new Set(seen.flatMap(({ tables }) => [...tables])), new Set(['a', 'b', 'c']));
      assert.equal(seen.map(({ by }) => by).join(', '), 'nft, docker');
      for (const { tables, by } of seen) assert.equal(tables.has('a'), by.includes('nft'), by);
    }),
  );
});

test('half a change is none yet; what was lost is told at once, and was all that had come', () => {
  const take = transactions();
  assert.equal(take(changeOf('a'), false), undefined);
  assert.deepEqual(take(Buffer.alloc(0), true), { tables: new Set(), by: '', isLost: true });
  assert.deepEqual(take(endBy('nft'), false), { tables: new Set(), by: 'nft', isLost: false });
  assert.deepEqual(take(Buffer.from('0badc0de', 'hex'), false), { tables: new Set(), by: '', isLost: true });
});

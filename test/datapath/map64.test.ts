import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Map64 } from '../../datapath/map64.ts';

test('property: behaves as a Map of the joined words', () => {
  const key = fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000);
  const step = fc.tuple(fc.boolean(), key, key, fc.integer());
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const map = new Map64<number>();
      const model = new Map<string, number>();
      for (const [isSet, high, low, value] of steps) {
        if (isSet) {
          map.set(high, low, value);
          model.set(`${high} ${low}`, value);
        } else {
          map.delete(high, low);
          model.delete(`${high} ${low}`);
        }
        for (const [, high2, low2] of steps) assert.equal(map.get(high2, low2), model.get(`${high2} ${low2}`));
      }
    }),
    { numRuns: 150 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AgeMap } from '../../../auth/throttle/age-map.ts';

test('the oldest is that of a list, whatever comes and goes', () => {
  const step = fc.record({
    kind: fc.constantFrom('set', 'set', 'set', 'delete', 'drop', 'look', 'clear'),
    key: fc.nat(8),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const map = new AgeMap<number>();
      let list: string[] = [];
      for (const [value, { kind, key: number }] of steps.entries()) {
        const key = String(number);
        if (kind === 'set') map.set(key, value);
        if (kind === 'delete') assert.equal(map.delete(key), list.includes(key));
        if (kind === 'drop' && list[0] !== undefined) map.delete(map.oldest()?.[0] ?? '');
        if (kind === 'clear' && number === 0) map.clear();
        if (kind === 'set' || kind === 'delete') list = list.filter((each) => each !== key);
        if (kind === 'set') list.push(key);
        if (kind === 'drop') list.shift();
        if (kind === 'clear' && number === 0) list = [];
        if (kind !== 'set') assert.equal(map.oldest()?.[0], list[0]);
        assert.deepEqual(
          [...map].map(([each]) => each),
          list,
        );
        assert.equal(map.size, list.length);
      }
    }),
    { numRuns: 1_000 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Groups } from '../../core/index.ts';

test('groups hold what was added and not taken out, in the order of adding, and nothing for groups without members', () => {
  const step = fc.record({ add: fc.boolean(), key: fc.nat(3), member: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const groups = new Groups<number, number>();
      let model: [number, number][] = [];
      for (const { add, key, member } of steps) {
        const isIn = model.some(([k, m]) => k === key && m === member);
        if (add) groups.add(key, member);
        else groups.delete(key, member);
        if (add && !isIn) model.push([key, member]);
        if (!add) model = model.filter(([k, m]) => k !== key || m !== member);
        for (let k = 0; k <= 3; k += 1) {
          assert.deepEqual(
            [...groups.of(k)],
            model.filter(([known]) => known === k).map(([, m]) => m),
          );
        }
        assert.equal(groups.size, new Set(model.map(([known]) => known)).size);
      }
    }),
  );
});

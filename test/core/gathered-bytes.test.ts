import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatheredBytes } from '../../core/index.ts';

test('what was pushed is there in one piece, and is a copy', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 30 }), (chunks) => {
      const gathered = new GatheredBytes();
      const whole = Buffer.concat(chunks);
      for (const chunk of chunks) {
        gathered.push(chunk);
        chunk.fill(0xee);
      }
      assert.deepEqual(gathered.bytes, whole);
      assert.equal(gathered.length, whole.length);
      const before = gathered.bytes;
      gathered.clear();
      gathered.push(Buffer.from('x'));
      assert.deepEqual([gathered.bytes.toString(), gathered.length], ['x', 1]);
      assert.deepEqual(before, whole, 'views outlive a clear');
    }),
  );
});

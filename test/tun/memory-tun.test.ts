import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADROOM, MemoryTun } from '../../tun/index.ts';

const packets = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from([0x45, i, i >> 8]));

test('injected packets come in batches, in order, each with headroom in front', () => {
  const tun = new MemoryTun();
  const seen: Buffer[] = [];
  let batches = 0;
  tun.start(({ slab, table, count }) => {
    batches += 1;
    for (let i = 0; i < count; i++) {
      const [offset = 0, length = 0] = table.subarray(2 * i);
      const previousEnd = i === 0 ? 0 : (table[2 * i - 2] ?? 0) + (table[2 * i - 1] ?? 0);
      assert.ok(offset - previousEnd >= HEADROOM);
      seen.push(Buffer.from(slab.subarray(offset, offset + length)));
    }
  });
  tun.inject(packets(150));
  assert.deepEqual(seen, packets(150));
  assert.equal(batches, 3);
  assert.equal(tun.counters.readPackets, 150);
  assert.equal(tun.counters.readBytes, 450);
});

test('a batch is worthless after the callback', () => {
  const tun = new MemoryTun();
  let kept: Buffer | undefined;
  tun.start(({ slab, table }) => {
    kept = slab.subarray(table[0]);
  });
  tun.inject([Buffer.from('abc')]);
  assert.notEqual(kept?.toString('latin1'), 'abc');
});

test('sent holds copies of what was written', () => {
  const tun = new MemoryTun();
  const bytes = Buffer.from('xabcx');
  tun.write(bytes, 1, 4);
  bytes.fill(0);
  tun.write(bytes, 2, 2);
  assert.deepEqual(tun.sent, [Buffer.from('abc')]);
  assert.deepEqual([tun.counters.writtenPackets, tun.counters.writtenBytes], [1, 3]);
});

test('closed, it neither delivers nor takes', () => {
  const tun = new MemoryTun();
  tun.start(() => assert.fail('delivered'));
  tun.close();
  tun.close();
  tun.inject(packets(1));
  tun.write(Buffer.from('abc'), 0, 3);
  assert.deepEqual(tun.sent, []);
});

test('start works once', () => {
  const tun = new MemoryTun();
  tun.start(() => {});
  assert.throws(() => tun.start(() => {}));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChunkPool } from '../../datapath/index.ts';

test('a piece given back is the next one taken', () => {
  const pool = new ChunkPool({ chunkBytes: 100, mostBytes: 1000, mostFree: 1 });
  const first = pool.take(0);
  assert.ok(first);
  assert.equal(first.length, 100);
  pool.give(first);
  assert.equal(pool.take(0), first);
});

test('no more than mostFree pieces are kept', () => {
  const pool = new ChunkPool({ chunkBytes: 100, mostBytes: 1000, mostFree: 1 });
  const [a, b] = [pool.take(0), pool.take(100)];
  assert.ok(a && b);
  pool.give(a);
  pool.give(b);
  assert.equal(pool.take(0), a);
  assert.notEqual(pool.take(0), b);
});

test('a link may hold what is left for the others: one greedy link gets half', () => {
  const pool = new ChunkPool({ chunkBytes: 100, mostBytes: 1000 });
  let held = 0;
  while (pool.take(held) !== undefined) held += 100;
  assert.equal(held, 500);
  assert.equal(pool.usedBytes, 500);
});

test('links that give nothing back never exceed the bound, and a newcomer still gets a piece', () => {
  const pool = new ChunkPool({ chunkBytes: 1, mostBytes: 1000 });
  const held = new Array<number>(20).fill(0);
  for (let round = 0; round < 200; round++) {
    for (let link = 0; link < held.length; link++) {
      if (pool.take(held[link] ?? 0) !== undefined) held[link] = (held[link] ?? 0) + 1;
    }
  }
  assert.ok(pool.usedBytes <= 1000 && pool.usedBytes > 900, `${pool.usedBytes}`);
  assert.ok(pool.take(0) !== undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventQueue } from '../../core/event-queue.ts';

test('events that come up while one is handled wait until it is done', () => {
  const seen: string[] = [];
  const queue: EventQueue<number> = new EventQueue((event) => {
    seen.push(`begin ${event}`);
    if (event < 3) queue.post(event + 1);
    seen.push(`end ${event}`);
  });
  queue.post(1);
  assert.deepEqual(seen, ['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
});

test('an error reaches the caller, and what waited is handled with the next event', () => {
  const seen: number[] = [];
  const queue: EventQueue<number> = new EventQueue((event) => {
    seen.push(event);
    if (event !== 1) return;
    queue.post(2);
    throw new Error('fault');
  });
  assert.throws(() => queue.post(1), /fault/);
  queue.post(3);
  assert.deepEqual(seen, [1, 2, 3]);
});

test('what was cleared is not handled', () => {
  const seen: number[] = [];
  const queue: EventQueue<number> = new EventQueue((event) => {
    seen.push(event);
    queue.post(2);
    queue.clear();
  });
  queue.post(1);
  assert.deepEqual(seen, [1]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UndoStack } from '../../core/undo-stack.ts';

test('what was set up last is taken back first, one after the other', async () => {
  const done: string[] = [];
  const undo = new UndoStack();
  const first = Promise.withResolvers<void>();
  undo.push(() => done.push('first'));
  undo.push(async () => {
    await first.promise;
    done.push('second');
  });
  undo.push(() => done.push('third'));
  const running = undo.run();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(done, ['third']);
  first.resolve();
  await running;
  assert.deepEqual(done, ['third', 'second', 'first']);
});

test('a step that fails is told of and does not keep the others from being taken back', async () => {
  const undo = new UndoStack();
  let isDone = false;
  undo.push(() => {
    isDone = true;
  });
  undo.push(() => {
    throw new Error('device busy');
  });
  undo.push(() => Promise.reject('gone'));
  assert.deepEqual(await undo.run(), ['gone', 'device busy']);
  assert.equal(isDone, true);
});

test('lines about what stays behind are collected; other results are of no interest', async () => {
  const undo = new UndoStack();
  undo.push(async () => ['net.ipv4.ip_forward stays on', 'so does the other']);
  undo.push(() => 7);
  assert.deepEqual(await undo.run(), ['net.ipv4.ip_forward stays on', 'so does the other']);
});

test('nothing is taken back twice; what a step pushes is taken back too', async () => {
  const undo = new UndoStack();
  let count = 0;
  undo.push(() => {
    count += 1;
    undo.push(() => {
      count += 10;
    });
  });
  await undo.run();
  await undo.run();
  assert.equal(count, 11);
});

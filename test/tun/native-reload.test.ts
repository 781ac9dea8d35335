/** The addon comes and goes with worker threads; nothing of it stays behind. The main thread here never loads it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { isSanitized } from '../support/sanitized.ts';

const WORKER = fileURLToPath(new URL('./native-reload-worker.ts', import.meta.url));
const ROUNDS = 20;

/** Whether the addon is in memory. What g++'s sanitizers add to a library keeps it there, so they say nothing. */
const isMapped = (): boolean => !isSanitized && /\/tun\.node$/m.test(readFileSync('/proc/self/maps', 'utf8'));
const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** Loads the addon in a thread, works with it, and lets the thread end in this way. */
async function live(end: string): Promise<void> {
  const worker = new Worker(WORKER, { workerData: end });
  const exited = new Promise<number>((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
  if (end === 'terminate') {
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
  }
  assert.equal(await exited, end === 'terminate' ? 1 : 0, end);
}

async function repeat(end: string): Promise<void> {
  assert.equal(isMapped(), false);
  await live(end);
  const before = openFiles();
  for (let i = 0; i < ROUNDS; i++) {
    await live(end);
    assert.equal(isMapped(), false, 'the addon was not unloaded');
  }
  assert.equal(openFiles(), before);
}

test(`loaded and unloaded ${ROUNDS} times by threads that close what they opened`, () => repeat('close'));

test(`loaded and unloaded ${ROUNDS} times by threads that end with devices open and packets waiting`, () =>
  repeat('leave'));

test(`loaded and unloaded ${ROUNDS} times by threads that are terminated in the middle of traffic`, () =>
  repeat('terminate'));

test('several threads at once have devices and slots of their own', async () => {
  await Promise.all(Array.from({ length: 4 }, () => live('close')));
  assert.equal(isMapped(), false);
});

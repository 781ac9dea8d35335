import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phaseFigures } from '../../bench/changes.ts';

const line = { mbits: 20, roundTripMs: 20, queueMs: 250, loss: 0 };
/** Half seconds of a phase of 4 s that begins at 10,000. */
const rates = (mbits: readonly number[]) => mbits.map((one, i) => ({ until: 10_500 + i * 500, mbits: one }));
/** One ping in the middle of each half second. */
const pings = (ms: readonly number[]) => ms.map((one, i) => [10_250 + i * 500, one] as const);
const figures = (mbits: readonly number[], ms: readonly number[]) =>
  phaseFigures({ title: '', line, from: 10_000, phaseMs: 4_000, rates: rates(mbits), pings: pings(ms) });

test('a stream that finds the line and loses its lag', () => {
  const { fullAfterMs, calmAfterMs, settledMbits, settledPing, longestPingMs } = figures(
    [5, 10, 18, 19, 19, 19, 19, 19],
    [200, 150, 60, 30, 30, 30, 30, 30],
  );
  assert.equal(fullAfterMs, 1_500);
  assert.equal(calmAfterMs, 1_500);
  assert.equal(settledMbits, 19);
  assert.deepEqual(settledPing, { median: 30, p95: 30 });
  assert.equal(longestPingMs, 200);
});

test('one that never does, or whose lag comes back, took the whole phase', () => {
  assert.equal(figures([5, 5, 5, 5, 5, 5, 5, 5], [30, 30, 30, 30, 30, 30, 30, 46]).fullAfterMs, 4_000);
  assert.equal(figures([5, 5, 5, 5, 5, 5, 5, 5], [30, 30, 30, 30, 30, 30, 30, 46]).calmAfterMs, 4_000);
});

test('no answer is lag', () => {
  assert.equal(figures([19], [-1, 30, 30, -1, 30, 30, 30, 30]).calmAfterMs, 2_000);
});

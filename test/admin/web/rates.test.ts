import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionView } from '../../../admin/backend.ts';
import { MOST_SAMPLES, RateBook } from '../../../admin/web/rates.js';
import { pointsOf, topOf } from '../../../admin/web/scale.js';
import { SESSION } from '../fake-backend.ts';

const session = (id: string, bytesIn: number, bytesOut: number): SessionView => ({ ...SESSION, id, bytesIn, bytesOut });

test('a rate is what was carried between two readings', () => {
  const book = new RateBook();
  book.read([session('a', 1000, 5000)], 0);
  assert.deepEqual([book.rateOf('a'), book.total], [undefined, []]);
  book.read([session('a', 3000, 5500)], 2000);
  assert.deepEqual(book.rateOf('a'), { at: 2000, fromClients: 1000, toClients: 250 });
});

test('a session that is new since the last reading has carried all of it since then', () => {
  const book = new RateBook();
  book.read([session('a', 1000, 0)], 0);
  book.read([session('a', 1000, 0), session('b', 400, 800)], 4000);
  assert.deepEqual(book.rateOf('b'), { at: 4000, fromClients: 100, toClients: 200 });
  assert.deepEqual(book.total, [{ at: 4000, fromClients: 100, toClients: 200 }]);
});

test('a session that ended leaves the sum, and its history goes', () => {
  const book = new RateBook();
  book.read([session('a', 0, 0)], 0);
  book.read([session('a', 2000, 0)], 1000);
  book.read([], 2000);
  assert.equal(book.rateOf('a'), undefined);
  assert.deepEqual(book.total.at(-1), { at: 2000, fromClients: 0, toClients: 0 });
});

test('counters that begin anew, and a clock that stands still, give no rate below zero and none without end', () => {
  const book = new RateBook();
  book.read([session('a', 9000, 9000)], 0);
  book.read([session('a', 10, 10)], 1000);
  assert.deepEqual(book.rateOf('a'), { at: 1000, fromClients: 0, toClients: 0 });
  book.read([session('a', 99, 99)], 1000);
  assert.equal(book.total.length, 1);
});

test('what is kept has a bound: samples, and sessions with a history', () => {
  const book = new RateBook();
  const many = Array.from({ length: 1001 }, (_, index) => session(String(index), 0, 0));
  for (let at = 0; at <= MOST_SAMPLES + 5; at += 1) book.read(many, at);
  assert.equal(book.total.length, MOST_SAMPLES);
  assert.equal(book.historyOf('0').length, MOST_SAMPLES);
  assert.equal(book.historyOf('1000').length, 1);
});

test('the top of the chart is a round number of bits per second above the highest rate', () => {
  for (const [bytes, bits] of [
    [0, 100_000],
    [12_500, 100_000],
    [12_501, 200_000],
    [100_000, 1_000_000],
    [400_000, 5_000_000],
    [1e9, 1e10],
  ] as const) {
    assert.equal(topOf(bytes) * 8, bits, String(bytes));
  }
});

test('the newest sample is at the right edge, what is older than the span is left out', () => {
  const samples = [0, 50, 100, 150].map((at) => ({ at, fromClients: at, toClients: 0 }));
  const frame = { width: 200, height: 100, spanMs: 100, top: 100 };
  assert.deepEqual(
    pointsOf(samples, ({ fromClients }) => fromClients, frame),
    [
      [0, 50],
      [100, 0],
      [200, 0],
    ],
  );
});

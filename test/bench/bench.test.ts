/** The arithmetic of the bench, and what its command line means; the measurements themselves are run by .ci/run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putBlocks, takeOver } from '../../bench/document.ts';
import { readOptions, SCENARIOS } from '../../bench/options.ts';
import { assertPlausible } from '../../bench/plausible.ts';
import type { Results } from '../../bench/results.ts';
import { fairnessOf } from '../../bench/sharing.ts';

test("Jain's index is 1 for equal shares and 1/n if one has all", () => {
  assert.equal(fairnessOf([5, 5, 5, 5]), 1);
  assert.equal(fairnessOf([8, 0, 0, 0]), 0.25);
  assert.equal(fairnessOf([]), 0);
});

test('figures that carry nothing, or are no numbers, are refused by their name', () => {
  assertPlausible({ tcp: { down: { mbits: 5, retransmits: 0, ping: { answered: 3 } } }, moments: [{ mbits: 0 }] });
  assert.throws(() => assertPlausible({ tcp: { down: { mbits: 0 } } }), /tcp\.down\.mbits is 0/);
  assert.throws(() => assertPlausible({ ping: { answered: 0 } }), /ping\.answered is 0/);
  assert.throws(() => assertPlausible({ a: [1, { b: Number.NaN }] }), /a\.1\.b is NaN/);
});

test('what is kept: a complete run, or one that is told so, but no quick one and none without all VPNs of a table', () => {
  const isKept = (...words: string[]) => readOptions(words)?.isKept;
  assert.equal(isKept('--peers'), true);
  assert.equal(isKept('--peers', '--only', 'lines'), false);
  assert.equal(isKept('--peers', '--only', 'lines', '--keep'), true);
  assert.equal(isKept('--quick'), false);
  assert.equal(isKept(), false);
  assert.equal(readOptions(['--keep', '--quick']), undefined);
  assert.equal(readOptions(['--keep', '--vpn', 'sstpd']), undefined);
  assert.deepEqual(readOptions([])?.scenarios, SCENARIOS);
  assert.equal(readOptions(['nonsense']), undefined);
  assert.equal(readOptions(['--only', 'sessions', '--sessions', '10000'])?.sessions, 10_000);
  for (const wrong of ['0', '10001', '1.5', 'many']) assert.equal(readOptions(['--sessions', wrong]), undefined);
});

function results(changed: Partial<Results>): Results {
  const whole = { lines: {}, changes: {}, flows: {}, slow: {} };
  const byVpn = { single: {}, floor: {}, many: {}, small: {}, connect: {}, ...whole };
  const machine = { node: 'v24', kernel: '6', cpu: 'x', cores: 2, busyBefore: 0 };
  const options = { quick: false, tunOffload: undefined, programs: {}, seconds: undefined };
  return { date: '2020-01-01T00:00:00.000Z', machine, options, took: {}, ...byVpn, left: [], ...changed };
}

test('a run of one scenario leaves what was kept of the others', () => {
  const [a, b] = [{ sstpd: 'a' }, { sstpd: 'b' }] as unknown as [Results['many'], Results['many']];
  const older = results({ many: a, took: { many: 5, lines: 7 }, lines: { one: a, two: a } as never });
  const newer = results({ took: { lines: 9 }, lines: { two: b } as never, date: '2021-01-01T00:00:00.000Z' });
  const taken = takeOver(older, newer);
  assert.deepEqual(taken.many, a);
  assert.deepEqual(taken.lines, { one: a, two: b });
  assert.deepEqual(taken.took, { many: 5, lines: 9 });
  assert.equal(taken.date, newer.date);
  assert.equal(taken.isPieced, true);
  const floor = { bare: 'c' } as never;
  const floored = takeOver(older, results({ floor, took: { floor: 3 }, date: newer.date }));
  assert.deepEqual(floored, { ...older, floor, took: { ...older.took, floor: 3 } });
  const floods = { date: '2021-01-01', rate: 500, servers: {} };
  const missing = { scenario: 'floods', vpn: 'nginx', why: 'needs nginx', isFailure: false };
  const flooded = takeOver(floored, results({ floods, took: { floods: 4 }, left: [missing], date: newer.date }));
  assert.deepEqual(flooded, { ...floored, floods, left: [missing], took: { ...floored.took, floods: 4 } });
  assert.deepEqual(takeOver(flooded, results({ floods, took: { floods: 4 } })).left, []);
  const whole = results({ took: Object.fromEntries(SCENARIOS.map((name) => [name, 1])) });
  assert.equal(takeOver(older, whole).isPieced, false);
  assert.equal(takeOver(undefined, newer), newer);
});

test('only what stands between the markers is replaced, and it is replaced whole', () => {
  const text = 'a\n<!-- bench: many -->\nold\n<!-- end of bench -->\nb';
  const once = putBlocks(text, results({}));
  assert.equal(once, 'a\n<!-- bench: many -->\n\nNot measured in this run.\n\n<!-- end of bench -->\nb');
  assert.equal(putBlocks(once, results({})), once);
});

test('another build has a row of its own between ours and bare TLS', () => {
  const figures = { cpuPerConnect: 0.004, connectsPerCpuSecond: 250, connectsPerSecond: 200, kibPerIdle: 40 };
  const sessions = { sstpd: figures, against: { ...figures, kibPerIdle: 41 }, tls: figures };
  const text = putBlocks('<!-- bench: sessions -->\n<!-- end of bench -->', results({ sessions }));
  assert.deepEqual(text.match(/^\| (?:sstpd|against|bare node:tls)/gm), ['| sstpd', '| against', '| bare node:tls']);
});

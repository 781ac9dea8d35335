import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acceptReport,
  addReports,
  countsOnly,
  makeReport,
  type Report,
} from '../../../../server/observe/metrics/report.ts';

const one = makeReport({
  counts: { bytesIn: 5, loopSamples: 2, 'loopTo0.001': 1 },
  levels: { queuedBytes: 10, queuedBytesMost: 7 },
  sessions: [{ stage: 'up', method: 'pap', count: 2 }],
  traffic: [{ id: 'a', bytesIn: 1, bytesOut: 2 }],
});
const two = makeReport({ counts: { bytesIn: 6, 'loopTo0.001': 3 }, levels: { queuedBytes: 1, queuedBytesMost: 1 } });

test('reports add up: counts and levels by name, what is the most of something by the greater', () => {
  const sum = addReports([one, two]);
  assert.equal(sum.counts.bytesIn, 11);
  assert.equal(sum.counts['loopTo0.001'], 4);
  assert.equal(sum.levels.queuedBytes, 11);
  assert.equal(sum.levels.queuedBytesMost, 7);
  assert.deepEqual(sum.sessions, one.sessions);
  assert.deepEqual(addReports([]), makeReport());
});

test('of a process that has ended the counts are left', () => {
  assert.deepEqual(countsOnly(one), makeReport({ counts: one.counts }));
});

test('a count that a worker takes back stays what it was, and what is no number is none', () => {
  const said = makeReport({ counts: { bytesIn: 3, bytesOut: Number.NaN, packetsIn: -1, cpuUserSeconds: 0.5 } });
  const { counts, levels } = acceptReport(
    { ...said, levels: { ...said.levels, residentBytes: '7' as unknown as number, heapBytes: 8 } },
    one,
  );
  assert.equal(counts.bytesIn, 5);
  assert.equal(counts.bytesOut, 0);
  assert.equal(counts.packetsIn, 0);
  assert.equal(counts.cpuUserSeconds, 0.5);
  assert.equal(levels.residentBytes, 0);
  assert.equal(levels.heapBytes, 8);
});

test('what is no report at all is an error, for which the worker is ended', () => {
  for (const said of [undefined, {}, { counts: {}, levels: {} }]) {
    assert.throws(() => acceptReport(said as unknown as Report, one));
  }
});

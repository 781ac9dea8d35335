import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Finding, fine, problem, warning } from '../../../../core/index.ts';
import { healthOf } from '../../../../server/observe/doctor/health.ts';

test('findings become checks, and a problem means that it is not well', async () => {
  const found: Finding[] = [fine('ports', 'answers'), warning('clock', 'is slow', 'set it')];
  const clock = { now: () => 0 };
  const { ok, checks } = await healthOf(async () => found, clock)();
  assert.equal(ok, true);
  assert.deepEqual(checks, [
    { check: 'ports', verdict: 'ok', text: 'answers', fix: undefined },
    { check: 'clock', verdict: 'warning', text: 'is slow', fix: 'set it' },
  ]);
  const bad = await healthOf(async () => [...found, problem('NAT', 'gone', 'restart')], clock)();
  assert.equal(bad.ok, false);
  assert.equal(bad.checks[2]?.verdict, 'failure');
});

test('it is looked at every 30 s at most, and once for all who ask together', async () => {
  let looks = 0;
  let nowMs = 0;
  const health = healthOf(
    async () => {
      looks += 1;
      return [];
    },
    { now: () => nowMs },
  );
  await Promise.all([health(), health(), health()]);
  nowMs = 29_999;
  await health();
  assert.equal(looks, 1);
  nowMs = 30_000;
  await health();
  assert.equal(looks, 2);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HelloTimer } from '../../sstp/hello-timer.ts';

test('silence: one Echo Request after an interval, the end after another (MS-SSTP 3.1.2.3)', () => {
  const timer = new HelloTimer(60_000, 5);
  assert.equal(timer.deadline, 60_005);
  assert.equal(timer.expire(60_010), 'send-echo-request');
  assert.equal(timer.deadline, 120_010);
  assert.equal(timer.expire(120_010), 'peer-silent');
});

test('a packet restarts the interval and answers the Echo Request (MS-SSTP 3.1.2.3)', () => {
  const timer = new HelloTimer(60_000, 0);
  timer.expire(60_000);
  timer.restart(70_000);
  assert.equal(timer.deadline, 130_000);
  assert.equal(timer.expire(130_000), 'send-echo-request');
});

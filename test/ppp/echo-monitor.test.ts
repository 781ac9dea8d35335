import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EchoMonitor } from '../../ppp/echo-monitor.ts';

test('an echo after 30 s of silence, the end after the fourth that stays unanswered', () => {
  const monitor = new EchoMonitor(30_000);
  assert.equal(monitor.deadline, undefined);
  assert.equal(monitor.onTimeout(1_000_000), 'nothing');
  monitor.start(0);
  for (const at of [30_000, 60_000, 90_000, 120_000]) {
    assert.equal(monitor.deadline, at);
    assert.equal(monitor.onTimeout(at - 1), 'nothing');
    assert.equal(monitor.onTimeout(at), 'send-echo');
  }
  assert.equal(monitor.onTimeout(149_999), 'nothing');
  assert.equal(monitor.onTimeout(150_000), 'silent');
});

test('any received frame starts the count and the time anew', () => {
  const monitor = new EchoMonitor(30_000);
  monitor.start(0);
  for (const at of [30_000, 60_000, 90_000]) monitor.onTimeout(at);
  monitor.noteReceived(100_000);
  for (const at of [130_000, 160_000, 190_000, 220_000]) assert.equal(monitor.onTimeout(at), 'send-echo');
  assert.equal(monitor.onTimeout(250_000), 'silent');
});

test('a stopped monitor stays stopped when frames come', () => {
  const monitor = new EchoMonitor(30_000);
  monitor.start(0);
  monitor.stop();
  monitor.noteReceived(5);
  assert.equal(monitor.deadline, undefined);
});

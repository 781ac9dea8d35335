import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewalTime } from '../../../server/certificates/acme-source.ts';

const DAY_MS = 86_400_000;

test('a certificate is renewed at two thirds of its life, or 30 days before its end if that is later', () => {
  for (const [days, renewedAfter] of [
    [90, 60],
    [6, 4],
    [365, 335],
    [0.0003, 0.0002],
  ] as const) {
    const [validFromDate, validToDate] = [new Date(0), new Date(days * DAY_MS)];
    assert.ok(Math.abs(renewalTime({ validFromDate, validToDate }) - renewedAfter * DAY_MS) < 1000, `${days} days`);
  }
});

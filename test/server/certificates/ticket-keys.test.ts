import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TicketKeys } from '../../../server/certificates/ticket-keys.ts';

const DAY_MS = 86_400_000;

test('ticket keys: another one each day, that of the day before behind it, none older; none survives `replace`', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const keys = new TicketKeys();
  const seen: string[][] = [];
  const parts = (): string[] => keys.all.toString('hex').match(/.{96}/g) ?? [];
  keys.begin(() => seen.push(parts()));
  t.after(() => keys.stop());
  const [first = assert.fail()] = parts();
  assert.equal(keys.all.length, 48);
  t.mock.timers.tick(DAY_MS - 1);
  assert.deepEqual(seen, []);
  t.mock.timers.tick(1);
  t.mock.timers.tick(DAY_MS);
  const [days = [], later = []] = seen;
  const [second, ...behind] = days;
  const [third, ...older] = later;
  assert.deepEqual([behind, older], [[first], [second]]);
  assert.equal(new Set([first, second, third]).size, 3);
  const before = keys.all;
  keys.replace();
  assert.equal(keys.all.length, 48);
  assert.ok(!before.includes(keys.all));
  keys.restore(before);
  assert.deepEqual(parts(), [third, second]);
  keys.stop();
  t.mock.timers.tick(3 * DAY_MS);
  assert.equal(seen.length, 2);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Gate, type Ticket } from '../../../auth/throttle/gate.ts';
import { Lifts } from '../../../auth/throttle/lifts.ts';
import { newPlace } from '../../../auth/throttle/new-place.ts';

const HOUR = 3_600_000;
const RULE = { size: 1, msPerToken: 1_000, mostDrawnPerHour: 1 };

function joined(gate: Gate, address: string, now: number): Ticket {
  const attempt = { realm: 'vpn', address, user: 'alice', isKnown: false } as const;
  return gate.join(newPlace(attempt, new Lifts(), now), now);
}

/** A gate whose one draw of an hour was used at `usedAt`, and somebody who waits for the next. */
function usedUp(usedAt: number): { readonly gate: Gate; readonly next: Ticket } {
  const gate = new Gate({ limit: 'strangers', key: 'valice', at: undefined, shownAs: 'valice' }, 0, RULE);
  assert.equal(joined(gate, '192.0.2.1', 0).token, 'taken');
  const drawn = joined(gate, '192.0.2.2', 0);
  const next = joined(gate, '192.0.2.3', 0);
  gate.draw(1_000, () => 0);
  assert.deepEqual([drawn.token, next.token], ['drawn', 'none']);
  gate.leave(drawn, usedAt, true);
  return { gate, next };
}

function drawsWhenItSays(usedAt: number): void {
  const { gate, next } = usedUp(usedAt);
  const at = gate.nextDraw(usedAt);
  assert.ok(at > usedAt + HOUR - 1, `${at}`);
  gate.draw(at, () => 0);
  assert.equal(
    next.token,
    'drawn',
    `used at ${usedAt}: nothing is drawn at ${at}, and the next draw is at ${gate.nextDraw(at)}`,
  );
}

/** `usedAt + HOUR - HOUR` is less than `usedAt` there: whoever reckons once so and once so waits for an instant that never is. */
for (const usedAt of [1_000.3, 1_001.9, 1_003.4]) {
  test(`a draw used at ${usedAt} ms is back exactly when the gate says that it is`, () => {
    assert.ok(usedAt + HOUR - HOUR < usedAt);
    drawsWhenItSays(usedAt);
  });
}

test('at whatever instant a draw is used: at the one that the gate names somebody is drawn', () => {
  const instant = fc.double({ min: 1_000, max: 1e9, noNaN: true });
  fc.assert(fc.property(instant, drawsWhenItSays), { numRuns: 2_000 });
});

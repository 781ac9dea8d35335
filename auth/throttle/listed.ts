import type { Instant } from '../../core/index.ts';
import type { Lifts } from './lifts.ts';
import { gateBefore, type NameGates } from './name-gates.ts';
import type { Turn } from './place.ts';
import type { Sources } from './sources.ts';
import { rowOfGate, type ThrottleEntry } from './throttle-entry.ts';

const MOST_LISTED = 1_000;

/** Who is slowed, attacked or lifted; at most 1,000 of each kind. */
export function listed(
  of: {
    readonly gates: NameGates;
    readonly sources: Sources;
    readonly lifts: Lifts;
    readonly waiting: Iterable<Turn>;
  },
  now: Instant,
): ThrottleEntry[] {
  const waiting = new Map<string, number>();
  for (const { place } of of.waiting) {
    const gate = gateBefore(place) ?? place.tickets.get(place.users[0] ?? '')?.gate;
    const rows = [place.origin.address, ...(gate === undefined ? [] : [rowOfGate(gate)])];
    for (const row of rows) waiting.set(row, (waiting.get(row) ?? 0) + 1);
  }
  const kinds = [...of.gates.entries(waiting, now), ...of.sources.entries(waiting, now)];
  const worth = kinds.flatMap((entries) =>
    entries.filter(({ failures, waiting }) => failures > 0 || waiting > 0).slice(-MOST_LISTED),
  );
  return of.lifts.mark(worth, now);
}

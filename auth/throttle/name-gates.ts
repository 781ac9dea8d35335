import type { Instant } from '../../core/index.ts';
import { ACQUAINTED, Gate, STRANGERS } from './gate.ts';
import { HotTable } from './hot-table.ts';
import type { Place } from './place.ts';
import { nameEntry, type ThrottleEntry } from './throttle-entry.ts';

/**
 * The gates before names. Whoever sends a name that may be read in several ways guesses at all users whom it may mean, so
 * he needs a token of each. Which of them exist plays no part.
 */
export class NameGates {
  readonly #strangers: HotTable<Gate>;
  readonly #acquainted: HotTable<Gate>;

  /** @param most gates of strangers, and of others, that are kept; and as many that were busy */
  constructor(most: number) {
    const gates = (): HotTable<Gate> =>
      new HotTable({
        most,
        isHot: (gate, now) => gate.tokens(now) <= (2 / 3) * gate.size,
      });
    this.#strangers = gates();
    this.#acquainted = gates();
  }

  /** Names, by what operators call them. */
  get size(): { readonly users: number; readonly attacked: number } {
    const users = new Set<string>();
    const attacked = new Set<string>();
    for (const [, { shownAs, isAttacked }] of this.#strangers.entries()) {
      users.add(shownAs);
      if (isAttacked) attacked.add(shownAs);
    }
    for (const [, { shownAs }] of this.#acquainted.entries()) users.add(shownAs);
    return { users: users.size, attacked: attacked.size };
  }

  /** Stands in line where others may be before it; a gate with nothing to remember is passed when its turn has come. */
  join(place: Place, now: Instant): void {
    const table = this.#tableOf(place);
    for (const [index, user] of place.users.entries()) {
      if (index === 0 || table.get(place.gatePrefix + user) !== undefined) this.#join(place, user, now);
    }
  }

  /** Whether it has a token of each name. To be asked when nothing else is in its way. */
  hasPassed(place: Place, now: Instant, random: () => number): boolean {
    if (gateBefore(place) !== undefined) return false;
    for (const user of place.users) {
      if (!place.tickets.has(user)) this.#join(place, user, now);
    }
    for (const { token, gate } of place.tickets.values()) if (token === 'none') gate.draw(now, random);
    return gateBefore(place) === undefined;
  }

  /** The place is no more. @param isUsed its tokens were spent on a guess; else they go back */
  leave(place: Place, now: Instant, isUsed: boolean): void {
    const table = this.#tableOf(place);
    for (const [user, ticket] of place.tickets) {
      const key = place.gatePrefix + user;
      ticket.gate.leave(ticket, now, isUsed);
      if (ticket.gate.places === 0 && table.get(key) === ticket.gate) table.release(key, now);
    }
  }

  /** The place needs no tokens any more. */
  lift(place: Place, now: Instant): void {
    place.isLifted = true;
    for (const ticket of place.tickets.values()) ticket.gate.lift(ticket, now);
  }

  /** @returns the gate with which an attack has begun, unless there was one before */
  noteFailure(place: Place, now: Instant): Gate | undefined {
    const gates = [...place.tickets.values()].map(({ gate }) => gate);
    const begun = gates.filter((gate) => gate.noteFailure(place.origin.network, now));
    return gates.some((gate) => gate.isAttacked && !begun.includes(gate)) ? undefined : begun[0];
  }

  /** What has nothing to remember is not kept. */
  tidy(place: Place, now: Instant): void {
    for (const [user, { gate }] of place.tickets) {
      const [table, key] = [this.#tableOf(place), place.gatePrefix + user];
      if (gate.isIdle(now) && table.get(key) === gate) table.delete(key);
    }
  }

  clear(): void {
    this.#strangers.clear();
    this.#acquainted.clear();
  }

  /** One for each name as operators call it: that of its gate with most failures. @param waiting clients, by that name */
  entries(waiting: ReadonlyMap<string, number>, now: Instant): ThrottleEntry[] {
    const byName = new Map<string, ThrottleEntry>();
    for (const [, gate] of this.#strangers.entries()) {
      const { shownAs } = gate;
      const entry = nameEntry(shownAs, gate, waiting.get(shownAs) ?? 0, now);
      if (entry.failures >= (byName.get(shownAs)?.failures ?? 0)) byName.set(shownAs, entry);
    }
    return [...byName.values()];
  }

  #join(place: Place, user: string, now: Instant): void {
    const { shownAs, gatePrefix } = place;
    const rule = gatePrefix === '' ? STRANGERS : ACQUAINTED;
    const gate = this.#tableOf(place).hold(gatePrefix + user, () => new Gate(rule, shownAs, now));
    gate.shownAs = shownAs;
    const ticket = gate.join(place, now);
    place.tickets.set(user, ticket);
    if (place.isLifted) gate.lift(ticket, now);
  }

  #tableOf({ gatePrefix }: Place): HotTable<Gate> {
    return gatePrefix === '' ? this.#strangers : this.#acquainted;
  }
}

/** Where it waits for a token. */
export function gateBefore({ tickets }: Place): Gate | undefined {
  for (const { token, gate } of tickets.values()) if (token === 'none') return gate;
  return undefined;
}

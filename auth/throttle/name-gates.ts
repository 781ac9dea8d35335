import { type Instant, LOOPBACK_ADDRESS } from '../../core/index.ts';
import { Gate, type GateOf } from './gate.ts';
import { HotTable } from './hot-table.ts';
import { type Realm, userKey } from './keys.ts';
import { type Place, SHARED } from './place.ts';
import { gateEntry, realmOf, rowOfGate, type ThrottleEntry } from './throttle-entry.ts';

/**
 * The gates before names. Whoever sends a name that may be read in several ways guesses at all users whom it may mean, so
 * he needs a token of each. Which of them exist plays no part. On loopback, where no address bounds them, those who try
 * name after name share one more gate, which everybody there passes last: so nobody who waits for a name holds a token
 * that others need.
 */
export class NameGates {
  readonly #strangers: HotTable<Gate<Place>>;
  readonly #acquainted: HotTable<Gate<Place>>;
  /** Of everybody on loopback. An administrator who comes through ssh does not wait for what guesses at VPN users. */
  readonly #shared = new Map<Realm, Gate<Place>>();

  /** @param most gates of strangers, and of others, that are kept; and as many that were busy */
  constructor(most: number) {
    const gates = (): HotTable<Gate<Place>> =>
      new HotTable({
        most,
        isHot: (gate, now) => gate.tokens(now) <= (2 / 3) * gate.size,
      });
    this.#strangers = gates();
    this.#acquainted = gates();
  }

  /** Names, by what operators call them; loopback counts as one more that is attacked. */
  get size(): { readonly users: number; readonly attacked: number } {
    const users = new Set<string>();
    const attacked = new Set<string>();
    for (const table of [this.#strangers, this.#acquainted]) {
      for (const [, { shownAs, isAttacked }] of table.entries()) {
        users.add(shownAs);
        if (isAttacked) attacked.add(shownAs);
      }
    }
    const shared = [...this.#shared.values()].filter(({ isAttacked }) => isAttacked).length;
    return { users: users.size, attacked: attacked.size + shared };
  }

  /** Stands in line where others may be before it; a gate with nothing to remember is passed when its turn has come. */
  join(place: Place, now: Instant): void {
    const table = this.#tableOf(place);
    for (const [index, user] of place.users.entries()) {
      if (index === 0 || table?.get(place.gatePrefix + user) !== undefined) this.#join(place, user, now);
    }
  }

  /** Whether it has all tokens that it needs. To be asked when nothing else is in its way. */
  hasPassed(place: Place, now: Instant, random: () => number): boolean {
    if (gateBefore(place) !== undefined) return false;
    for (const user of place.users) {
      if (!place.tickets.has(user)) this.#join(place, user, now);
    }
    if (!drawn(place, now, random)) return false;
    if (!place.isSharing || place.tickets.has(SHARED)) return true;
    this.#give(place, SHARED, this.#sharedGate(place, now), now);
    return drawn(place, now, random);
  }

  /** The place is no more. @param isUsed its tokens were spent on a guess; else they go back */
  leave(place: Place, now: Instant, isUsed: boolean): void {
    for (const ticket of place.tickets.values()) {
      const { gate } = ticket;
      const table = this.#tableOf(gate.of);
      gate.leave(ticket, now, isUsed);
      if (gate.places === 0 && table?.get(gate.of.key) === gate) table.release(gate.of.key, now);
    }
  }

  /** The place needs no tokens any more. */
  lift(place: Place, now: Instant): void {
    place.isLifted = true;
    for (const ticket of place.tickets.values()) ticket.gate.lift(ticket, now);
  }

  /** The place need not pass the gate of everybody on loopback any more. */
  liftShared(place: Place, now: Instant): void {
    place.isSharing = false;
    const ticket = place.tickets.get(SHARED);
    ticket?.gate.lift(ticket, now);
  }

  /**
   * Whether it is the same wrong password as the last one at each of its names, where no queue of an address looks at that:
   * a client that was not told, and no guess.
   */
  isStale(place: Place, proof: string): boolean {
    const gates = gatesOfNames(place);
    return gates.filter((gate) => gate.isStale(proof)).length === gates.length;
  }

  /** @returns the gates with which an attack has begun: of several readings of a name one, unless there was one before */
  noteFailure(place: Place, now: Instant): Gate<Place>[] {
    const gates = gatesOfNames(place);
    const begun = gates.filter((gate) => gate.noteFailure(place.origin.network, now));
    const isKnown = gates.some((gate) => gate.isAttacked && !begun.includes(gate));
    const shared = place.tickets.get(SHARED)?.gate;
    const isShared = shared?.noteFailure(place.shownAs, now) === true;
    return [...(isKnown ? [] : begun.slice(0, 1)), ...(isShared ? [shared] : [])];
  }

  /** What has nothing to remember is not kept. */
  tidy(place: Place, now: Instant): void {
    for (const { gate } of place.tickets.values()) {
      const table = this.#tableOf(gate.of);
      if (gate.isIdle(now) && table?.get(gate.of.key) === gate) table.delete(gate.of.key);
    }
  }

  /** What was counted of that address, or of loopback, alone. Places that stand there have to be lifted before. */
  forget(address: string): void {
    for (const [key, { of }] of [...this.#acquainted.entries()]) if (of.at === address) this.#acquainted.delete(key);
    if (address === LOOPBACK_ADDRESS) this.#shared.clear();
  }

  clear(): void {
    this.#strangers.clear();
    this.#acquainted.clear();
    this.#shared.clear();
  }

  /**
   * Names, by what operators call them: of each its gate with most failures, one list for strangers, one for where users
   * have logged in before and for loopback, and one for all names there.
   *
   * @param waiting clients, by `rowOfGate`
   */
  entries(waiting: ReadonlyMap<string, number>, now: Instant): ThrottleEntry[][] {
    const gates = [this.#strangers.entries(), this.#acquainted.entries(), this.#shared.entries()];
    return gates.map((kind) => {
      const byRow = new Map<string, ThrottleEntry>();
      for (const [, gate] of kind) {
        const row = rowOfGate(gate);
        const entry = gateEntry(gate, waiting.get(row) ?? 0, now);
        if (entry.failures >= (byRow.get(row)?.failures ?? 0)) byRow.set(row, entry);
      }
      return [...byRow.values()];
    });
  }

  #join(place: Place, user: string, now: Instant): void {
    const { shownAs, gatePrefix, limit, origin } = place;
    const key = gatePrefix + user;
    const at = limit === 'strangers' || limit === 'known-browser' ? undefined : origin.address;
    const table = limit === 'strangers' ? this.#strangers : this.#acquainted;
    const gate = table.hold(key, () => new Gate({ limit, key, at, shownAs }, now));
    gate.shownAs = shownAs;
    this.#give(place, user, gate, now);
  }

  #sharedGate({ shownAs }: Place, now: Instant): Gate<Place> {
    const realm = realmOf(shownAs);
    const known = this.#shared.get(realm);
    if (known !== undefined) return known;
    const gate = new Gate<Place>(
      { limit: 'loopback', key: realm, at: LOOPBACK_ADDRESS, shownAs: userKey(realm, '') },
      now,
    );
    this.#shared.set(realm, gate);
    return gate;
  }

  #give(place: Place, key: string, gate: Gate<Place>, now: Instant): void {
    const ticket = gate.join(place, now);
    place.tickets.set(key, ticket);
    if (place.isLifted) gate.lift(ticket, now);
  }

  /** None of the shared gates, which are never given up. */
  #tableOf({ limit }: Pick<GateOf, 'limit'>): HotTable<Gate<Place>> | undefined {
    if (limit === 'loopback') return undefined;
    return limit === 'strangers' ? this.#strangers : this.#acquainted;
  }
}

/** Where it waits for a token. */
export function gateBefore({ tickets }: Place): Gate<Place> | undefined {
  for (const { token, gate } of tickets.values()) if (token === 'none') return gate;
  return undefined;
}

function drawn(place: Place, now: Instant, random: () => number): boolean {
  for (const { token, gate } of place.tickets.values()) if (token === 'none') gate.draw(now, random);
  return gateBefore(place) === undefined;
}

function gatesOfNames({ tickets }: Place): Gate<Place>[] {
  return [...tickets].filter(([key]) => key !== SHARED).map(([, { gate }]) => gate);
}

/**
 * Numbered places (IPv4 addresses, indexes of IPv6 prefixes) leased to sessions. A place has one holder at a time, and
 * a user gets back the place of last time as long as nobody needed it more. Cost per lease does not grow with the range.
 */

import { foldUserName } from '../core/index.ts';

/** Places remembered for one user, so that two devices of one person both come back to their own. */
const REMEMBERED_PER_USER = 8;

export class StickyLeases {
  readonly #first: number;
  readonly #last: number;
  /** Places from here to the last were never looked at; one in none of the maps below is free. */
  #fresh: number;
  readonly #holders = new Map<number, string>();
  readonly #heldBy = new Map<string, number>();
  /** How many places of the range are held. */
  #used = 0;
  /** Whose place it was last, held or not. */
  readonly #owners = new Map<number, string>();
  /** The same the other way round; the first one remembered is the first one tried. */
  readonly #placesOf = new Map<string, Set<number>>();
  readonly #blocked = new Set<number>();
  /** Free and nobody's; the one released longest ago is first. */
  readonly #forgotten = new Set<number>();
  /** Free and remembered by its owner; the one released longest ago is first. */
  readonly #remembered = new Set<number>();

  /** @param first and @param last bound the places that are handed out unasked, both included */
  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#fresh = first;
  }

  /**
   * A place for a session: one that its user had before; else one that nobody remembers, never used before least
   * recently used; else the one that somebody else has not needed for longest. A session that has a place keeps it.
   *
   * @param user compared as `foldUserName` has it
   * @returns undefined if all are held or blocked
   */
  take(user: string, session: string): number | undefined {
    const held = this.#heldBy.get(session);
    if (held !== undefined) return held;
    const owner = foldUserName(user);
    const place = this.#ownPlace(owner) ?? this.#freshPlace() ?? oldest(this.#forgotten) ?? oldest(this.#remembered);
    if (place === undefined) return undefined;
    this.#remember(owner, place);
    this.#hold(place, session);
    return place;
  }

  /**
   * Gives a session the place that it asks for, in the stead of the one that it has: only if it is free and nobody else's,
   * so not blocked, and remembered by no other user. It is remembered like one that `take` found.
   *
   * @returns whether the session has it now
   */
  choose(place: number, user: string, session: string): boolean {
    const owner = foldUserName(user);
    if (this.#holders.get(place) === session) return true;
    if (!this.#isInRange(place) || this.#blocked.has(place) || this.#holders.has(place)) return false;
    if ((this.#owners.get(place) ?? owner) !== owner) return false;
    this.#remember(owner, place);
    this.#hold(place, session);
    return true;
  }

  /** Gives a session this very place, in the range or not, blocked or not. @returns the session that has it, if another does */
  claim(place: number, session: string): string | undefined {
    const holder = this.#holders.get(place);
    if (holder !== undefined && holder !== session) return holder;
    this.#hold(place, session);
    return undefined;
  }

  /** Ends a session's hold; without effect if another session, or none, has the place. */
  release(place: number, session: string): void {
    if (this.#holders.get(place) !== session) return;
    this.#holders.delete(place);
    if (this.#isInRange(place)) this.#used -= 1;
    this.#heldBy.delete(session);
    this.#settle(place);
  }

  holder(place: number): string | undefined {
    return this.#holders.get(place);
  }

  /** Lets `take` pass over a place; who holds it keeps it. */
  block(place: number): void {
    this.#blocked.add(place);
    this.#settle(place);
  }

  unblock(place: number): void {
    if (this.#blocked.delete(place)) this.#settle(place);
  }

  /** Makes a place the user's as if it had been leased before; without effect if it is somebody's or out of range. */
  recall(user: string, place: number): void {
    if (!this.#isInRange(place) || this.#owners.has(place)) return;
    this.#remember(foldUserName(user), place);
    this.#settle(place);
  }

  /** How many places of the range are held. */
  get used(): number {
    return this.#used;
  }

  #ownPlace(owner: string): number | undefined {
    for (const place of this.#placesOf.get(owner) ?? []) {
      if (!this.#holders.has(place) && !this.#blocked.has(place)) return place;
    }
    return undefined;
  }

  #freshPlace(): number | undefined {
    while (this.#fresh <= this.#last) {
      const place = this.#fresh;
      this.#fresh += 1;
      const isKnown = this.#holders.has(place) || this.#blocked.has(place) || this.#owners.has(place);
      if (!isKnown && !this.#forgotten.has(place)) return place;
    }
    return undefined;
  }

  #hold(place: number, session: string): void {
    const before = this.#heldBy.get(session);
    if (before !== undefined && before !== place) this.release(before, session);
    if (this.#isInRange(place) && !this.#holders.has(place)) this.#used += 1;
    this.#holders.set(place, session);
    this.#heldBy.set(session, place);
    this.#settle(place);
  }

  #remember(owner: string, place: number): void {
    const before = this.#owners.get(place);
    if (before === owner) return;
    if (before !== undefined) this.#forget(before, place);
    this.#owners.set(place, owner);
    const places = this.#placesOf.get(owner) ?? new Set();
    this.#placesOf.set(owner, places.add(place));
    if (places.size <= REMEMBERED_PER_USER) return;
    for (const other of places) {
      if (this.#holders.has(other) || other === place) continue;
      this.#forget(owner, other);
      this.#settle(other);
      return;
    }
  }

  #forget(owner: string, place: number): void {
    this.#owners.delete(place);
    const places = this.#placesOf.get(owner);
    places?.delete(place);
    if (places?.size === 0) this.#placesOf.delete(owner);
  }

  /** Puts a place whose state changed into the queue where it belongs, at the end, or into none. */
  #settle(place: number): void {
    this.#forgotten.delete(place);
    this.#remembered.delete(place);
    if (!this.#isInRange(place) || this.#holders.has(place) || this.#blocked.has(place)) return;
    (this.#owners.has(place) ? this.#remembered : this.#forgotten).add(place);
  }

  #isInRange(place: number): boolean {
    return place >= this.#first && place <= this.#last;
  }
}

function oldest(places: ReadonlySet<number>): number | undefined {
  for (const place of places) return place;
  return undefined;
}

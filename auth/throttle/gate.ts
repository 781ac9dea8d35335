import type { Instant, Origin } from '../../core/index.ts';
import { pick } from './draw.ts';
import { type BucketRule, TokenBucket } from './token-bucket.ts';

export interface GateRule extends BucketRule {
  /** Of those that were drawn, so many are judged in an hour at most. */
  readonly mostDrawnPerHour: number;
}

/**
 * Which guesses a gate counts together. `strangers`: at a name, of all addresses that never logged in as that user;
 * `known-address`, `known-browser`: at a name, of one that did; `lifted-name`: at a name that is lifted, of one address;
 * `loopback-name`: at a name, of everybody on loopback; `loopback`: at whatever names, of everybody there.
 */
export type Limit = 'strangers' | 'known-address' | 'known-browser' | 'lifted-name' | 'loopback-name' | 'loopback';

const STRANGERS: GateRule = { size: 30, msPerToken: 60_000, mostDrawnPerHour: 60 };
/** Somebody else may be there: who has a token less than every 10 s has had enough. */
const ACQUAINTED: GateRule = { size: 30, msPerToken: 10_000, mostDrawnPerHour: 360 };
/** Perhaps it is the whole office behind a proxy: ten typing errors of each of thirty, and then of somebody each second. */
const LOOPBACK: GateRule = { size: 300, msPerToken: 1_000, mostDrawnPerHour: 3_600 };

export const GATE_RULES: Readonly<Record<Limit, GateRule>> = {
  strangers: STRANGERS,
  ...{ 'known-address': ACQUAINTED, 'known-browser': ACQUAINTED, 'lifted-name': ACQUAINTED },
  ...{ 'loopback-name': ACQUAINTED, loopback: LOOPBACK },
};

const HOUR_MS = 3_600_000;
/** Enough to say that they are many. */
const MOST_OTHERS = 2_048;

/** What is known of guesses since the bucket was last full. */
export interface GateRecord {
  readonly since: Instant;
  readonly failures: number;
  /** Networks from which they came (/24 or /48), of `loopback` the names; counted up to 2,048. */
  readonly others: number;
}

/** What tells a gate from others. */
export interface GateOf {
  readonly limit: Limit;
  /** In the table that has it. */
  readonly key: string;
  /** The address, where it counts one. */
  readonly at: string | undefined;
  /** The key of the name by which operators know it: of one that may be read in several ways, the one that means somebody. */
  readonly shownAs: string;
}

/** Who stands before a gate. */
export interface Entrant {
  readonly origin: Origin;
}

/** What a place has at the gate of a name, or of everybody on loopback. */
export interface Ticket<P extends Entrant = Entrant> {
  readonly gate: Gate<P>;
  readonly place: P;
  /** `taken`: there was one; `drawn`: by lot; `lifted`: it needs none. */
  token: 'none' | 'taken' | 'drawn' | 'lifted';
}

/**
 * A bucket of tokens before a name, or before all names, and those who wait for one. A token is drawn by lot: first a network, then one of
 * its places, so that who has a thousand addresses in four networks has four lots.
 */
export class Gate<P extends Entrant = Entrant> {
  readonly #rule: GateRule;
  readonly #bucket: TokenBucket;
  /** Tickets of places without a token, by network. */
  readonly #waiting = new Map<string, Set<Ticket<P>>>();
  /** Instants at which a drawn token was used, the oldest first. */
  readonly #used: Instant[] = [];
  /** Drawn and not used yet. */
  #owing = 0;
  #places = 0;
  #since: Instant;
  #failures = 0;
  readonly #others = new Set<string>();
  /** Of the last wrong password that was asked about. */
  #wrongProof: string | undefined;
  /** Failures have used up its tokens, and they have not come back by half. */
  isAttacked = false;
  readonly of: GateOf;
  /** As in `of`, until another one came that has a better reading. */
  shownAs: string;

  constructor(of: GateOf, now: Instant, rule: GateRule = GATE_RULES[of.limit]) {
    this.of = of;
    this.shownAs = of.shownAs;
    this.#rule = rule;
    this.#bucket = new TokenBucket(rule, now);
    this.#since = now;
  }

  /** Places that belong here, with a token or without. */
  get places(): number {
    return this.#places;
  }

  /** Networks with places that wait for a token. */
  get waitingNetworks(): number {
    return this.#waiting.size;
  }

  /** Places that do. */
  get waitingPlaces(): number {
    let places = 0;
    for (const ofNetwork of this.#waiting.values()) places += ofNetwork.size;
    return places;
  }

  get size(): number {
    return this.#rule.size;
  }

  tokens(now: Instant): number {
    return this.#bucket.level(now);
  }

  isIdle(now: Instant): boolean {
    return this.#places === 0 && this.#bucket.isFull(now);
  }

  record(now: Instant): GateRecord {
    this.#forget(now);
    return { since: this.#since, failures: this.#failures, others: this.#others.size };
  }

  /** A place that wants a token: it gets one, unless others wait for theirs. */
  join(place: P, now: Instant): Ticket<P> {
    this.#places += 1;
    const { network } = place.origin;
    if (this.#waiting.size === 0 && this.#bucket.take(now)) return { gate: this, place, token: 'taken' };
    const ticket: Ticket<P> = { gate: this, place, token: 'none' };
    const ofNetwork = this.#waiting.get(network) ?? new Set();
    this.#waiting.set(network, ofNetwork.add(ticket));
    return ticket;
  }

  /** Hands out the tokens that are there. @param random from 0 up to 1 */
  draw(now: Instant, random: () => number): void {
    while (this.#waiting.size > 0 && this.#mayDraw(now) && this.#bucket.take(now)) {
      const ofNetwork = pick([...this.#waiting.values()], random);
      const ticket = pick([...ofNetwork], random);
      this.#stopWaiting(ticket);
      ticket.token = 'drawn';
      this.#owing += 1;
    }
  }

  /** When there is something to draw. */
  nextDraw(now: Instant): Instant {
    const tooMany = this.#used.length + this.#owing - this.#rule.mostDrawnPerHour;
    const next = this.#bucket.nextAt(now);
    if (tooMany < 0) return next;
    const oldest = this.#used[tooMany];
    return Math.max(next, oldest === undefined ? now + this.#rule.msPerToken : oldest + HOUR_MS);
  }

  /** The place is no more. @param isUsed its token was spent on a guess; else it goes back */
  leave(ticket: Ticket<P>, now: Instant, isUsed: boolean): void {
    this.#places -= 1;
    switch (ticket.token) {
      case 'none':
        this.#stopWaiting(ticket);
        break;
      case 'drawn':
        this.#owing -= 1;
        if (isUsed) this.#used.push(now);
        else this.#bucket.giveBack(now);
        break;
      case 'taken':
        if (!isUsed) this.#bucket.giveBack(now);
        break;
      case 'lifted':
        break;
      default:
        ticket.token satisfies never;
    }
  }

  /** Whether it is the same wrong password as the last one here, which is no new guess; from now on it is the last one. */
  isStale(proof: string): boolean {
    const isSame = proof === this.#wrongProof;
    this.#wrongProof = proof;
    return isSame;
  }

  /** The place needs none any more. */
  lift(ticket: Ticket<P>, now: Instant): void {
    if (ticket.token === 'none') this.#stopWaiting(ticket);
    if (ticket.token === 'drawn') this.#owing -= 1;
    if (ticket.token === 'drawn' || ticket.token === 'taken') this.#bucket.giveBack(now);
    ticket.token = 'lifted';
  }

  /**
   * @param other the network from which it came, of `loopback` the name
   * @returns whether an attack has begun with it
   */
  noteFailure(other: string, now: Instant): boolean {
    this.#forget(now);
    this.#failures += 1;
    if (this.#others.size < MOST_OTHERS) this.#others.add(other);
    const wasAttacked = this.isAttacked;
    this.isAttacked ||= !this.#bucket.has(now) && this.#failures >= this.#rule.size / 2;
    return this.isAttacked && !wasAttacked;
  }

  /** The places of the network that has most of them. */
  crowd(): P[] {
    const most = [...this.#waiting.values()].reduce((a, b) => (b.size > a.size ? b : a), new Set<Ticket<P>>());
    return [...most].map(({ place }) => place);
  }

  #mayDraw(now: Instant): boolean {
    while (this.#used[0] !== undefined && this.#used[0] + HOUR_MS <= now) this.#used.shift();
    return this.#used.length + this.#owing < this.#rule.mostDrawnPerHour;
  }

  #stopWaiting(ticket: Ticket<P>): void {
    const { network } = ticket.place.origin;
    const ofNetwork = this.#waiting.get(network);
    ofNetwork?.delete(ticket);
    if (ofNetwork?.size === 0) this.#waiting.delete(network);
  }

  #forget(now: Instant): void {
    const level = this.#bucket.level(now);
    if (level >= this.#rule.size / 2) this.isAttacked = false;
    if (!this.#bucket.isFull(now)) return;
    this.#since = now;
    this.#failures = 0;
    this.#others.clear();
  }
}

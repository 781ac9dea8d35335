/**
 * Slows password guessing without telling right from wrong, without locking anybody out, and without punishing those who
 * share an address or a name with a guesser. A pure machine: time and chance come in as arguments.
 *
 * By address, each failure doubles the step of a queue (`source.ts`); the networks around an IPv6 address have one too.
 *
 * By name, all addresses that never logged in as that user share a bucket of guesses: 30, then one a minute, drawn by lot
 * among the networks that wait (`gate.ts`). An address from which the user did log in, and a browser, pass beside both:
 * they have a bucket of their own, so that somebody else at that address cannot guess without end. On loopback, where
 * everybody has the same address, the name counts, with such a bucket, and all names together with one that everybody there
 * shares. A name that may be read in several ways is all of them (`name-gates.ts`).
 *
 * An address that waits keeps its place between calls for ten minutes, since clients give up and dial again. Whoever need
 * not wait never meets those who do. A name that nobody has takes the same steps.
 */
import { type Instant, originOf } from '../../core/index.ts';
import { AbsentPlaces } from './absent-places.ts';
import { pick } from './draw.ts';
import type { Gate, Limit } from './gate.ts';
import { holdOf } from './hold.ts';
import { Homes } from './homes.ts';
import { Lifts, type LiftTarget } from './lifts.ts';
import { listed } from './listed.ts';
import { NameGates } from './name-gates.ts';
import { newPlace } from './new-place.ts';
import type { LoginAttempt, Place, Turn } from './place.ts';
import { Sources } from './sources.ts';
import { realmOf, type ThrottleEntry } from './throttle-entry.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface LoginThrottleOptions {
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Addresses, networks of each size and users that are remembered, and of each as many that were busy. */
  readonly maxEntries?: number;
  /** Told when guesses are used up: see `Limit`. */
  readonly attacked?: (attack: Attack) => void;
}

/** Guesses at one name, or on loopback at whatever names, that are used up. */
export interface Attack {
  readonly realm: LoginAttempt['realm'];
  /** Undefined for `loopback`. */
  readonly user: string | undefined;
  readonly limit: Limit;
  /** The one address that they came from. */
  readonly at: string | undefined;
  readonly failures: number;
  /** /24 or /48 that they came from, of `loopback` names. */
  readonly others: number;
  /** How long they have taken. */
  readonly ms: number;
}

/** `stale`: nothing that could be a new guess, such as the password before this one. `unjudged`: nobody looked. */
export type Outcome = 'accepted' | 'refused' | 'stale' | 'unjudged';

/** What is to be done now. */
export interface Due {
  /** To be judged, and then settled. */
  readonly judge: readonly Turn[];
  /** Have waited for as long as anybody may, or there were too many: to be told to come again. They are out. */
  readonly release: readonly Turn[];
}

/** Below the time that a client has to authenticate, and that a connection of the admin page may be idle. */
export const LONGEST_HOLD_MS = 25_000;
/** How long a place is kept for a client that has gone. */
export const PLACE_KEPT_MS = 600_000;

const MOST_ENTRIES = 10_000;
const MOST_PLACES_OF_NAME = 2_048;

/**
 * For every attempt `enter`, then, until `due` hands it out, perhaps `leave`; after `due` has handed it out to be judged
 * exactly one `settle`, also if the client has gone meanwhile. `deadline` says when `due` is to be called next.
 */
export class LoginThrottle {
  readonly #options: LoginThrottleOptions;
  readonly #sources: Sources;
  readonly #gates: NameGates;
  readonly #places = new Map<string, Place>();
  readonly #absent = new AbsentPlaces();
  readonly #waiting: WaitingRoom;
  /** To be handed out by `due`. */
  #ready: Turn[] = [];
  #released: Turn[] = [];
  readonly #homes: Homes;
  readonly #lifts = new Lifts();

  constructor(options: LoginThrottleOptions) {
    this.#options = options;
    this.#waiting = new WaitingRoom(options.random);
    const most = options.maxEntries ?? MOST_ENTRIES;
    this.#sources = new Sources(most);
    this.#gates = new NameGates(most);
    this.#homes = new Homes(most);
  }

  /** How many addresses and users are remembered, and clients wait now, for metrics. */
  get size(): {
    readonly addresses: number;
    readonly users: number;
    readonly waiting: number;
    readonly attacked: number;
  } {
    return { ...this.#gates.size, addresses: this.#sources.addresses, waiting: this.#waiting.size };
  }

  /** When `due` has something to do; undefined if nobody waits. */
  deadline(now: Instant): Instant | undefined {
    if (this.#ready.length > 0 || this.#released.length > 0) return now;
    let earliest: Instant | undefined;
    for (const turn of this.#waiting) {
      const { place } = turn;
      const judged = place.judging !== undefined ? Number.POSITIVE_INFINITY : readyAt(place, now);
      const at = Math.min(turn.enteredAt + LONGEST_HOLD_MS, judged);
      if (earliest === undefined || at < earliest) earliest = at;
    }
    return earliest;
  }

  /** Somebody wants to log in. If its `hold` is undefined, the next `due` hands it out. */
  enter(attempt: LoginAttempt, now: Instant): Turn {
    this.#expire(now);
    const place = this.#placeOf(attempt, now);
    const turn: Turn = { attempt, place, enteredAt: now, hold: undefined, isNext: false };
    this.#add(turn, place, now);
    if (this.#mayGo(place, now)) {
      this.#hand(turn);
      return turn;
    }
    turn.hold = holdOf(place, now);
    for (const other of this.#waiting.admit(turn)) {
      this.#remove(other, now);
      this.#released.push(other);
    }
    return turn;
  }

  due(now: Instant): Due {
    const judge = this.#ready;
    const release = this.#released;
    [this.#ready, this.#released] = [[], []];
    const gates = new Set<Gate<Place>>();
    for (const { place } of this.#waiting) {
      for (const { token, gate } of place.tickets.values()) if (token === 'none') gates.add(gate);
    }
    for (const gate of gates) gate.draw(now, this.#options.random);
    for (const turn of [...this.#waiting]) {
      const { place } = turn;
      if (this.#mayGo(place, now)) {
        const next = this.#oneOf(place);
        this.#waiting.delete(next);
        this.#hand(next);
        judge.push(...this.#ready.splice(0));
      } else if (turn.enteredAt + LONGEST_HOLD_MS <= now) {
        this.leave(turn, now);
        release.push(turn);
      }
    }
    return { judge, release };
  }

  /** The client has gone, or waits no longer. Its place is kept for a while. While it is judged that changes nothing. */
  leave(turn: Turn, now: Instant): void {
    const { place } = turn;
    this.#released = this.#released.filter((each) => each !== turn);
    const isReady = this.#ready.includes(turn);
    if (isReady) {
      this.#ready = this.#ready.filter((each) => each !== turn);
      place.judging = undefined;
    } else if (place.judging === turn) return;
    this.#waiting.delete(turn);
    this.#remove(turn, now);
  }

  /** Whether `due` has handed it out, and it is not settled. */
  isJudged(turn: Turn): boolean {
    return turn.place.judging === turn && !this.#ready.includes(turn);
  }

  settle(turn: Turn, outcome: Outcome, now: Instant): void {
    const { place, attempt } = turn;
    this.#waiting.delete(turn);
    this.#ready = this.#ready.filter((each) => each !== turn);
    place.turns.delete(turn);
    place.judging = undefined;
    const isGuess = this.#settleSlots(place, attempt, outcome, now);
    if (outcome === 'accepted') {
      this.#homes.noteLogin(place.origin.address, now);
      if (!attempt.isKnown && attempt.browser === undefined) this.#lifts.used(place.users);
    }
    this.#forgetPlace(place, now, isGuess);
    for (const gate of isGuess ? this.#gates.noteFailure(place, now) : []) this.#tellAttack(place, gate, now);
    this.#tidy(place, now);
    // Those behind it stand in line anew, as what they are: the next guess.
    if (place.turns.size === 0) return;
    const next = this.#placeOf(attempt, now);
    for (const other of place.turns) {
      other.isNext ||= outcome === 'refused';
      this.#add(other, next, now);
    }
  }

  /** A session from there is up: somebody is at home there. To be called again with -1 when it ends. */
  noteSession(address: string, step: 1 | -1): void {
    this.#homes.noteSession(originOf(address).address, step);
  }

  /**
   * Lets a name or an address pass for so long. A name passes the gate of strangers, and that of everybody on loopback, until
   * its owner has logged in: each address has guesses of its own meanwhile, and is slowed by its failures as before. An
   * address passes everything, whoever waits there goes on at once, and its failures are forgotten.
   */
  lift(target: LiftTarget, ms: number, now: Instant): void {
    this.#lifts.add(target, ms, now);
    for (const place of this.#places.values()) {
      if (this.#lifts.coversAddress(place.origin.address, now)) this.#letGo(place, now);
      else if (!this.#lifts.coversName(place.users, now)) continue;
      else if (place.isStranger) this.#gates.lift(place, now);
      else this.#gates.liftShared(place, now);
    }
    if (target.kind === 'name') return;
    const { address } = originOf(target.address);
    this.#sources.forget(address);
    this.#gates.forget(address);
  }

  /** Forgets all failures; whoever waits goes on at once. */
  liftAll(now: Instant): void {
    for (const place of [...this.#places.values()]) {
      if (place.turns.size > 0) this.#letGo(place, now);
      else this.#takeAway(place);
    }
    this.#sources.clear();
    this.#gates.clear();
  }

  /** Who is slowed, attacked or lifted; at most 1,000 of each kind. */
  list(now: Instant): ThrottleEntry[] {
    return listed({ gates: this.#gates, sources: this.#sources, lifts: this.#lifts, waiting: this.#waiting }, now);
  }

  #placeOf(attempt: LoginAttempt, now: Instant): Place {
    const place = newPlace(attempt, this.#lifts, now);
    const kept = this.#places.get(place.key);
    // Who comes while somebody of the same place is judged takes tokens and a slot of his own, and waits for no verdict.
    if (kept !== undefined && kept.judging === undefined) return kept;
    this.#gates.join(place, now);
    this.#places.set(place.key, place);
    this.#makeRoom(place, now);
    return place;
  }

  /** @returns whether it was a guess that failed */
  #settleSlots(place: Place, attempt: LoginAttempt, outcome: Outcome, now: Instant): boolean {
    const { slots, users, origin } = place;
    if (outcome !== 'refused') {
      for (const slot of slots) slot.source.giveBack(slot, users, now);
      return false;
    }
    const options = { proof: attempt.proof, isHome: this.#homes.has(origin.address, now) };
    if (slots.length === 0) {
      // Administrators have no client that keeps trying, and each of their tries costs a long hash.
      const isNew = attempt.proof === undefined || attempt.realm === 'admin';
      return isNew || !this.#gates.isStale(place, attempt.proof);
    }
    // By the address, which comes first: others in a network may have the same wrong password.
    return slots.map((slot) => slot.source.pay(slot, users, now, options))[0] === true;
  }

  #forgetPlace(place: Place, now: Instant, isUsed: boolean): void {
    this.#gates.leave(place, now, isUsed);
    this.#takeAway(place);
  }

  #takeAway(place: Place): void {
    if (this.#places.get(place.key) !== place) return;
    this.#places.delete(place.key);
    this.#absent.delete(place);
  }

  /** Places whose clients have not come again. */
  #expire(now: Instant): void {
    for (let place = this.#absent.oldestUntil(now - PLACE_KEPT_MS); place !== undefined; ) {
      this.#drop(place, now);
      place = this.#absent.oldestUntil(now - PLACE_KEPT_MS);
    }
  }

  #makeRoom(newcomer: Place, now: Instant): void {
    for (const { gate } of newcomer.tickets.values()) {
      if (gate.places <= MOST_PLACES_OF_NAME) continue;
      const absent = gate.crowd().find((place) => this.#absent.has(place));
      if (absent !== undefined) this.#drop(absent, now);
    }
  }

  #drop(place: Place, now: Instant): void {
    this.#giveBack(place, now);
    this.#forgetPlace(place, now, false);
    this.#tidy(place, now);
  }

  /** What has nothing to remember is not kept. */
  #tidy(place: Place, now: Instant): void {
    this.#gates.tidy(place, now);
    this.#sources.tidy(place.origin, now);
  }

  #mayGo(place: Place, now: Instant): boolean {
    if (place.judging !== undefined || place.notBefore > now) return false;
    return this.#gates.hasPassed(place, now, this.#options.random);
  }

  #letGo(place: Place, now: Instant): void {
    this.#gates.lift(place, now);
    place.notBefore = now;
    place.isQueued = false;
  }

  #hand(turn: Turn): void {
    turn.place.judging = turn;
    this.#ready.push(turn);
  }

  /** Of several at one place by lot, since behind a tunnel they may be several people: whoever fails has his turn after them. */
  #oneOf(place: Place): Turn {
    const turns = [...place.turns];
    const next = turns.filter(({ isNext }) => isNext);
    return pick(next.length > 0 ? next : turns, this.#options.random);
  }

  #add(turn: Turn, place: Place, now: Instant): void {
    turn.place = place;
    if (place.turns.size === 0) {
      place.slots = place.isQueued ? this.#sources.reserve(place, now, place.notBefore) : [];
      place.notBefore = place.slots.reduce((latest, slot) => Math.max(latest, slot.notBefore), now);
    }
    place.turns.add(turn);
    this.#absent.delete(place);
  }

  #giveBack(place: Place, now: Instant): void {
    for (const slot of place.slots) slot.source.giveBack(slot, place.users, now);
    place.slots = [];
  }

  /** The client has gone; its place waits for it for a while, and others do not wait for it. */
  #remove(turn: Turn, now: Instant): void {
    const { place } = turn;
    if (!place.turns.delete(turn) || place.turns.size > 0 || this.#places.get(place.key) !== place) return;
    this.#giveBack(place, now);
    place.seenAt = now;
    this.#absent.add(place);
    for (let gone = this.#absent.tooMany(place); gone !== undefined; gone = this.#absent.tooMany(place)) {
      this.#drop(gone, now);
    }
  }

  #tellAttack({ shownAs }: Place, gate: Gate<Place>, now: Instant): void {
    const { limit, at } = gate.of;
    const { failures, others, since } = gate.record(now);
    const user = limit === 'loopback' ? undefined : shownAs.slice(1);
    const ms = Math.round(now - since);
    this.#options.attacked?.({ realm: realmOf(shownAs), user, limit, at, failures, others, ms });
  }
}

function readyAt(place: Place, now: Instant): Instant {
  let at = Math.max(place.notBefore, now);
  for (const { token, gate } of place.tickets.values()) if (token === 'none') at = Math.max(at, gate.nextDraw(now));
  return at;
}

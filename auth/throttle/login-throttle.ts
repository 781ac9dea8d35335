/**
 * Slows password guessing without telling right from wrong, without locking anybody out, and without punishing those who
 * share an address or a name with a guesser. A pure machine: time and chance come in as arguments.
 *
 * By address, each failure doubles the step of a queue (`source.ts`); the networks around an IPv6 address have one too.
 *
 * By name, all addresses that never logged in as that user share a bucket of guesses: 30, then one a minute, drawn by lot
 * among the networks that wait (`gate.ts`). An address from which the user did log in, and a browser, pass beside both:
 * they have a bucket of their own, so that somebody else at that address cannot guess without end. On loopback, where
 * everybody has the same address, the name alone counts, with such a bucket. A name that may be read in several ways is all
 * of them (`name-gates.ts`).
 *
 * An address that waits keeps its place between calls for ten minutes, since clients give up and dial again. Whoever need
 * not wait never meets those who do. A name that nobody has takes the same steps.
 */
import type { Instant } from '../../core/index.ts';
import { AbsentPlaces } from './absent-places.ts';
import { pick } from './draw.ts';
import type { Gate } from './gate.ts';
import { HotTable } from './hot-table.ts';
import { joinedKey, originOf, plainName, userKey, userKeys } from './keys.ts';
import { Lifts, type LiftTarget } from './lifts.ts';
import { gateBefore, NameGates } from './name-gates.ts';
import type { Hold, LoginAttempt, Place, Turn } from './place.ts';
import { ADDRESS_RULE, AROUND_RULES, type Slot, Source, type SourceRule } from './source.ts';
import { realmOf, sourceEntry, type ThrottleEntry } from './throttle-entry.ts';
import { WaitingRoom } from './waiting-room.ts';

export interface LoginThrottleOptions {
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Addresses, networks of each size and users that are remembered, and of each as many that were busy. */
  readonly maxEntries?: number;
  /** Told when all strangers together have used up the guesses at a name. */
  readonly attacked?: (attack: Attack) => void;
}

/** Guesses at one name from addresses that never logged in as that user. */
export interface Attack {
  readonly realm: LoginAttempt['realm'];
  readonly user: string;
  readonly failures: number;
  /** /24 or /48 that they came from. */
  readonly networks: number;
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
/** How long an address counts as somebody's home after a login. */
const HOME_MS = 86_400_000;
/** A step from which on an address is worth a place among the busy ones. */
const HOT_STEP_MS = 2_000;
const MOST_LISTED = 1_000;

/**
 * For every attempt `enter`, then, until `due` hands it out, perhaps `leave`; after `due` has handed it out to be judged
 * exactly one `settle`, also if the client has gone meanwhile. `deadline` says when `due` is to be called next.
 */
export class LoginThrottle {
  readonly #options: LoginThrottleOptions;
  readonly #addresses: HotTable<Source>;
  readonly #around: readonly HotTable<Source>[];
  readonly #gates: NameGates;
  readonly #places = new Map<string, Place>();
  readonly #absent = new AbsentPlaces();
  readonly #waiting: WaitingRoom;
  /** To be handed out by `due`. */
  #ready: Turn[] = [];
  #released: Turn[] = [];
  /** When somebody last logged in from an address; and how many are. */
  readonly #homes = new Map<string, Instant>();
  readonly #sessions = new Map<string, number>();
  readonly #lifts = new Lifts();

  constructor(options: LoginThrottleOptions) {
    this.#options = options;
    this.#waiting = new WaitingRoom(options.random);
    const most = options.maxEntries ?? MOST_ENTRIES;
    const sources = (): HotTable<Source> =>
      new HotTable({ most, isHot: (source, now) => source.stepMs(now) >= HOT_STEP_MS });
    this.#addresses = sources();
    this.#around = AROUND_RULES.map(sources);
    this.#gates = new NameGates(most);
  }

  /** How many addresses and users are remembered, and clients wait now, for metrics. */
  get size(): {
    readonly addresses: number;
    readonly users: number;
    readonly waiting: number;
    readonly attacked: number;
  } {
    return { ...this.#gates.size, addresses: this.#addresses.size, waiting: this.#waiting.size };
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
    turn.hold = this.#hold(place, now);
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
    const gates = new Set<Gate>();
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
      this.#noteHome(place.origin.address, now);
      if (!attempt.isKnown && attempt.browser === undefined) this.#lifts.used(place.users);
    }
    this.#forgetPlace(place, now, isGuess);
    const attacked = isGuess && place.isStranger ? this.#gates.noteFailure(place, now) : undefined;
    if (attacked !== undefined) this.#tellAttack(place, attacked, now);
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
    const { address: key } = originOf(address);
    const count = (this.#sessions.get(key) ?? 0) + step;
    if (count > 0) this.#sessions.set(key, count);
    else this.#sessions.delete(key);
  }

  /**
   * Lets a name or an address pass for so long. A name passes the gate of strangers, until its owner has logged in:
   * each address has guesses of its own meanwhile, and is slowed by its failures as before. An address passes everything,
   * whoever waits there goes on at once, and its failures are forgotten.
   */
  lift(target: LiftTarget, ms: number, now: Instant): void {
    this.#lifts.add(target, ms, now);
    if (target.kind === 'address') this.#addresses.delete(originOf(target.address).address);
    for (const place of this.#places.values()) {
      if (this.#lifts.coversAddress(place.origin.address, now)) this.#letGo(place, now);
      else if (place.isStranger && this.#lifts.coversName(place.users, now)) this.#gates.lift(place, now);
    }
  }

  /** Forgets all failures; whoever waits goes on at once. */
  liftAll(now: Instant): void {
    for (const place of [...this.#places.values()]) {
      if (place.turns.size > 0) this.#letGo(place, now);
      else this.#takeAway(place);
    }
    for (const table of [this.#addresses, ...this.#around, this.#gates]) table.clear();
  }

  /** Who is slowed, attacked or lifted; at most 1,000 of each kind. */
  list(now: Instant): ThrottleEntry[] {
    const waiting = new Map<string, number>();
    for (const { place } of this.#waiting) {
      for (const key of [place.shownAs, place.origin.address]) waiting.set(key, (waiting.get(key) ?? 0) + 1);
    }
    const ofSources = (kind: 'address' | 'network', table: HotTable<Source>): ThrottleEntry[] =>
      [...table.entries()].map(([key, source]) => sourceEntry(kind, key, source, waiting.get(key) ?? 0, now));
    const kinds = [
      this.#gates.entries(waiting, now),
      ofSources('address', this.#addresses),
      ...this.#around.map((table) => ofSources('network', table)),
    ];
    const worth = kinds.flatMap((entries) =>
      entries.filter(({ failures, waiting }) => failures > 0 || waiting > 0).slice(-MOST_LISTED),
    );
    return this.#lifts.mark(worth, now);
  }

  #placeOf(attempt: LoginAttempt, now: Instant): Place {
    const { realm, address, isKnown, browser } = attempt;
    const users = userKeys(realm, attempt.readings ?? [attempt.user]);
    const origin = originOf(address);
    // Whoever sits on this host, or comes through a tunnel that ends here, has no address of his own.
    const isStranger = !origin.isLoopback && !isKnown && browser === undefined;
    const who = browser ?? (origin.isLoopback ? 'loopback' : origin.address);
    const prefix = `${isStranger ? 's' : browser === undefined ? 'k' : 'b'} ${who} `;
    const key = prefix + joinedKey(users);
    const kept = this.#places.get(key);
    if (kept !== undefined) return kept;
    const isLifted = this.#lifts.coversAddress(origin.address, now);
    // A name that is lifted passes the gate of strangers and nothing else: it is lifted in the middle of an attack.
    const isBesideStrangers = isStranger && !isLifted && this.#lifts.coversName(users, now);
    const place: Place = {
      ...{
        key,
        users,
        shownAs: userKey(realm, plainName(attempt.user)),
        origin,
        isStranger,
        isLifted,
        isQueued: isStranger && !isLifted,
        slots: [],
        notBefore: Number.POSITIVE_INFINITY,
      },
      ...{
        gatePrefix: isStranger && !isBesideStrangers ? '' : prefix,
        tickets: new Map(),
        seenAt: now,
        turns: new Set(),
        judging: undefined,
      },
    };
    this.#gates.join(place, now);
    this.#places.set(key, place);
    this.#makeRoom(place, now);
    return place;
  }

  /** @param hadAt its place before, if its client has been away */
  #reserve({ origin, users }: Place, now: Instant, hadAt: Instant): Slot[] {
    const own = this.#source(this.#addresses, origin.address, ADDRESS_RULE, now).reserve(users, now, hadAt);
    const around = this.#around.flatMap((table, index) => {
      const [key, rule] = [origin.around[index], AROUND_RULES[index]];
      return key === undefined || rule === undefined
        ? []
        : [this.#source(table, key, rule, now).reserve(users, now, hadAt)];
    });
    return [own, ...around];
  }

  #source(table: HotTable<Source>, key: string, rule: SourceRule, now: Instant): Source {
    return table.use(key, now, () => new Source(rule, now));
  }

  /** @returns whether it was a guess that failed */
  #settleSlots({ slots, users, origin }: Place, attempt: LoginAttempt, outcome: Outcome, now: Instant): boolean {
    if (outcome !== 'refused') {
      for (const slot of slots) slot.source.giveBack(slot, users, now);
      return false;
    }
    const options = { proof: attempt.proof, isHome: this.#isHome(origin.address, now) };
    // By the address, which comes first: others in a network may have the same wrong password.
    return slots.map((slot) => slot.source.pay(slot, users, now, options))[0] ?? true;
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
    const { origin } = place;
    this.#gates.tidy(place, now);
    const tables = [this.#addresses, ...this.#around];
    for (const [index, name] of [origin.address, ...origin.around].entries()) {
      if (tables[index]?.get(name)?.isIdle(now) === true) tables[index]?.delete(name);
    }
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
      place.slots = place.isQueued ? this.#reserve(place, now, place.notBefore) : [];
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

  #hold(place: Place, now: Instant): Hold {
    const { origin, shownAs, slots } = place;
    const lacking = gateBefore(place);
    if (lacking !== undefined) {
      const { failures } = lacking.record(now);
      const networks = Math.max(lacking.waitingNetworks, 1);
      return { cause: 'name', of: shownAs.slice(1), failures, ms: undefined, networks };
    }
    const longest = slots.reduce<Slot | undefined>(
      (a, b) => (a === undefined || b.notBefore > a.notBefore ? b : a),
      undefined,
    );
    const of = [origin.address, ...origin.around][longest === undefined ? 0 : slots.indexOf(longest)] ?? origin.address;
    const failures = Math.max(1, Math.round(longest?.source.failures(now) ?? 0));
    return { cause: 'address', of, failures, ms: Math.ceil(Math.max(place.notBefore - now, 0)), networks: 1 };
  }

  #tellAttack({ shownAs }: Place, gate: Gate, now: Instant): void {
    const { failures, networks, since } = gate.record(now);
    this.#options.attacked?.({
      realm: realmOf(shownAs),
      user: shownAs.slice(1),
      failures,
      networks,
      ms: Math.round(now - since),
    });
  }

  #isHome(address: string, now: Instant): boolean {
    const at = this.#homes.get(address);
    return this.#sessions.has(address) || (at !== undefined && now - at < HOME_MS);
  }

  #noteHome(address: string, now: Instant): void {
    this.#homes.delete(address);
    this.#homes.set(address, now);
    const oldest = this.#homes.keys().next().value;
    if (oldest !== undefined && this.#homes.size > (this.#options.maxEntries ?? MOST_ENTRIES))
      this.#homes.delete(oldest);
  }
}

function readyAt(place: Place, now: Instant): Instant {
  let at = Math.max(place.notBefore, now);
  for (const { token, gate } of place.tickets.values()) if (token === 'none') at = Math.max(at, gate.nextDraw(now));
  return at;
}

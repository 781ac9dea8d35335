import type { Instant } from '../../core/index.ts';
import { FadingCount, FORGOTTEN, HALF_LIFE_MS } from './fading-count.ts';

/** How logins from one address, or from a network around it, are slowed. */
export interface SourceRule {
  /** Failures that cost nothing. */
  readonly free: number;
  readonly mostStepMs: number;
  /** So many names that failed there are known, the latest ones. From so many on somebody tries name after name: none has a privilege then. */
  readonly mostNames: number;
}

export const ADDRESS_RULE: SourceRule = { free: 0, mostStepMs: 8_000, mostNames: 32 };

/** Of the networks around an address, the narrower first. Each of their addresses has its own queue besides. */
export const AROUND_RULES: readonly [SourceRule, SourceRule] = [
  { free: 16, mostStepMs: 4_000, mostNames: 64 },
  { free: 64, mostStepMs: 2_000, mostNames: 128 },
];

const FIRST_STEP_MS = 500;
/** A place that is further behind than an absent client keeps its place would never be taken. */
const LONGEST_QUEUE_MS = 600_000;
/** Clients hang up after 3 s, and a name that others have made slow must get in before. */
const LONGEST_FRESH_MS = 2_500;
/** So many failures of its own (as many typing errors) a name may have and still be fresh. */
const FRESH_FAILURES = 2.9;
/** Where somebody is at home, a client that keeps trying with an old password counts once in this time. */
const COUNTED_ONCE_MS = 60_000;
/** Who guesses in parallel gains so many guesses before the first has failed, and pays for all of them from then on. */
const MOST_FREE_PENDING = 16;
/** So many keys all names there have together, for each that there may be. */
const KEYS_PER_NAME = 24;

/** A step of the queue that an attempt has taken, to be given back or to be paid. */
export interface Slot {
  readonly source: Source;
  readonly stepMs: number;
  /** Not to be judged earlier. */
  readonly notBefore: Instant;
  /** It has a place again that it had before. */
  readonly isResumed: boolean;
}

interface NameHere {
  /** All names that it may be. */
  readonly keys: Set<string>;
  readonly failures: FadingCount;
  countedAt: Instant;
  /** Of the last wrong password, if it came in plain. */
  wrongProof: string | undefined;
}

/**
 * One address, or a network, and its queue. Each failure doubles the step, up to a longest one, and attempts stand in
 * line: each waits for those before it and then for its own step, so parallel attempts gain little. What has not failed
 * does not slow anybody, a success gives its step back, and failures fade with a half-life of five minutes. A success
 * takes none away: an attacker with an account of his own could wipe the slate between guesses.
 *
 * A name with few failures of its own there does not stand behind those of others for longer than its client will wait.
 * Names that may be the same, since what was sent can be read as both, are one there from then on.
 */
export class Source {
  readonly #rule: SourceRule;
  readonly #names = new Set<NameHere>();
  readonly #byKey = new Map<string, NameHere>();
  readonly #failures: FadingCount;
  #pending = 0;
  #busyUntil: Instant;
  /** When the next one that comes again may take the place that it had. */
  #nextResumed = Number.NEGATIVE_INFINITY;

  constructor(rule: SourceRule, now: Instant) {
    this.#rule = rule;
    this.#failures = new FadingCount(now);
    this.#busyUntil = now;
  }

  /** Faded, so not a whole number. */
  failures(now: Instant): number {
    return this.#failures.value(now);
  }

  /** Names that failed there lately. */
  get names(): number {
    return this.#names.size;
  }

  /** Of all those names together. */
  get keys(): number {
    return this.#byKey.size;
  }

  /** Whether there is nothing to remember. */
  isIdle(now: Instant): boolean {
    this.#prune(now);
    return this.#pending === 0 && this.#failures.isForgotten(now) && this.#names.size === 0;
  }

  /**
   * What the next step of somebody who is not fresh would be. Where nothing has failed those who are being judged cost
   * nothing, or right logins would slow one another for as long as a verdict takes; beyond so many they are counted.
   */
  stepMs(now: Instant): number {
    const failures = this.failures(now);
    const pending = failures < FORGOTTEN ? Math.max(this.#pending - MOST_FREE_PENDING, 0) : this.#pending;
    const counted = failures + pending - this.#rule.free;
    return counted < FORGOTTEN ? 0 : Math.min(FIRST_STEP_MS * 2 ** (counted - 1), this.#rule.mostStepMs);
  }

  /** How long somebody who is not fresh waits, those in line before included. */
  waitMs(now: Instant): number {
    return Math.max(this.#busyUntil - now, 0) + this.stepMs(now);
  }

  /**
   * Gives an attempt its place in the queue: exactly one of `pay` and `giveBack` has to follow.
   *
   * @param users the keys of all names that it may be about
   * @param hadAt the instant of the place that it gave back when its client left: it has that again, but one step after
   *   another one that came again, or all that left would be judged at once
   */
  reserve(users: readonly string[], now: Instant, hadAt: Instant = Number.POSITIVE_INFINITY): Slot {
    const stepMs = this.stepMs(now);
    const behind = Math.max(this.#busyUntil, now) + stepMs;
    const resumed = Math.max(hadAt, this.#nextResumed);
    const turn = Math.min(behind, resumed);
    const isResumed = resumed < behind;
    if (isResumed) this.#nextResumed = Math.max(resumed, now) + stepMs;
    this.#busyUntil = Math.min(behind, now + LONGEST_QUEUE_MS);
    this.#pending += 1;
    const isFresh = this.#isFresh(users, now);
    const notBefore = isFresh ? Math.min(turn, hadAt, now + LONGEST_FRESH_MS) : turn;
    return { source: this, stepMs, notBefore, isResumed };
  }

  /**
   * The attempt failed.
   *
   * @param proof a keyed hash of the password, where it came in plain: the same again is no new failure
   * @param isHome somebody is known to be there: one failure of a name in a minute counts
   * @returns whether it counts
   */
  pay(
    slot: Slot,
    users: readonly string[],
    now: Instant,
    options: { readonly proof: string | undefined; readonly isHome: boolean },
  ): boolean {
    const name = this.#name(users, now);
    const isStale = options.proof !== undefined && name.wrongProof === options.proof;
    const isCounted = !options.isHome || now - name.countedAt >= COUNTED_ONCE_MS;
    if (options.proof !== undefined) name.wrongProof = options.proof;
    name.failures.set(name.failures.value(now), now);
    if (isStale || !isCounted) {
      this.giveBack(slot, users, now);
      return !isStale;
    }
    this.#pending -= 1;
    this.#failures.add(now);
    name.failures.add(now);
    name.countedAt = now;
    return true;
  }

  /** The attempt was right, or was not judged. */
  giveBack({ stepMs, isResumed }: Slot, users: readonly string[], now: Instant): void {
    this.#pending -= 1;
    this.#busyUntil -= stepMs;
    if (isResumed) this.#nextResumed -= stepMs;
    const name = this.#known(users, now);
    if (name !== undefined && name.wrongProof === undefined && name.failures.isForgotten(now)) this.#forget(name);
  }

  #isFresh(users: readonly string[], now: Instant): boolean {
    const name = this.#known(users, now);
    if (name !== undefined && name.failures.value(now) >= FRESH_FAILURES) return false;
    const { mostNames } = this.#rule;
    if (this.#names.size < mostNames) return true;
    return [...this.#names].filter(({ failures }) => !failures.isForgotten(now)).length < mostNames;
  }

  /** From now on the latest one; the one that failed longest ago makes room. */
  #name(users: readonly string[], now: Instant): NameHere {
    const known = this.#known(users, now);
    const [oldest] = this.#names;
    if (known === undefined && oldest !== undefined && this.#names.size >= this.#rule.mostNames) this.#forget(oldest);
    const name = known ?? newName(now);
    this.#names.delete(name);
    this.#names.add(name);
    for (const user of users) this.#setKey(user, name);
    return name;
  }

  /** What is known of any of them, as one. */
  #known(users: readonly string[], now: Instant): NameHere | undefined {
    const found = new Set(users.map((user) => this.#byKey.get(user)).filter((name) => name !== undefined));
    const [name, ...others] = found;
    if (name !== undefined) for (const other of others) this.#merge(name, other, now);
    return name;
  }

  #merge(name: NameHere, other: NameHere, now: Instant): void {
    name.failures.set(Math.max(name.failures.value(now), other.failures.value(now)), now);
    name.countedAt = Math.max(name.countedAt, other.countedAt);
    name.wrongProof ??= other.wrongProof;
    this.#forget(other);
    for (const key of other.keys) this.#setKey(key, name);
  }

  /** A name with more keys than there is room for is found by those that it has. */
  #setKey(key: string, name: NameHere): void {
    if (!this.#byKey.has(key) && this.#byKey.size >= this.#rule.mostNames * KEYS_PER_NAME) return;
    this.#byKey.set(key, name);
    name.keys.add(key);
  }

  #forget(name: NameHere): void {
    this.#names.delete(name);
    for (const key of name.keys) this.#byKey.delete(key);
  }

  #prune(now: Instant): void {
    for (const name of this.#names) {
      if (now - name.failures.changedAt > HALF_LIFE_MS && name.failures.isForgotten(now)) this.#forget(name);
    }
  }
}

function newName(now: Instant): NameHere {
  return {
    keys: new Set(),
    failures: new FadingCount(now),
    countedAt: Number.NEGATIVE_INFINITY,
    wrongProof: undefined,
  };
}

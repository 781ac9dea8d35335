import type { Instant } from '../../core/index.ts';

/** How logins from one address, or from a network around it, are slowed. */
export interface SourceRule {
  /** Failures that cost nothing. */
  readonly free: number;
  readonly mostStepMs: number;
  /** From so many names on that failed there, somebody tries name after name: a name more has no privilege. */
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
const HALF_LIFE_MS = 300_000;
/** Clients hang up after 3 s, and a name that others have made slow must get in before. */
const LONGEST_FRESH_MS = 2_500;
/** So many failures of its own (as many typing errors) a name may have and still be fresh. */
const FRESH_FAILURES = 2.9;
/** Where somebody is at home, a client that keeps trying with an old password counts once in this time. */
const COUNTED_ONCE_MS = 60_000;
/** Below that nothing is left to slow. */
const FORGOTTEN = 0.5;

/** A step of the queue that an attempt has taken, to be given back or to be paid. */
export interface Slot {
  readonly source: Source;
  readonly stepMs: number;
  /** Not to be judged earlier. */
  readonly notBefore: Instant;
}

interface NameHere {
  failures: number;
  updatedAt: Instant;
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
 */
export class Source {
  readonly #rule: SourceRule;
  readonly #names = new Map<string, NameHere>();
  #failures = 0;
  #updatedAt: Instant;
  #pending = 0;
  #busyUntil: Instant;

  constructor(rule: SourceRule, now: Instant) {
    this.#rule = rule;
    this.#updatedAt = now;
    this.#busyUntil = now;
  }

  /** Faded, so not a whole number. */
  failures(now: Instant): number {
    this.#fade(now);
    return this.#failures;
  }

  /** Names that failed there lately, or are about to be judged. */
  get names(): number {
    return this.#names.size;
  }

  /** Whether there is nothing to remember. */
  isIdle(now: Instant): boolean {
    this.#prune(now);
    return this.#pending === 0 && this.failures(now) < FORGOTTEN && this.#names.size === 0;
  }

  /** What the next step of somebody who is not fresh would be. */
  stepMs(now: Instant): number {
    const counted = this.failures(now) + this.#pending - this.#rule.free;
    return counted < FORGOTTEN ? 0 : Math.min(FIRST_STEP_MS * 2 ** (counted - 1), this.#rule.mostStepMs);
  }

  /** How long somebody who is not fresh waits, those in line before included. */
  waitMs(now: Instant): number {
    return Math.max(this.#busyUntil - now, 0) + this.stepMs(now);
  }

  /** Gives an attempt its place in the queue: exactly one of `pay` and `giveBack` has to follow. */
  reserve(user: string, now: Instant): Slot {
    const stepMs = this.stepMs(now);
    const turn = Math.max(this.#busyUntil, now) + stepMs;
    this.#busyUntil = Math.min(turn, now + LONGEST_QUEUE_MS);
    this.#pending += 1;
    const isFresh = this.#isFresh(user, now);
    this.#name(user, now);
    return { source: this, stepMs, notBefore: isFresh ? Math.min(turn, now + LONGEST_FRESH_MS) : turn };
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
    user: string,
    now: Instant,
    options: { readonly proof: string | undefined; readonly isHome: boolean },
  ): boolean {
    const name = this.#name(user, now);
    const isStale = options.proof !== undefined && name?.wrongProof === options.proof;
    const isCounted = name === undefined || !options.isHome || now - name.countedAt >= COUNTED_ONCE_MS;
    if (name !== undefined && options.proof !== undefined) name.wrongProof = options.proof;
    if (name !== undefined) {
      name.failures = fadedFailures(name, now);
      name.updatedAt = now;
    }
    if (isStale || !isCounted) {
      this.giveBack(slot, user, now);
      return !isStale;
    }
    this.#fade(now);
    this.#pending -= 1;
    this.#failures += 1;
    if (name !== undefined) {
      name.failures += 1;
      name.countedAt = now;
    }
    return true;
  }

  /** The attempt was right, or was not judged. */
  giveBack({ stepMs }: Slot, user: string, now: Instant): void {
    this.#pending -= 1;
    this.#busyUntil -= stepMs;
    const name = this.#names.get(user);
    if (name !== undefined && name.wrongProof === undefined && fadedFailures(name, now) < FORGOTTEN) {
      this.#names.delete(user);
    }
  }

  #isFresh(user: string, now: Instant): boolean {
    const name = this.#names.get(user);
    if (name !== undefined) return fadedFailures(name, now) < FRESH_FAILURES;
    if (this.#names.size >= this.#rule.mostNames) this.#prune(now);
    return this.#names.size < this.#rule.mostNames;
  }

  /** @returns undefined where there are too many already */
  #name(user: string, now: Instant): NameHere | undefined {
    const known = this.#names.get(user);
    if (known !== undefined || this.#names.size >= this.#rule.mostNames) return known;
    const name = { failures: 0, updatedAt: now, countedAt: Number.NEGATIVE_INFINITY, wrongProof: undefined };
    this.#names.set(user, name);
    return name;
  }

  #prune(now: Instant): void {
    for (const [user, name] of this.#names) {
      if (now - name.updatedAt > HALF_LIFE_MS && fadedFailures(name, now) < FORGOTTEN) this.#names.delete(user);
    }
  }

  #fade(now: Instant): void {
    this.#failures *= 2 ** (-Math.max(now - this.#updatedAt, 0) / HALF_LIFE_MS);
    this.#updatedAt = now;
  }
}

function fadedFailures({ failures, updatedAt }: NameHere, now: Instant): number {
  return failures * 2 ** (-Math.max(now - updatedAt, 0) / HALF_LIFE_MS);
}

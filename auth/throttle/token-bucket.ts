import type { Instant } from '../../core/index.ts';

export interface BucketRule {
  /** Tokens that it holds at most, and at first. */
  readonly size: number;
  /** How long one takes to come back. */
  readonly msPerToken: number;
}

/** A token that is almost there is there: a timer may fire a fraction of a millisecond early. */
const ROUNDING_MS = 1;

/** Tokens that come back one by one. */
export class TokenBucket {
  readonly #rule: BucketRule;
  /** Tokens in the time that they take to come back. */
  #credit: number;
  #at: Instant;

  constructor(rule: BucketRule, now: Instant) {
    this.#rule = rule;
    this.#credit = rule.size * rule.msPerToken;
    this.#at = now;
  }

  /** Tokens that are there; not a whole number. */
  level(now: Instant): number {
    this.#refill(now);
    return this.#credit / this.#rule.msPerToken;
  }

  isFull(now: Instant): boolean {
    return this.level(now) >= this.#rule.size;
  }

  has(now: Instant): boolean {
    this.#refill(now);
    return this.#credit >= this.#rule.msPerToken - ROUNDING_MS;
  }

  /** @returns false if there is none */
  take(now: Instant): boolean {
    if (!this.has(now)) return false;
    this.#credit -= this.#rule.msPerToken;
    return true;
  }

  giveBack(now: Instant): void {
    const { size, msPerToken } = this.#rule;
    this.#refill(now);
    this.#credit = Math.min(this.#credit + msPerToken, size * msPerToken);
  }

  /** When there is a token; `now` if there is one. */
  nextAt(now: Instant): Instant {
    return this.has(now) ? now : now + this.#rule.msPerToken - this.#credit;
  }

  #refill(now: Instant): void {
    const { size, msPerToken } = this.#rule;
    this.#credit = Math.min(this.#credit + Math.max(now - this.#at, 0), size * msPerToken);
    this.#at = now;
  }
}

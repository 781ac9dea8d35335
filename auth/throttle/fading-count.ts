import type { Instant } from '../../core/index.ts';

export const HALF_LIFE_MS = 300_000;
/** Below that nothing is left. */
export const FORGOTTEN = 0.5;

/** A number of failures that fades with a half-life of five minutes. */
export class FadingCount {
  #count = 0;
  #changedAt: Instant;

  constructor(now: Instant) {
    this.#changedAt = now;
  }

  /** When it was last set. */
  get changedAt(): Instant {
    return this.#changedAt;
  }

  /** Not a whole number. */
  value(now: Instant): number {
    return this.#count * 2 ** (-Math.max(now - this.#changedAt, 0) / HALF_LIFE_MS);
  }

  isForgotten(now: Instant): boolean {
    return this.value(now) < FORGOTTEN;
  }

  set(count: number, now: Instant): void {
    this.#count = count;
    this.#changedAt = now;
  }

  add(now: Instant): void {
    this.set(this.value(now) + 1, now);
  }
}

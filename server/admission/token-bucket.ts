import type { Instant } from '../../core/index.ts';

/** So many at once, and so many a second on average. */
export class TokenBucket {
  readonly #size: number;
  readonly #perSecond: number;
  #tokens: number;
  #at: Instant | undefined;

  constructor(size: number, perSecond: number) {
    this.#size = size;
    this.#perSecond = perSecond;
    this.#tokens = size;
  }

  take(now: Instant): boolean {
    const seconds = Math.max(0, now - (this.#at ?? now)) / 1_000;
    this.#at = now;
    this.#tokens = Math.min(this.#size, this.#tokens + seconds * this.#perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

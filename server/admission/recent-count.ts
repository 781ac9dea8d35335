import type { Instant } from '../../core/index.ts';

/** How often something happened lately: in the last span of time, and in up to half as much before it. */
export class RecentCount {
  readonly #halfMs: number;
  #half = Number.NEGATIVE_INFINITY;
  #counts: [older: number, old: number, now: number] = [0, 0, 0];

  constructor(spanMs: number) {
    this.#halfMs = spanMs / 2;
  }

  add(now: Instant): void {
    this.#turn(now);
    this.#counts[2] += 1;
  }

  at(now: Instant): number {
    this.#turn(now);
    const [older, old, current] = this.#counts;
    return older + old + current;
  }

  #turn(now: Instant): void {
    const half = Math.floor(now / this.#halfMs);
    const steps = half - this.#half;
    if (steps <= 0) return;
    const [, old, current] = this.#counts;
    this.#counts = steps === 1 ? [old, current, 0] : steps === 2 ? [current, 0, 0] : [0, 0, 0];
    this.#half = half;
  }
}

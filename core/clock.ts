/** A point in monotonic time, in milliseconds since an arbitrary start. Compare and subtract; never show as a date. */
export type Instant = number;

/** Where the shells read the time. Pure folders get an `Instant` as an argument and never see a clock. */
export interface Clock {
  now(): Instant;
}

/** The instant `ms` milliseconds behind `instant`. */
export function after(instant: Instant, ms: number): Instant {
  return instant + ms;
}

/** The earlier of several deadlines, or undefined if none is set. */
export function earliest(...deadlines: readonly (Instant | undefined)[]): Instant | undefined {
  let first: Instant | undefined;
  for (const deadline of deadlines) {
    if (deadline !== undefined && (first === undefined || deadline < first)) first = deadline;
  }
  return first;
}

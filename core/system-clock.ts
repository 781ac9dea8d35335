import type { Clock, Instant } from './clock.ts';

/** Node's monotonic clock. */
export const systemClock: Clock = { now: (): Instant => performance.now() };

import { availableParallelism } from 'node:os';
import { type Config, MOST_WORKERS } from '../config/index.ts';

/** How many devices a start makes: one for each worker, and one without any. */
export function deviceCount({
  run: { workers = Math.min(availableParallelism(), MOST_WORKERS) },
}: Pick<Config, 'run'>): number {
  return Math.max(workers, 1);
}

/** A name of which there can be one only gets a number from the second device on; 15 letters is all the kernel takes. */
export function deviceName(pattern: string, index: number): string {
  if (pattern.includes('%') || index === 0) return pattern;
  const suffix = `-${index}`;
  return pattern.slice(0, 15 - suffix.length) + suffix;
}

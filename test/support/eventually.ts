/** Waiting for what no process announces: an address that the kernel configures, a route that goes. */
import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 50;

/**
 * Asks again and again until there is an answer.
 *
 * @param question undefined or false: not yet
 * @throws {Error} after `limitMs`, with `what`
 */
export async function eventually<T>(
  what: string,
  question: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await question();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(INTERVAL_MS);
  }
}

/** @throws {Error} if `promise` takes longer than `limitMs`, with what `context` says then */
export async function within<T>(promise: Promise<T>, limitMs: number, context: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${context()}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

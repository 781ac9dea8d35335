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

/** As `eventually`, where a test has stopped the timers but waits for real processes. @throws {Error} after a minute */
export async function whileTimeStands(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
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

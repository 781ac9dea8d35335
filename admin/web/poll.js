/** Asking again and again, less often while nothing answers, and not at all while nobody looks. */

const LONGEST_WAIT_MS = 10_000;

/**
 * @param {() => Promise<unknown>} work what rejects is asked again later
 * @param {number} everyMs between an end and the next beginning
 * @returns {() => void} stops it
 */
export function poll(work, everyMs) {
  let isStopped = false;
  let isRunning = false;
  let waitMs = everyMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const run = async () => {
    clearTimeout(timer);
    if (isStopped || isRunning || document.hidden) return;
    isRunning = true;
    try {
      await work();
      waitMs = everyMs;
    } catch {
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
    isRunning = false;
    if (!isStopped) timer = setTimeout(run, waitMs);
  };
  document.addEventListener('visibilitychange', run);
  run();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', run);
  };
}

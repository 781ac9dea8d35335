/** An honest client's first bytes are here with the first round trip; so much is for one whose packets were lost. */
const SILENT_MS = 3_000;

/**
 * Calls back if nothing came for 3 s. What came while the event loop was busy is read first: that it lay there is no
 * silence of the client's.
 *
 * @returns to be called when something has come, or nothing will
 */
export function whenSilent(then: () => void): () => void {
  let isOver = false;
  const afterReading = (): void => {
    if (!isOver) then();
  };
  const alarm = setTimeout(() => setImmediate(afterReading), SILENT_MS);
  return () => {
    isOver = true;
    clearTimeout(alarm);
  };
}

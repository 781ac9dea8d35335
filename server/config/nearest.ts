/**
 * The known key that a mistyped one is most likely meant to be: fewest edits, of the whole path or of its last
 * part alone (`mtu` for `network.mtu`, `tls.preambleMs` for `http.preambleMs`).
 */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const wanted = typed.slice(0, 64).toLowerCase();
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const key of known) {
    const candidate = key.toLowerCase();
    const ofLast = edits(lastPart(wanted), lastPart(candidate));
    // Of a last part that is mostly another, nothing follows. Half an edit more, so that an equally near whole path wins.
    const isLike = ofLast <= lastPart(wanted).length / 2;
    const distance = Math.min(edits(wanted, candidate), isLike ? ofLast + 0.5 : Number.POSITIVE_INFINITY);
    if (distance < least) {
      least = distance;
      best = key;
    }
  }
  return best;
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('.') + 1);
}

/** Levenshtein distance, one row at a time. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const swap = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** Where the points of a chart lie. */

/** @import { Sample } from './rates.js' */

/** The lines never lie on the axis of a smaller unit than this: silence looks like silence. */
const LEAST_TOP = 12_500;

/**
 * A round number of bits per second that is not below the highest rate.
 *
 * @param {number} highest bytes per second
 * @returns {number} bytes per second
 */
export function topOf(highest) {
  const bits = Math.max(highest, LEAST_TOP) * 8;
  const power = 10 ** Math.floor(Math.log10(bits));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= bits) ?? 10;
  return (step * power) / 8;
}

/**
 * @typedef {{ readonly width: number, readonly height: number, readonly spanMs: number, readonly top: number }} Frame
 */

/**
 * @param {readonly Sample[]} samples the oldest first; the newest is at the right edge
 * @param {(sample: Sample) => number} value
 * @param {Frame} frame
 * @returns {[x: number, y: number][]}
 */
export function pointsOf(samples, value, { width, height, spanMs, top }) {
  const end = samples.at(-1)?.at ?? 0;
  const round = (/** @type {number} */ number) => Math.round(number * 10) / 10;
  return samples
    .filter(({ at }) => end - at <= spanMs)
    .map((sample) => [
      round(width - ((end - sample.at) / spanMs) * width),
      round(height - (Math.min(value(sample), top) / top) * height),
    ]);
}

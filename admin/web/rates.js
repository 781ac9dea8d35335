/** Rates from counters that are read now and then. */

/** @import { SessionView } from '../backend.ts' */

/**
 * Bytes per second, from clients and to them.
 *
 * @typedef {{ readonly at: number, readonly fromClients: number, readonly toClients: number }} Sample `at` in ms
 */

/** Five minutes of a reading every two seconds. */
export const MOST_SAMPLES = 150;
/** Sessions that have a history of their own; those beyond have a rate only. */
const MOST_HISTORIES = 1000;

export class RateBook {
  /** @type {Map<string, { bytesIn: number, bytesOut: number, samples: Sample[] }>} */
  #sessions = new Map();
  /** @type {Sample[]} */
  #total = [];
  /** @type {number | undefined} */
  #readAt;

  /** All sessions together, the oldest first. */
  get total() {
    return this.#total;
  }

  /**
   * @param {string} id
   * @returns {readonly Sample[]} of one session, the oldest first
   */
  historyOf(id) {
    return this.#sessions.get(id)?.samples ?? [];
  }

  /**
   * @param {string} id
   * @returns {Sample | undefined} the newest one of a session
   */
  rateOf(id) {
    return this.historyOf(id).at(-1);
  }

  /**
   * What was just read. What a session has carried before the first reading was not carried now; a session that comes
   * later has carried all of it since the one before.
   *
   * @param {readonly SessionView[]} sessions
   * @param {number} now in ms, from a clock that only goes forward
   */
  read(sessions, now) {
    const seconds = this.#readAt === undefined ? undefined : (now - this.#readAt) / 1000;
    if (seconds !== undefined && seconds <= 0) return;
    const known = this.#sessions;
    this.#sessions = new Map();
    let fromClients = 0;
    let toClients = 0;
    for (const { id, bytesIn, bytesOut } of sessions) {
      const before = known.get(id) ?? { bytesIn: 0, bytesOut: 0, samples: [] };
      const { samples } = before;
      if (seconds !== undefined) {
        const sample = {
          at: now,
          fromClients: Math.max(0, bytesIn - before.bytesIn) / seconds,
          toClients: Math.max(0, bytesOut - before.bytesOut) / seconds,
        };
        fromClients += sample.fromClients;
        toClients += sample.toClients;
        keep(samples, sample, this.#sessions.size < MOST_HISTORIES ? MOST_SAMPLES : 1);
      }
      this.#sessions.set(id, { bytesIn, bytesOut, samples });
    }
    if (seconds !== undefined) keep(this.#total, { at: now, fromClients, toClients }, MOST_SAMPLES);
    this.#readAt = now;
  }
}

/**
 * @param {Sample[]} samples
 * @param {Sample} sample
 * @param {number} most
 */
function keep(samples, sample, most) {
  samples.push(sample);
  samples.splice(0, samples.length - most);
}

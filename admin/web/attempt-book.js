/** The attempts that the server keeps, without asking for all of them each time. */

/** @import { AttemptList, AttemptView } from '../backend.ts' */

/** As many as a server keeps by default. */
const MOST = 1000;

export class AttemptBook {
  /** @type {Map<string, AttemptView>} the oldest first */
  #attempts = new Map();
  /** @type {number | undefined} */
  #last;

  get isRead() {
    return this.#last !== undefined;
  }

  /** What to ask for: at first the newest, then the news. */
  get query() {
    return this.#last === undefined ? `limit=${MOST}` : `after=${this.#last}`;
  }

  get newestFirst() {
    return [...this.#attempts.values()].reverse();
  }

  /** @param {AttemptList} list the answer to `query` */
  read({ last, attempts }) {
    // A server that was started anew counts from the beginning, and knows nothing of what was before.
    if (this.#last !== undefined && last < this.#last) {
      this.#attempts.clear();
      this.#last = undefined;
      return;
    }
    this.#last = last;
    for (const attempt of attempts) this.#attempts.set(`${attempt.id} ${attempt.startedAt}`, attempt);
    for (const key of this.#attempts.keys()) {
      if (this.#attempts.size <= MOST) break;
      this.#attempts.delete(key);
    }
  }
}

/** The sessions as they are now, and how fast they are: read every two seconds while the page is looked at. */
import { poll } from './poll.js';
import { RateBook } from './rates.js';

/** @import { SessionView } from '../backend.ts' */
/** @import { Api } from './api.js' */

const EVERY_MS = 2000;

export class SessionMonitor {
  /** @type {readonly SessionView[] | undefined} undefined until the first answer */
  sessions;
  rates = new RateBook();
  /** @type {Set<() => void>} */
  #watchers = new Set();
  /** @type {Api} */
  #api;
  #stop;

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
    this.#stop = poll(() => this.refresh(), EVERY_MS);
  }

  async refresh() {
    const sessions = /** @type {SessionView[]} */ (await this.#api.get('/v1/sessions'));
    this.rates.read(sessions, performance.now());
    this.sessions = sessions;
    for (const watcher of this.#watchers) watcher();
  }

  /**
   * @param {() => void} watcher called after each reading
   * @returns {() => void} ends that
   */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  stop() {
    this.#stop();
  }
}

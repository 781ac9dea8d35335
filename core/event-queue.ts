/**
 * Handles events in the order in which they come up. Those that come up while one is handled wait their turn, so a
 * machine is never entered while its last actions are still being carried out.
 */
export class EventQueue<Event> {
  readonly #handle: (event: Event) => void;
  #waiting: Event[] = [];
  #isDraining = false;

  constructor(handle: (event: Event) => void) {
    this.#handle = handle;
  }

  /** Returns when nothing waits any more, unless called while an event is handled: then the outer call does the work. */
  post(event: Event): void {
    this.#waiting.push(event);
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#handle(next);
    } finally {
      this.#isDraining = false;
    }
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
  }
}

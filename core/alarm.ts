import type { Clock, Instant } from './clock.ts';

/**
 * The one timer of a machine.
 *
 * Traffic moves a machine's deadline on with every chunk; the timer is not touched for that. It fires at the old
 * instant, finds that the deadline is later, and sleeps again. So only an earlier deadline costs anything.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #deadline: () => Instant | undefined;
  readonly #onTimeout: () => void;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #isStopped = false;

  /**
   * @param deadline what the machine says now; asked again whenever the timer fires
   * @param onTimeout called when the deadline has passed; must move the deadline, or the alarm would spin
   */
  constructor(clock: Clock, deadline: () => Instant | undefined, onTimeout: () => void) {
    this.#clock = clock;
    this.#deadline = deadline;
    this.#onTimeout = onTimeout;
  }

  /** To be called after each event given to the machine. */
  update(): void {
    if (this.#isStopped) return;
    const deadline = this.#deadline();
    if (deadline === undefined) {
      this.#disarm();
    } else if (this.#timer === undefined || deadline < this.#due) {
      this.#arm(deadline);
    }
  }

  /** For good: whatever the machine says after its end, nobody listens. */
  stop(): void {
    this.#isStopped = true;
    this.#disarm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Number.POSITIVE_INFINITY;
  }

  #arm(deadline: Instant): void {
    clearTimeout(this.#timer);
    this.#due = deadline;
    this.#timer = setTimeout(() => this.#fire(), Math.max(1, Math.ceil(deadline - this.#clock.now())));
  }

  #fire(): void {
    this.#timer = undefined;
    const deadline = this.#deadline();
    if (deadline === undefined) return;
    if (deadline > this.#clock.now()) {
      this.#arm(deadline);
      return;
    }
    this.#onTimeout();
    this.update();
  }
}

import { after, type Instant } from '../core/index.ts';

/** Finds a peer that has fallen silent, MS-SSTP 3.1.2.3: one Echo Request after an interval, the end after another. */
export class HelloTimer {
  readonly #intervalMs: number;
  #deadline: Instant;
  #isEchoOutstanding = false;

  constructor(intervalMs: number, now: Instant) {
    this.#intervalMs = intervalMs;
    this.#deadline = after(now, intervalMs);
  }

  get deadline(): Instant {
    return this.#deadline;
  }

  /** Any SSTP packet from the peer. */
  restart(now: Instant): void {
    this.#deadline = after(now, this.#intervalMs);
    this.#isEchoOutstanding = false;
  }

  /** To be called when `deadline` has come. */
  expire(now: Instant): 'send-echo-request' | 'peer-silent' {
    if (this.#isEchoOutstanding) return 'peer-silent';
    this.#isEchoOutstanding = true;
    this.#deadline = after(now, this.#intervalMs);
    return 'send-echo-request';
  }
}

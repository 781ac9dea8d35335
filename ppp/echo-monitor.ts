import { after, type Instant } from '../core/index.ts';

/** Unanswered Echo-Requests that end a link. */
const MAX_UNANSWERED = 4;

/** When to send an LCP Echo-Request (RFC 1661 §5.8): only into silence, for any frame proves that the peer lives. */
export class EchoMonitor {
  readonly #intervalMs: number;
  #since: Instant | undefined;
  #unanswered = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  get deadline(): Instant | undefined {
    return this.#since === undefined ? undefined : after(this.#since, this.#intervalMs);
  }

  start(now: Instant): void {
    this.#since = now;
    this.#unanswered = 0;
  }

  stop(): void {
    this.#since = undefined;
  }

  /** A frame of any kind has come. */
  noteReceived(now: Instant): void {
    if (this.#since !== undefined) this.start(now);
  }

  onTimeout(now: Instant): 'nothing' | 'send-echo' | 'silent' {
    if (this.deadline === undefined || now < this.deadline) return 'nothing';
    if (this.#unanswered === MAX_UNANSWERED) return 'silent';
    this.#unanswered += 1;
    this.#since = now;
    return 'send-echo';
  }
}

import { after, earliest, type Instant } from '../../core/index.ts';

/** The two alarms of an authentication: when to send again and when to give up. */
export class AuthTimers {
  #end: Instant | undefined;
  #resend: Instant | undefined;

  get deadline(): Instant | undefined {
    return earliest(this.#end, this.#resend);
  }

  start(now: Instant, timeoutMs: number): void {
    this.#end = after(now, timeoutMs);
  }

  resendAfter(now: Instant, ms: number): void {
    this.#resend = after(now, ms);
  }

  stopResending(): void {
    this.#resend = undefined;
  }

  stop(): void {
    this.#end = undefined;
    this.#resend = undefined;
  }

  isOver(now: Instant): boolean {
    return this.#end !== undefined && now >= this.#end;
  }

  isResendDue(now: Instant): boolean {
    return this.#resend !== undefined && now >= this.#resend;
  }
}

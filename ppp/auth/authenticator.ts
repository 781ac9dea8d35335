import { after, earliest, type Instant } from '../../core/index.ts';
import type { AuthMethod, AuthVerdict, CredentialProof, LinkInnerAuth } from './types.ts';

/** The server's side of an authentication: what every method is told and asks for. */
export type AuthenticatorEvent =
  | { readonly kind: 'start' } // LCP is open
  | { readonly kind: 'packet'; readonly payload: Buffer } // of the method's protocol; not kept
  | { readonly kind: 'verdict'; readonly verdict: AuthVerdict } // the answer to `verify`
  | { readonly kind: 'timeout' };

export type AuthenticatorAction =
  | { readonly kind: 'send'; readonly payload: Buffer }
  | { readonly kind: 'verify'; readonly proof: CredentialProof }
  | { readonly kind: 'success'; readonly name: string; readonly innerAuth: LinkInnerAuth }
  | { readonly kind: 'failure'; readonly name: string; readonly errorCode: number; readonly isFinal: boolean }
  | { readonly kind: 'timed-out' };

/** The server's side of one method. */
export interface LinkAuthenticator {
  readonly method: AuthMethod;
  readonly deadline: Instant | undefined;
  handle(event: AuthenticatorEvent, now: Instant): AuthenticatorAction[];
}

export interface AuthenticatorOptions {
  /** For the whole authentication. */
  readonly timeoutMs: number;
  /** Between a Challenge without a Response and its first repetition, and between repetitions. */
  readonly firstRestartMs: number;
  readonly restartMs: number;
  /** How often a peer may try again in place (R=1). */
  readonly retries: number;
  readonly serverName: string;
  readonly random: (length: number) => Uint8Array;
}

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

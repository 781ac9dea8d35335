import type { Instant } from '../../core/index.ts';
import type { AuthVerdict, CredentialProof, LinkInnerAuth } from './types.ts';

/** The server's side of an authentication: what every method is told and asks for. */
export type AuthenticatorEvent =
  | { readonly kind: 'start' } // LCP is open
  | { readonly kind: 'packet'; readonly payload: Buffer } // of the method's protocol; not kept
  | { readonly kind: 'verdict'; readonly verdict: AuthVerdict } // the answer to `verify`
  | { readonly kind: 'timeout' };

export type AuthenticatorAction =
  | { readonly kind: 'send'; readonly payload: Buffer }
  | { readonly kind: 'verify'; readonly proof: CredentialProof }
  /** `name` is that of the verdict. */
  | { readonly kind: 'success'; readonly name: string; readonly innerAuth: LinkInnerAuth }
  /** `name` is what the peer sent. */
  | { readonly kind: 'failure'; readonly name: string; readonly errorCode: number; readonly isFinal: boolean }
  | { readonly kind: 'timed-out' };

/** The server's side of one authentication, by whichever method. */
export interface LinkAuthenticator {
  readonly deadline: Instant | undefined;
  handle(event: AuthenticatorEvent, now: Instant): AuthenticatorAction[];
}

export interface AuthenticatorOptions {
  /** Of the first packet; beyond those that earlier authentications of this link have used (RFC 1994 §4.1). */
  readonly identifier: number;
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

import type { Instant } from '../../core/index.ts';
import type { AuthVerdict, CredentialProof, FinalVerdict, LinkInnerAuth } from './types.ts';

/** The server's side of an authentication: what every method is told and asks for. */
export type AuthenticatorEvent =
  | { readonly kind: 'start' } // LCP is open
  | { readonly kind: 'packet'; readonly payload: Buffer } // of the method's protocol; not kept
  | { readonly kind: 'verdict'; readonly verdict: AuthVerdict } // the answer to `verify` and `respond`
  | { readonly kind: 'timeout' };

export type AuthenticatorAction =
  | { readonly kind: 'send'; readonly payload: Buffer }
  | { readonly kind: 'verify'; readonly proof: CredentialProof }
  /** What the peer says to the words of a `continue`; copied. */
  | { readonly kind: 'respond'; readonly payload: Uint8Array }
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

/** RFC 2759 §6. */
const ERROR_AUTHENTICATION_FAILURE = 691;

/** For methods that are one question and one answer: they can show nobody another question. */
export function finalVerdict(verdict: AuthVerdict): FinalVerdict {
  if (verdict.kind !== 'continue') return verdict;
  return {
    kind: 'reject',
    errorCode: ERROR_AUTHENTICATION_FAILURE,
    retryAllowed: false,
    message: 'A second step is needed that this way to log in cannot show',
  };
}

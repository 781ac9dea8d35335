import type { Instant } from '../../core/index.ts';
import type { LinkInnerAuth } from './types.ts';

/** The client's side of an authentication: what every method is told and asks for. */
export type AuthPeerEvent =
  | { readonly kind: 'start' } // LCP is open
  | { readonly kind: 'packet'; readonly payload: Buffer } // of the method's protocol; not kept
  | MsChapV2Answer // to `answer-mschapv2`
  | { readonly kind: 'timeout' };

/** The arithmetic of RFC 2759 §8 and RFC 3079 §3, which is done elsewhere. */
export interface MsChapV2Answer {
  readonly kind: 'mschapv2-answer';
  readonly ntResponse: Uint8Array; // 24 bytes
  readonly expectedAuthenticatorResponse: string; // "S=" and 40 upper-case hexadecimal digits
  readonly hlak: Uint8Array; // 32 bytes
}

export interface MsChapV2Question {
  readonly kind: 'answer-mschapv2';
  readonly name: string;
  readonly authenticatorChallenge: Uint8Array; // 16 bytes
  readonly peerChallenge: Uint8Array; // 16 bytes
}

export type AuthPeerAction =
  | { readonly kind: 'send'; readonly payload: Buffer }
  | MsChapV2Question
  | { readonly kind: 'success'; readonly innerAuth: LinkInnerAuth }
  | { readonly kind: 'failure'; readonly errorCode: number; readonly message: string }
  /** The Success does not prove that the server knows the password, RFC 2759 §5. */
  | { readonly kind: 'not-authentic' }
  | { readonly kind: 'timed-out' };

/** The client's side of one authentication, by whichever method. */
export interface LinkAuthPeer {
  readonly deadline: Instant | undefined;
  handle(event: AuthPeerEvent, now: Instant): AuthPeerAction[];
}

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

export interface AuthPeerOptions {
  /** For requests of ours: another one than in earlier authentications of this link. */
  readonly identifier: number;
  readonly credentials: Credentials;
  /** For the whole authentication. */
  readonly timeoutMs: number;
  /** Between copies of what the server has not answered. */
  readonly restartMs: number;
  readonly random: (length: number) => Uint8Array;
}

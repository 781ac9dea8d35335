/** The authentication methods we speak: MS-CHAPv2 (RFC 2759), CHAP with MD5 (RFC 1994), PAP (RFC 1334). */
export type AuthMethod = 'mschapv2' | 'chap' | 'pap';

/** A name as the peer sent it. */
export interface NameOnWire {
  /** As UTF-8, or where it is not that one character for each byte; a `DOMAIN\` prefix is still in front. */
  readonly name: string;
  /** As it came, where it is not UTF-8: its code page is not told. */
  readonly nameBytes?: Uint8Array | undefined;
}

/**
 * What the peer showed to prove who it is, or the first words of an exchange that shows it; the folder auth/ answers it with
 * an `AuthVerdict`. Byte fields are copies.
 */
export type CredentialProof = NameOnWire & Proof;

type Proof =
  | {
      readonly method: 'pap';
      readonly password: string;
      /** As for the name. */
      readonly passwordBytes?: Uint8Array | undefined;
    }
  | {
      readonly method: 'chap';
      /** Goes into the MD5 in front of the secret, RFC 1994 §4.1. */
      readonly identifier: number;
      readonly challenge: Uint8Array; // 16 bytes
      readonly response: Uint8Array; // 16 bytes
    }
  | {
      readonly method: 'mschapv2';
      readonly authenticatorChallenge: Uint8Array; // 16 bytes
      readonly peerChallenge: Uint8Array; // 16 bytes
      readonly ntResponse: Uint8Array; // 24 bytes
    }
  | {
      /** Whoever judges reads the packets himself: they go there unread, and so do his to the peer, see `continue`. */
      readonly method: 'eap';
      /** RFC 3748 §4; what an SSTP packet holds. */
      readonly packet: Uint8Array;
    };

/**
 * What a finished authentication left for the Crypto Binding, MS-SSTP 3.2.5.2.2: 32 bytes each, the right ones first, of
 * which the client may have any.
 */
export type LinkInnerAuth =
  | { readonly kind: 'no-keys' }
  | { readonly kind: 'keys'; readonly hlaks: readonly [Uint8Array, ...Uint8Array[]] };

export type AuthVerdict =
  /** Not yet: words for the peer, whose answer is to be brought. Methods that are one question and one answer refuse. */
  { readonly kind: 'continue'; readonly payload: Uint8Array } | FinalVerdict;

export type FinalVerdict =
  | {
      readonly kind: 'accept';
      /** Whose login it is, which need not be the name that was sent. */
      readonly name: string;
      /** MS-CHAPv2 only: "S=" and 40 upper-case hexadecimal digits, RFC 2759 §5. */
      readonly authenticatorResponse: string | undefined;
      readonly innerAuth: LinkInnerAuth;
    }
  | {
      readonly kind: 'reject';
      /** 646, 647, 648, 649 or 691, RFC 2759 §6. */
      readonly errorCode: number;
      readonly retryAllowed: boolean;
      /** Text for the user (M= of MS-CHAPv2, Message of CHAP); PAP tells none. */
      readonly message: string;
    };

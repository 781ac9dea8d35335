import { createHmac, timingSafeEqual } from 'node:crypto';
import { HashProtocol, HLAK_LENGTH, NONCE_LENGTH } from './constants.ts';
import { type CallConnected, encodeMessage, hashLength } from './message.ts';

/** Hashes over the DER form of the server certificate that the TLS handshake showed: 20 and 32 bytes. */
export interface CertificateHashes {
  readonly sha1: Uint8Array;
  readonly sha256: Uint8Array;
}

/** What the inner authentication left for the Crypto Binding, MS-SSTP 3.2.5.2.2. */
export type InnerAuth =
  | { readonly kind: 'pending' } // a Call Connected that arrives now is held back, not checked
  | { readonly kind: 'no-keys' } // PAP, CHAP-MD5: the HLAK is 32 zero bytes
  /**
   * 32 bytes each, the right one first: some clients are known to make another one of the same keys. A client itself has
   * one.
   */
  | { readonly kind: 'keys'; readonly hlaks: Hlaks };

export type Hlaks = readonly [Uint8Array, ...Uint8Array[]];

/** A check of MS-SSTP 3.3.5.2.3 that failed. */
export type BindingFault = 'hash-protocol' | 'nonce' | 'certificate-hash' | 'compound-mac';

export type BindingVerdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly wrong: readonly BindingFault[]; readonly clientCertificateHash: Uint8Array };

/** What the server knows and the client has to prove that it knows. */
export interface BindingFacts {
  readonly hashProtocols: number; // the bitmask of our Call Connect Ack
  readonly nonce: Uint8Array; // 32 bytes
  readonly certificateHashes: CertificateHashes;
  /** 32 bytes each; the client has to know one of them. */
  readonly hlaks: Hlaks;
}

const CALL_CONNECTED_LENGTH = 112;
/** Offsets in a whole Call Connected message, MS-SSTP 2.2.11. */
const SHA1_PADDING = { start: 68, end: 80 } as const;
const COMPOUND_MAC_START = 80;
const CMK_SEED = Buffer.from('SSTP inner method derived CMK', 'ascii');

/** @returns what may be the HLAK of an authentication that is over: 32 zero bytes if it derived no keys, MS-SSTP 3.2.5.2.2 */
export function hlaksOf(innerAuth: Exclude<InnerAuth, { kind: 'pending' }>): Hlaks {
  return innerAuth.kind === 'keys' ? innerAuth.hlaks : [new Uint8Array(HLAK_LENGTH)];
}

/**
 * Compound MAC a client must have put into its Call Connected message.
 *
 * @param hash the Hash Protocol the client chose
 * @param hlak 32 bytes; all zero if the inner authentication derived no keys
 * @param callConnected the message as received, 112 bytes from the Version octet; not modified
 * @returns 20 bytes for sha1, 32 for sha256
 * @throws {RangeError} if an argument has any other length
 *
 * MS-SSTP 3.2.5.2.1 to 3.2.5.2.4; worked example in 4.7.
 */
export function compoundMac(hash: 'sha1' | 'sha256', hlak: Uint8Array, callConnected: Uint8Array): Buffer {
  requireLength('HLAK', hlak, HLAK_LENGTH);
  requireLength('Call Connected message', callConnected, CALL_CONNECTED_LENGTH);
  const input = Buffer.from(callConnected);
  if (hash === 'sha1') input.fill(0, SHA1_PADDING.start, SHA1_PADDING.end);
  input.fill(0, COMPOUND_MAC_START);
  return createHmac(hash, compoundMacKey(hash, hlak)).update(input).digest();
}

/**
 * Checks a Call Connected message against what the server knows, MS-SSTP 3.3.5.2.3. Every comparison is made, and in
 * constant time, before the verdict: its time says nothing about which one failed.
 *
 * @param message what `decodeMessage` made of `bytes`
 * @param bytes the message as received, 112 bytes from the Version octet
 * @throws {RangeError} if something that is ours has a wrong length
 */
export function verifyCryptoBinding(facts: BindingFacts, message: CallConnected, bytes: Uint8Array): BindingVerdict {
  // An unknown hash protocol fails anyhow; the rest is compared as SHA-256, whose layout its fields were read with.
  const hash = message.hashProtocol === HashProtocol.Sha1 ? 'sha1' : 'sha256';
  const isOffered =
    (message.hashProtocol === HashProtocol.Sha1 || message.hashProtocol === HashProtocol.Sha256) &&
    (facts.hashProtocols & message.hashProtocol) !== 0;
  const right: Readonly<Record<BindingFault, boolean>> = {
    'hash-protocol': isOffered,
    nonce: timingSafeEqual(message.nonce, facts.nonce),
    'certificate-hash': timingSafeEqual(message.certificateHash, facts.certificateHashes[hash]),
    'compound-mac': facts.hlaks
      .map((hlak) => timingSafeEqual(message.compoundMac, compoundMac(hash, hlak, bytes)))
      .includes(true),
  };
  const wrong = FAULTS.filter((fault) => !right[fault]);
  if (wrong.length === 0) return { kind: 'valid' };
  return { kind: 'invalid', wrong, clientCertificateHash: message.certificateHash };
}

const FAULTS: readonly BindingFault[] = ['hash-protocol', 'nonce', 'certificate-hash', 'compound-mac'];

/** The Call Connected message of a client, MS-SSTP 3.2.7.1. Sizes and errors as in `compoundMac`. */
export function bindCall(
  hashProtocol: HashProtocol,
  nonce: Uint8Array,
  certificateHashes: CertificateHashes,
  hlak: Uint8Array,
): CallConnected {
  const hash = hashProtocol === HashProtocol.Sha1 ? 'sha1' : 'sha256';
  const unsigned: CallConnected = {
    type: 'CallConnected',
    hashProtocol,
    nonce,
    certificateHash: certificateHashes[hash],
    compoundMac: new Uint8Array(hashLength(hashProtocol)),
  };
  return { ...unsigned, compoundMac: compoundMac(hash, hlak, encodeMessage(unsigned)) };
}

/** @throws {RangeError} if a hash has not its 20 or 32 bytes, or the nonce not its 32: our own mistake, found early */
export function requireBindingLengths(certificateHashes: CertificateHashes, nonce: Uint8Array | undefined): void {
  requireLength('SHA-1 hash of the certificate', certificateHashes.sha1, 20);
  requireLength('SHA-256 hash of the certificate', certificateHashes.sha256, 32);
  if (nonce !== undefined) requireLength('nonce', nonce, NONCE_LENGTH);
}

/**
 * CMK, MS-SSTP 3.2.5.2.2 and 3.2.5.2.4. One round of PRF+ gives all the bytes that are wanted; its LEN is little-endian,
 * unlike everything else in the protocol.
 */
function compoundMacKey(hash: 'sha1' | 'sha256', hlak: Uint8Array): Buffer {
  const length = hash === 'sha1' ? 20 : 32;
  return createHmac(hash, hlak)
    .update(CMK_SEED)
    .update(Uint8Array.of(length, 0x00, 0x01))
    .digest();
}

function requireLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${what} of ${bytes.length} bytes, not ${length}`);
}

/** What MS-CHAPv2 puts into the fields of CHAP packets, RFC 2759 §4 to §6. The arithmetic is not here. */

export const MSCHAPV2_CHALLENGE_LENGTH = 16;
/** Value-Size of a Response: Peer-Challenge 16, reserved 8, NT-Response 24, Flags 1. */
const RESPONSE_LENGTH = 49;

export interface MsChapV2Response {
  readonly peerChallenge: Buffer; // 16 bytes
  readonly ntResponse: Buffer; // 24 bytes
}

/**
 * Reserved bytes and Flags must be zero and are not looked at, RFC 2759 §4.
 *
 * @returns undefined if `value` is not 49 bytes
 */
export function decodeMsChapV2Response(value: Buffer): MsChapV2Response | undefined {
  if (value.length !== RESPONSE_LENGTH) return undefined;
  return { peerChallenge: Buffer.from(value.subarray(0, 16)), ntResponse: Buffer.from(value.subarray(24, 48)) };
}

/** @throws {RangeError} if an argument is not 16 and 24 bytes */
export function encodeMsChapV2Response(peerChallenge: Uint8Array, ntResponse: Uint8Array): Buffer {
  if (peerChallenge.length !== 16 || ntResponse.length !== 24) throw new RangeError('16 and 24 bytes');
  const value = Buffer.alloc(RESPONSE_LENGTH);
  value.set(peerChallenge, 0);
  value.set(ntResponse, 24);
  return value;
}

export interface MsChapV2Failure {
  readonly errorCode: number;
  readonly retryAllowed: boolean;
  readonly challenge: Uint8Array; // 16 bytes
  readonly message: string;
}

/** "E=eeeeeeeeee R=r C=cccccccccccccccccccccccccccccccc V=vvvvvvvvvv M=<msg>", RFC 2759 §6; C= must be present. */
export function encodeMsChapV2Failure(failure: MsChapV2Failure): string {
  const challenge = Buffer.from(failure.challenge).toString('hex').toUpperCase();
  return `E=${failure.errorCode} R=${failure.retryAllowed ? 1 : 0} C=${challenge} V=3 M=${failure.message}`;
}

/** Takes what it finds: servers leave out C=, V= or M=. Without an E= the code is 691. */
export function decodeMsChapV2Failure(message: string): { readonly errorCode: number; readonly message: string } {
  const errorCode = Number(/(?:^|\s)E=(\d{1,10})/.exec(message)?.[1] ?? 691);
  return { errorCode, message: /(?:^|\s)M=(.*)$/s.exec(message)?.[1] ?? '' };
}

/** "S=" and 40 hexadecimal digits, then a text, RFC 2759 §5. */
export function encodeMsChapV2Success(authenticatorResponse: string): string {
  return `${authenticatorResponse} M=Access granted`;
}

/** @returns "S=" and 40 digits in upper case, or undefined if the message does not begin so */
export function decodeMsChapV2Success(message: string): string | undefined {
  const digits = /^S=([0-9A-Fa-f]{40})(?![0-9A-Fa-f])/.exec(message)?.[1];
  return digits && `S=${digits.toUpperCase()}`;
}

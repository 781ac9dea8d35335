/** MS-CHAPv2 arithmetic, RFC 2759 §8, under the RFC's names. Who asks and when is `ppp/auth/`. */
import { createHash } from 'node:crypto';
import { desEncrypt } from './des.ts';
import { md4 } from './md4.ts';
import { hlakFromMsChapV2 } from './mppe-keys.ts';

/** RFC 2759 §8.7, Magic1 and Magic2. */
const SIGNING_MAGIC = Buffer.from('Magic server to client signing constant', 'latin1');
const ITERATION_MAGIC = Buffer.from('Pad to make it do more than one iteration', 'latin1');

/**
 * NtPasswordHash, RFC 2759 §8.3. As good as the password to whoever wants to log in with MS-CHAPv2.
 *
 * @param password up to 256 UTF-16 code units
 * @returns 16 bytes
 */
export function ntPasswordHash(password: string): Buffer {
  return md4(Buffer.from(password, 'utf16le'));
}

/**
 * HashNtPasswordHash, RFC 2759 §8.4.
 *
 * @param ntHash 16 bytes
 * @returns 16 bytes
 * @throws {RangeError} if `ntHash` has any other length
 */
export function hashNtPasswordHash(ntHash: Uint8Array): Buffer {
  expectLength('NT hash', ntHash, 16);
  return md4(ntHash);
}

/**
 * ChallengeHash, RFC 2759 §8.2.
 *
 * @param peerChallenge 16 bytes
 * @param authenticatorChallenge 16 bytes
 * @param name as it came over the wire, and a domain in front of it is left out here; or what is left of it without one
 * @returns 8 bytes
 * @throws {RangeError} if a challenge has any other length
 */
export function challengeHash(
  peerChallenge: Uint8Array,
  authenticatorChallenge: Uint8Array,
  name: ChallengeInput['name'],
): Buffer {
  expectLength('peer challenge', peerChallenge, 16);
  expectLength('authenticator challenge', authenticatorChallenge, 16);
  return createHash('sha1')
    .update(peerChallenge)
    .update(authenticatorChallenge)
    .update(typeof name === 'string' || !('bare' in name) ? withoutDomain(name) : name.bare)
    .digest()
    .subarray(0, 8);
}

/**
 * The user name that enters the challenge hash: the bytes as sent, but "excluding any prepended domain name" (RFC 2759 §4).
 * A realm behind `@` stays. Text stands for its UTF-8 form.
 */
function withoutDomain(name: string | Uint8Array): Buffer {
  const bytes = Buffer.from(name);
  return bytes.subarray(bytes.indexOf('\\') + 1);
}

/**
 * ChallengeResponse, RFC 2759 §8.5.
 *
 * @param challenge 8 bytes from `challengeHash`
 * @param ntHash 16 bytes
 * @returns 24 bytes, the NT-Response
 * @throws {RangeError} if an argument has any other length
 */
export function challengeResponse(challenge: Uint8Array, ntHash: Uint8Array): Buffer {
  expectLength('NT hash', ntHash, 16);
  const keys = Buffer.alloc(21); // ZPasswordHash: the hash and five zero bytes, three DES keys in a row
  keys.set(ntHash);
  return Buffer.concat([0, 7, 14].map((start) => desEncrypt(challenge, keys.subarray(start, start + 7))));
}

/** What enters an NT-Response besides the password. */
export interface ChallengeInput {
  /**
   * As it came over the wire, domain and realm included; text stands for its UTF-8 form. Where the backslash that ends the
   * domain can't be told from the bytes alone, as in a double-byte code page: what is left without the domain.
   */
  readonly name: string | Uint8Array | { readonly bare: Uint8Array };
  /** 16 bytes. */
  readonly authenticatorChallenge: Uint8Array;
  /** 16 bytes. */
  readonly peerChallenge: Uint8Array;
}

/**
 * GenerateNTResponse, RFC 2759 §8.1, from the hash of the password.
 *
 * @returns 24 bytes
 * @throws {RangeError} if a challenge has not 16 bytes or the hash has not 16
 */
export function generateNtResponse(input: ChallengeInput, ntHash: Uint8Array): Buffer {
  return challengeResponse(challengeHash(input.peerChallenge, input.authenticatorChallenge, input.name), ntHash);
}

/**
 * GenerateAuthenticatorResponse, RFC 2759 §8.7: how a server proves to the client that it knows the password too.
 *
 * @param ntHashHash 16 bytes from `hashNtPasswordHash`
 * @param ntResponse 24 bytes
 * @returns `S=` and 40 upper-case hexadecimal digits, ready for the Success packet
 * @throws {RangeError} if an argument has any other length
 */
export function generateAuthenticatorResponse(
  input: ChallengeInput,
  ntHashHash: Uint8Array,
  ntResponse: Uint8Array,
): string {
  expectLength('hash of the NT hash', ntHashHash, 16);
  expectLength('NT-Response', ntResponse, 24);
  const digest = createHash('sha1').update(ntHashHash).update(ntResponse).update(SIGNING_MAGIC).digest();
  const challenge = challengeHash(input.peerChallenge, input.authenticatorChallenge, input.name);
  const response = createHash('sha1').update(digest).update(challenge).update(ITERATION_MAGIC).digest('hex');
  return `S=${response.toUpperCase()}`;
}

/** A client's side of MS-CHAPv2. */
export interface MsChapV2Answer {
  /** 24 bytes for the Response packet. */
  readonly ntResponse: Buffer;
  /** What the server's Success packet must say, `S=` and 40 upper-case hexadecimal digits. */
  readonly authenticatorResponse: string;
  /** 32 bytes for the Crypto Binding. */
  readonly hlak: Buffer;
}

/**
 * Everything that a client computes from its password and the two challenges.
 *
 * @throws {RangeError} if a challenge has not 16 bytes
 */
export function mschapv2Answer(options: ChallengeInput & { readonly password: string }): MsChapV2Answer {
  const ntHash = ntPasswordHash(options.password);
  const ntHashHash = hashNtPasswordHash(ntHash);
  const ntResponse = generateNtResponse(options, ntHash);
  return {
    ntResponse,
    authenticatorResponse: generateAuthenticatorResponse(options, ntHashHash, ntResponse),
    hlak: hlakFromMsChapV2(ntHashHash, ntResponse),
  };
}

function expectLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`the ${what} has ${length} bytes, not ${bytes.length}`);
}

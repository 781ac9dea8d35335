/**
 * What a client computes in MS-CHAPv2 and for the Crypto Binding, from the published hashes of RFC 2759 §9.2 and
 * node:crypto alone, so that no mistake of ours can be on both sides.
 */
import { createCipheriv, createHash, createHmac } from 'node:crypto';

/** RFC 2759 §9.2. */
export const PASSWORD = 'clientPass';
const PASSWORD_HASH = Buffer.from('44ebba8d5312b8d611474411f56989ae', 'hex');
const PASSWORD_HASH_HASH = Buffer.from('41c00c584bd2d91c4017a2a12fa59f3f', 'hex');

const sha1 = (...parts: readonly (Buffer | string)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha1')).digest();

/** RFC 2759 §8.5 and §8.6; single DES as triple DES with one key three times. */
function challengeResponse(challenge: Buffer): Buffer {
  const key = Buffer.concat([PASSWORD_HASH, Buffer.alloc(5)]);
  const blocks = [0, 7, 14].map((start) => {
    const bits = BigInt(`0x${key.toString('hex', start, start + 7)}`);
    const spread = Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(49 - 7 * i)) & 0x7fn) << 1);
    const cipher = createCipheriv('des-ede3', Buffer.from([...spread, ...spread, ...spread]), null);
    return cipher.setAutoPadding(false).update(challenge);
  });
  return Buffer.concat(blocks);
}

export interface Answer {
  /** 24 bytes. */
  readonly ntResponse: Buffer;
  /** `S=` and 40 digits: what the server has to say. */
  readonly success: Buffer;
  /** 32 bytes. */
  readonly hlak: Buffer;
}

/** @param name without a domain */
export function answerChallenge(name: string | Buffer, authenticatorChallenge: Buffer, peerChallenge: Buffer): Answer {
  const challenge = sha1(peerChallenge, authenticatorChallenge, name).subarray(0, 8);
  const ntResponse = challengeResponse(challenge);
  const digest = sha1(PASSWORD_HASH_HASH, ntResponse, 'Magic server to client signing constant');
  const success = sha1(digest, challenge, 'Pad to make it do more than one iteration').toString('hex').toUpperCase();
  // RFC 3079 §3.4
  const master = sha1(PASSWORD_HASH_HASH, ntResponse, 'This is the MPPE Master Key').subarray(0, 16);
  const startKey = (own: string, other: string): Buffer =>
    sha1(
      master,
      Buffer.alloc(40),
      `On the client side, this is the ${own} key; on the server side, it is the ${other} key.`,
      Buffer.alloc(40, 0xf2),
    ).subarray(0, 16);
  // MS-SSTP 3.2.5.2.2: the client's MasterSendKey, then its MasterReceiveKey
  const hlak = Buffer.concat([startKey('send', 'receive'), startKey('receive', 'send')]);
  return { ntResponse, success: Buffer.from(`S=${success}`, 'latin1'), hlak };
}

/**
 * MS-SSTP 3.2.5.2.
 *
 * @param callConnected 112 bytes with zeros where the Compound MAC goes
 */
export function compoundMacOf(hash: 'sha1' | 'sha256', hlak: Buffer, callConnected: Buffer): Buffer {
  const length = hash === 'sha1' ? 0x14 : 0x20;
  const seed = Buffer.from('SSTP inner method derived CMK', 'latin1');
  const cmk = createHmac(hash, hlak)
    .update(seed)
    .update(Buffer.of(length, 0x00, 0x01))
    .digest();
  return createHmac(hash, cmk).update(callConnected).digest();
}

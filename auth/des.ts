/** Single DES of one block, as MS-CHAPv2 needs it (RFC 2759 §8.6). OpenSSL 3 offers only triple DES. */
import { createCipheriv } from 'node:crypto';

/**
 * DesEncrypt, RFC 2759 §8.6: one block in electronic code book mode.
 *
 * @param clear 8 bytes
 * @param key 7 bytes, without parity
 * @returns 8 bytes
 * @throws {RangeError} if an argument has any other length
 */
export function desEncrypt(clear: Uint8Array, key: Uint8Array): Buffer {
  if (clear.length !== 8) throw new RangeError(`a DES block has 8 bytes, not ${clear.length}`);
  const parityKey = addParity(key);
  // Triple DES encrypts, decrypts, encrypts: with one key three times two of the steps cancel out.
  const cipher = createCipheriv('des-ede3', Buffer.concat([parityKey, parityKey, parityKey]), null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(clear), cipher.final()]);
}

/**
 * Spreads 56 key bits over 8 bytes, 7 in the high bits of each, and sets the low bit so that each byte has odd parity
 * (RFC 2759 §8.6; examples in §9.3).
 *
 * @param key 7 bytes
 * @returns 8 bytes
 * @throws {RangeError} if `key` has any other length
 */
export function addParity(key: Uint8Array): Buffer {
  if (key.length !== 7) throw new RangeError(`a DES key without parity has 7 bytes, not ${key.length}`);
  let bits = 0n;
  for (const byte of key) bits = (bits << 8n) | BigInt(byte);
  const expanded = Buffer.alloc(8);
  for (let index = 7; index >= 0; index--) {
    const sevenBits = Number(bits & 0x7fn);
    expanded[index] = (sevenBits << 1) | (isEven(sevenBits) ? 1 : 0);
    bits >>= 7n;
  }
  return expanded;
}

/** Whether an even number of the low seven bits is set. */
function isEven(sevenBits: number): boolean {
  let folded = sevenBits ^ (sevenBits >> 4);
  folded ^= folded >> 2;
  folded ^= folded >> 1;
  return (folded & 1) === 0;
}

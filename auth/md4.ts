/**
 * MD4, RFC 1320. MS-CHAPv2 hashes passwords with it (RFC 2759 §8.3) and OpenSSL 3 no longer offers it.
 * It is broken as a hash; nothing outside MS-CHAPv2 may use it.
 */

const BLOCK_LENGTH = 64;

/** The additive constants of the three rounds, RFC 1320 §3.4. */
const ROUND_CONSTANTS = [0, 0x5a827999, 0x6ed9eba1] as const;

/** For each round the order in which it takes the 16 words of a block, RFC 1320 §3.4. */
const WORD_ORDER = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
] as const;

/** For each round the four left rotations, in bits, that it repeats. */
const ROTATIONS = [
  [3, 7, 11, 19],
  [3, 5, 9, 13],
  [3, 9, 11, 15],
] as const;

type Round = 0 | 1 | 2;

/**
 * @param message any length
 * @returns 16 bytes
 */
export function md4(message: Uint8Array): Buffer {
  const padded = pad(message);
  let state: Words = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]; // RFC 1320 §3.3
  for (let offset = 0; offset < padded.length; offset += BLOCK_LENGTH) {
    state = addBlock(state, padded.subarray(offset, offset + BLOCK_LENGTH));
  }
  const digest = Buffer.alloc(16);
  state.forEach((word, index) => {
    digest.writeUInt32LE(word >>> 0, index * 4);
  });
  return digest;
}

type Words = [a: number, b: number, c: number, d: number];

/** RFC 1320 §3.1 and §3.2: a 1 bit, zeros, and the length in bits as 64 bits, low word first. */
function pad(message: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil((message.length + 9) / BLOCK_LENGTH) * BLOCK_LENGTH);
  padded.set(message);
  padded[message.length] = 0x80;
  padded.writeBigUInt64LE(BigInt(message.length) * 8n, padded.length - 8);
  return padded;
}

/** RFC 1320 §3.4: three rounds of 16 operations on one block. */
function addBlock(state: Words, block: Buffer): Words {
  let [a, b, c, d] = state;
  for (const round of [0, 1, 2] as const) {
    for (const [step, word] of WORD_ORDER[round].entries()) {
      const sum = (a + mix(round, b, c, d) + block.readUInt32LE(word * 4) + ROUND_CONSTANTS[round]) | 0;
      const bits = ROTATIONS[round][step & 3] ?? 0;
      [a, b, c, d] = [d, (sum << bits) | (sum >>> (32 - bits)), b, c];
    }
  }
  return [(state[0] + a) | 0, (state[1] + b) | 0, (state[2] + c) | 0, (state[3] + d) | 0];
}

/** The functions F, G and H of RFC 1320 §3.4. */
function mix(round: Round, x: number, y: number, z: number): number {
  switch (round) {
    case 0:
      return (x & y) | (~x & z);
    case 1:
      return (x & y) | (x & z) | (y & z);
    case 2:
      return x ^ y ^ z;
    default:
      return round satisfies never;
  }
}

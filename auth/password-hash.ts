/**
 * Hashes of the passwords of admin accounts: scrypt (RFC 7914), in the PHC string format
 * `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`, so that what is stored says how it was made.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** OWASP's setting for 32 MiB; N is 2 to the power of `ln`. */
const COST: Cost = { ln: 15, r: 8, p: 3 };
const HASH_LENGTH = 32;
const SALT_LENGTH = 16;

/** A stored hash that asks for more was not made here. */
const MOST: Cost = { ln: 20, r: 16, p: 16 };

interface Cost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

const PATTERN = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/** Takes 32 MiB and about 150 ms on a thread of its own. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_LENGTH);
  const hash = await derive(password, salt, COST);
  return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** @returns false also for what `hashPassword` cannot have made */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const match = PATTERN.exec(stored);
  if (match === null) return false;
  const [ln, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (ln > MOST.ln || r > MOST.r || p > MOST.p) return false;
  const expected = Buffer.from(match[5] ?? '', 'base64');
  const actual = await derive(password, Buffer.from(match[4] ?? '', 'base64'), { ln, r, p });
  return timingSafeEqual(actual, expected);
}

/** Nobody's, so that an unknown account takes as long as a known one. */
export const DUMMY_HASH: string = `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${unpadded(randomBytes(SALT_LENGTH))}$${unpadded(randomBytes(HASH_LENGTH))}`;

/** One text of a password whatever keyboard it was typed on. */
function derive(password: string, salt: Buffer, { ln, r, p }: Cost): Promise<Buffer> {
  const N = 2 ** ln;
  // What OpenSSL asks for, RFC 7914 2: the vector, the blocks, and some for itself.
  const maxmem = 128 * r * (N + p + 2);
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, HASH_LENGTH, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

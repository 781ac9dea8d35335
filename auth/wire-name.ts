/** The name in a proof: what it may mean, and which of its bytes enter a hash. */
import { type CodePage, decodeAs, type Reading, readingsOf } from './code-pages.ts';

/** For names that no client has: no more than CHAP and PAP carry (RFC 1334 §2.2.1). */
const MOST_BYTES = 255;

export interface NameReading extends Reading {
  /** Which of `hashed` enters the hash if this reading is right. */
  readonly bare: number;
}

export interface WireName {
  readonly readings: readonly NameReading[];
  /**
   * What may enter a challenge hash: bytes as they came. The first is the whole name, the others are parts of it without
   * "any prepended domain name" (RFC 2759 §4).
   */
  readonly hashed: readonly Uint8Array[];
}

export function wireNameOf(name: Uint8Array, pages: readonly CodePage[]): WireName {
  const bytes = name.subarray(0, MOST_BYTES);
  const starts = [0];
  const readings = readingsOf(bytes, pages).map((reading) => {
    const start = bareStart(bytes, reading);
    if (!starts.includes(start)) starts.push(start);
    return { ...reading, bare: starts.indexOf(start) };
  });
  return { readings, hashed: starts.map((start) => bytes.subarray(start)) };
}

/** Where the name without its domain begins. In a double-byte code page the second byte of a character may look like `\`. */
function bareStart(bytes: Uint8Array, { encoding, text }: Reading): number {
  const end = text.indexOf('\\');
  if (end < 0) return 0;
  for (let at = bytes.indexOf(0x5c); at >= 0; at = bytes.indexOf(0x5c, at + 1)) {
    if (decodeAs(bytes.subarray(0, at), encoding) === text.slice(0, end)) return at + 1;
  }
  return 0;
}

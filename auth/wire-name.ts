/** The name in a proof: what it may mean, and which of its bytes enter a hash. */
import { type CodePage, decodeAs, type Encoding, type Reading, readingsOf } from './code-pages.ts';

/** For names that no client has: no more than CHAP and PAP carry (RFC 1334 §2.2.1). */
const MOST_BYTES = 255;

export interface NameReading extends Reading {
  /** Which of `hashed` enters the hash if this reading is right. */
  readonly bare: number;
}

export interface WireName {
  readonly readings: readonly NameReading[];
  /**
   * What clients enter into a challenge hash: bytes as they came. The first is the whole name, the others are parts of it
   * without "any prepended domain name" (RFC 2759 §4), and also without the realm, which is against RFC 2759.
   */
  readonly hashed: readonly Uint8Array[];
}

export function wireNameOf(name: Uint8Array, pages: readonly CodePage[]): WireName {
  const bytes = name.subarray(0, MOST_BYTES);
  const parts: Part[] = [];
  const indexOf = (start: number, end: number): number => {
    const known = parts.findIndex((part) => part.start === start && part.end === end);
    return known >= 0 ? known : parts.push({ start, end }) - 1;
  };
  indexOf(0, bytes.length);
  const readings = readingsOf(bytes, pages).map((reading) => {
    const start = bareStart(bytes, reading);
    const bare = indexOf(start, bytes.length);
    const end = realmStart(bytes, reading);
    if (end > start) for (const from of [start, 0]) indexOf(from, end);
    return { ...reading, bare };
  });
  return { readings, hashed: parts.map(({ start, end }) => bytes.subarray(start, end)) };
}

interface Part {
  readonly start: number;
  readonly end: number;
}

/** Where the name without its domain begins. */
function bareStart(bytes: Uint8Array, { encoding, text }: Reading): number {
  const end = text.indexOf('\\');
  return end < 0 ? 0 : (positionOf(0x5c, text.slice(0, end), bytes, encoding) ?? -1) + 1;
}

/** Where the `@` of the realm is; the end if there is none. */
function realmStart(bytes: Uint8Array, { encoding, text }: Reading): number {
  const end = text.lastIndexOf('@');
  return (end < 0 ? undefined : positionOf(0x40, text.slice(0, end), bytes, encoding)) ?? bytes.length;
}

/** Of the first such byte behind that text. In a double-byte code page the second byte of a character may look the same. */
function positionOf(byte: number, before: string, bytes: Uint8Array, encoding: Encoding): number | undefined {
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) {
    if (decodeAs(bytes.subarray(0, at), encoding) === before) return at;
  }
  return undefined;
}

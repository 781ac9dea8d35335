/**
 * The first message of a TLS client, RFC 8446 4.1.2 (and RFC 5246 7.4.1.2), for diagnosis: OpenSSL does the handshake, but
 * tells nothing of it when it fails.
 */

import { GatheredBytes } from '../core/index.ts';

export interface ClientHello {
  /** RFC 6066 3, lower case, without the port that sstpc puts there; undefined also if it is no printable name. */
  readonly serverName: string | undefined;
  /** Such as `TLSv1.2`, the newest first. */
  readonly versions: readonly string[];
  /** Numbers of IANA's registry, in the client's order, without GREASE (RFC 8701). */
  readonly ciphers: readonly number[];
  /** RFC 7301; printable ones. */
  readonly protocols: readonly string[];
}

export type ClientHelloResult =
  | { readonly kind: 'incomplete' }
  /** What came is no ClientHello, or is longer than one needs to be. */
  | { readonly kind: 'other' }
  /** In more records than any client needs. */
  | { readonly kind: 'fragmented' }
  | { readonly kind: 'hello'; readonly hello: ClientHello };

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const LARGEST_RECORD = 16_384;
const Extension = { ServerName: 0, Protocols: 16, SupportedVersions: 43 } as const;

/**
 * OpenSSL and every browser put it into one record; programs that hide from filters cut it into a few. Each record costs a
 * segment's work, so a message in records of one byte is an attack.
 */
const MOST_RECORDS = 16;
/** Enough for the largest ClientHello there is (post-quantum key shares, padding). */
const MOST_BYTES = 20_480;

/** Reads the ClientHello as it comes: each byte is looked at once, whatever segments and records it lies in. */
export class ClientHelloReader {
  readonly #wire = new GatheredBytes();
  readonly #message = new GatheredBytes();
  /** Where in what came the record begins that is not whole yet. */
  #at = 0;
  #records = 0;

  /** All that came, for whoever does the handshake. */
  get bytes(): Buffer {
    return this.#wire.bytes;
  }

  /** Once the result is other than `incomplete`, the reader is used up. */
  push(chunk: Uint8Array): ClientHelloResult {
    this.#wire.push(chunk);
    const result = this.#read(this.#wire.bytes);
    return result.kind === 'incomplete' && this.#wire.length >= MOST_BYTES ? OTHER : result;
  }

  #read(bytes: Buffer): ClientHelloResult {
    for (;;) {
      const at = this.#at;
      const type = bytes[at];
      if (bytes.length - at < RECORD_HEADER) return type === undefined || type === HANDSHAKE ? INCOMPLETE : OTHER;
      const length = bytes.readUInt16BE(at + 3);
      if (type !== HANDSHAKE || bytes[at + 1] !== 3 || length === 0 || length > LARGEST_RECORD) return OTHER;
      if (this.#records === MOST_RECORDS) return FRAGMENTED;
      if (bytes.length - at - RECORD_HEADER < length) return INCOMPLETE;
      this.#at = at + RECORD_HEADER + length;
      this.#records += 1;
      this.#message.push(bytes.subarray(at + RECORD_HEADER, this.#at));
      const message = this.#message.bytes;
      if (message.length < 4) continue;
      if (message[0] !== CLIENT_HELLO) return OTHER;
      const wanted = message.readUIntBE(1, 3);
      if (wanted > LARGEST_RECORD) return OTHER;
      if (message.length - 4 >= wanted) return read(message.subarray(4, 4 + wanted));
    }
  }
}

/** @param bytes all that the client has sent so far; the ClientHello may lie in several records */
export function readClientHello(bytes: Uint8Array): ClientHelloResult {
  return new ClientHelloReader().push(bytes);
}

const FRAGMENTED: ClientHelloResult = { kind: 'fragmented' };
const INCOMPLETE: ClientHelloResult = { kind: 'incomplete' };
const OTHER: ClientHelloResult = { kind: 'other' };

function read(body: Buffer): ClientHelloResult {
  try {
    const reader = new Reader(body);
    const legacyVersion = reader.uint16();
    reader.take(32); // random
    reader.take(reader.uint8()); // session id
    const ciphers = pairs(reader.take(reader.uint16())).filter((number) => !isGrease(number));
    reader.take(reader.uint8()); // compression methods
    const extensions = reader.isAtEnd ? new Map<number, Buffer>() : readExtensions(reader.take(reader.uint16()));
    const versions = supportedVersions(extensions.get(Extension.SupportedVersions)) ?? [legacyVersion];
    return {
      kind: 'hello',
      hello: {
        serverName: serverName(extensions.get(Extension.ServerName)),
        versions: versions.map(versionName),
        ciphers,
        protocols: protocols(extensions.get(Extension.Protocols)),
      },
    };
  } catch (error) {
    if (error instanceof RangeError) return OTHER;
    throw error;
  }
}

function readExtensions(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  const reader = new Reader(bytes);
  while (!reader.isAtEnd) {
    const type = reader.uint16();
    found.set(type, reader.take(reader.uint16()));
  }
  return found;
}

function serverName(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  const list = new Reader(bytes);
  const names = new Reader(list.take(list.uint16()));
  while (!names.isAtEnd) {
    const type = names.uint8();
    const name = names.take(names.uint16()).toString('latin1');
    if (type === 0) return cleanServerName(name);
  }
  return undefined;
}

/** @returns undefined if it is no printable name */
export function cleanServerName(name: string): string | undefined {
  return /^[!-~]{1,255}$/.test(name) ? name.replace(/:\d{1,5}$/, '').toLowerCase() : undefined;
}

function supportedVersions(bytes: Buffer | undefined): number[] | undefined {
  if (bytes === undefined) return undefined;
  const reader = new Reader(bytes);
  return pairs(reader.take(reader.uint8()))
    .filter((version) => !isGrease(version))
    .sort((a, b) => b - a);
}

function protocols(bytes: Buffer | undefined): string[] {
  if (bytes === undefined) return [];
  const list = new Reader(bytes);
  const reader = new Reader(list.take(list.uint16()));
  const names: string[] = [];
  while (!reader.isAtEnd) {
    const name = reader.take(reader.uint8()).toString('latin1');
    if (/^[!-~]{1,32}$/.test(name)) names.push(name);
  }
  return names;
}

const VERSIONS: Readonly<Record<number, string>> = {
  768: 'SSLv3',
  769: 'TLSv1',
  770: 'TLSv1.1',
  771: 'TLSv1.2',
  772: 'TLSv1.3',
};

function versionName(number: number): string {
  return VERSIONS[number] ?? `0x${number.toString(16).padStart(4, '0')}`;
}

function isGrease(number: number): boolean {
  return (number & 0x0f0f) === 0x0a0a && number >> 8 === (number & 0xff);
}

function pairs(bytes: Buffer): number[] {
  if (bytes.length % 2 !== 0) throw new RangeError('odd length');
  return Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(2 * index));
}

/** Throws RangeError beyond the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#next(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#next(2));
  }

  take(length: number): Buffer {
    const start = this.#next(length);
    return this.#bytes.subarray(start, start + length);
  }

  #next(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw new RangeError('beyond the end');
    this.#at += length;
    return start;
  }
}

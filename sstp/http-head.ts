import { GatheredBytes } from '../core/index.ts';

/** One header field: the name in lower case, the value without the white space around it. Printable ASCII only. */
export interface HttpField {
  readonly name: string;
  readonly value: string;
}

export type HttpHeadResult =
  | { readonly kind: 'need-more' }
  /** The bytes do not begin with the prefix: everything read so far. */
  | { readonly kind: 'mismatch'; readonly bytes: Buffer }
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'too-long' }
  | {
      readonly kind: 'complete';
      readonly startLine: string;
      readonly fields: readonly HttpField[];
      /** Bytes behind the blank line, possibly none. */
      readonly rest: Buffer;
    };

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Reads an HTTP/1 message up to the blank line, RFC 9112 2.1, and says as early as a byte allows that it is something else.
 *
 * Stricter than RFC 9112 2.2 allows: a bare LF, a bare CR, a control byte and a folded line are errors, because two
 * readers of the same bytes (a proxy in front, and we) must not disagree about where the head ends.
 */
export class HttpHeadReader {
  readonly #prefix: Buffer;
  readonly #maxBytes: number;
  readonly #gathered = new GatheredBytes();
  #scanned = 0;
  #lineStart = 0;

  /**
   * @param prefix ASCII that the first line must begin with, case and all
   * @param maxBytes of the head, blank line included
   */
  constructor(prefix: string, maxBytes: number) {
    this.#prefix = Buffer.from(prefix, 'ascii');
    this.#maxBytes = maxBytes;
  }

  /** Results may hold views of `chunk`. Once it is other than `need-more` the reader is done and holds nothing. */
  push(chunk: Buffer): HttpHeadResult {
    const isFirst = this.#gathered.length === 0;
    if (!isFirst) this.#gathered.push(chunk);
    const result = this.#read(isFirst ? chunk : this.#gathered.bytes);
    if (result.kind !== 'need-more') this.#gathered.clear();
    else if (isFirst) this.#gathered.push(chunk); // the caller may use its buffer again
    return result;
  }

  #read(bytes: Buffer): HttpHeadResult {
    const compared = Math.min(bytes.length, this.#prefix.length);
    if (bytes.compare(this.#prefix, 0, compared, 0, compared) !== 0) return { kind: 'mismatch', bytes };
    const limit = Math.min(bytes.length, this.#maxBytes);
    for (; this.#scanned < limit; this.#scanned++) {
      const byte = bytes[this.#scanned] ?? 0;
      const afterCr = this.#scanned > 0 && bytes[this.#scanned - 1] === CR;
      if (afterCr !== (byte === LF)) return { kind: 'malformed', reason: 'line end other than CR LF' };
      if (byte === LF) {
        if (this.#scanned - this.#lineStart === 1) return complete(bytes, this.#scanned + 1);
        this.#lineStart = this.#scanned + 1;
      } else if (byte !== CR && ((byte < 0x20 && byte !== TAB) || byte === 0x7f)) {
        return { kind: 'malformed', reason: 'control byte' };
      }
    }
    return bytes.length >= this.#maxBytes ? { kind: 'too-long' } : { kind: 'need-more' };
  }
}

/** @param end behind the blank line */
function complete(bytes: Buffer, end: number): HttpHeadResult {
  const [startLine = '', ...lines] = printable(bytes.toString('latin1', 0, end)).split('\r\n');
  const fields: HttpField[] = [];
  for (const line of lines) {
    if (line === '') break;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    // Also refuses a folded line and white space before the colon, RFC 9112 5.1 and 5.2.
    if (!FIELD_NAME.test(name)) return { kind: 'malformed', reason: 'header line without a proper name' };
    fields.push({ name: name.toLowerCase(), value: line.slice(colon + 1).trim() });
  }
  return { kind: 'complete', startLine, fields, rest: bytes.subarray(end) };
}

/**
 * Bytes above ASCII are legal in a value (RFC 9110 5.5) but nothing here has a use for them, and logs are better
 * without.
 */
function printable(text: string): string {
  return text.replace(/[^\t\r\n\x20-\x7e]/g, '?');
}

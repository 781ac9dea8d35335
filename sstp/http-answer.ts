import { GatheredBytes } from '../core/index.ts';
import { HttpHeadReader } from './http-head.ts';

export type HttpAnswerResult =
  | { readonly kind: 'need-more' }
  /** `rest`: what the server pipelined behind the blank line, possibly nothing. */
  | { readonly kind: 'accepted'; readonly rest: Buffer }
  /** `body`: its first 4 KiB as text, fit to be shown on a terminal. */
  | { readonly kind: 'refused'; readonly status: number; readonly body: string }
  | { readonly kind: 'not-http' };

const MAX_HEAD_BYTES = 8192;
const MAX_BODY_BYTES = 4096;

interface Refusal {
  readonly status: number;
  readonly wanted: number;
  readonly body: GatheredBytes;
}

/** Reads a server's answer to SSTP_DUPLEX_POST, MS-SSTP 4.1; of a refusal also the body, which may say why. */
export class HttpAnswerReader {
  readonly #head = new HttpHeadReader('HTTP/1.', MAX_HEAD_BYTES);
  #refusal: Refusal | undefined;

  /** `rest` may be a view of `chunk`. Once the result is other than `need-more`, the reader is used up. */
  push(chunk: Buffer): HttpAnswerResult {
    if (this.#refusal !== undefined) return this.#onBody(this.#refusal, chunk);
    const result = this.#head.push(chunk);
    switch (result.kind) {
      case 'need-more':
        return result;
      case 'mismatch':
      case 'malformed':
      case 'too-long':
        return { kind: 'not-http' };
      case 'complete': {
        const status = /^HTTP\/1\.\d (\d{3})(?: |$)/.exec(result.startLine)?.[1];
        if (status === undefined) return { kind: 'not-http' };
        if (status === '200') return { kind: 'accepted', rest: result.rest };
        const length = result.fields.find((field) => field.name === 'content-length')?.value ?? '';
        // Without a length the body ends with the connection; what has come so far must do.
        const wanted = /^\d{1,20}$/.test(length) ? Math.min(Number(length), MAX_BODY_BYTES) : 0;
        return this.#onBody({ status: Number(status), wanted, body: new GatheredBytes() }, result.rest);
      }
      default:
        return result satisfies never;
    }
  }

  #onBody(refusal: Refusal, chunk: Buffer): HttpAnswerResult {
    const { status, wanted, body } = refusal;
    body.push(chunk.subarray(0, MAX_BODY_BYTES - body.length));
    if (body.length >= wanted) {
      const text = body.bytes.toString('utf8', 0, wanted === 0 ? body.length : wanted);
      return { kind: 'refused', status, body: text.replaceAll('\r\n', '\n').replace(/[^\P{C}\t\n]/gu, '?') };
    }
    this.#refusal = refusal;
    return { kind: 'need-more' };
  }
}

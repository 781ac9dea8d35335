import { type HttpField, HttpHeadReader } from './http-head.ts';

/** The one resource of an SSTP server, MS-SSTP 3.2.4.1. */
export const SSTP_URI = '/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/';

/** What the client's HTTP request said. All texts are printable ASCII. */
export interface SstpHttpRequest {
  /** SSTPCORRELATIONID as sent, at most 128 characters: meant to be a GUID, but sstpc sends something else. */
  readonly correlationId: string | undefined;
  /** The Host header as sent, at most 255 characters: a DNS name is no longer (RFC 1035 2.3.4). */
  readonly host: string | undefined;
  /** The query variable `tenantid`, not percent-decoded, MS-SSTP 3.2.4.1. */
  readonly tenantId: string | undefined;
  /** Whether the client takes PPP frames as soon as it has the Call Connect Ack: see `PPP_FIELD`. */
  readonly isPppListening: boolean;
  /** Whether the client shows itself as sstp-client, which takes one SSTP packet of each TLS record: `showsSstpClient`. */
  readonly isOnePacketReader: boolean;
  /** Request line and header lines, at most 1 KiB, for diagnosis; the values of secrets replaced by their length. */
  readonly head: string;
}

export type HttpRefusalStatus = 400 | 404 | 411 | 431 | 505;

export type PreambleResult =
  | { readonly kind: 'need-more' }
  /** `rest`: what the client pipelined behind the blank line, possibly nothing. */
  | { readonly kind: 'sstp'; readonly request: SstpHttpRequest; readonly rest: Buffer }
  /** Another method: everything read so far, for the web server. */
  | { readonly kind: 'other-http'; readonly bytes: Buffer }
  /** SSTP_DUPLEX_POST gone wrong: answer with that HTTP status and close. */
  | { readonly kind: 'refused'; readonly status: HttpRefusalStatus; readonly reason: string };

const METHOD = 'SSTP_DUPLEX_POST';
/**
 * A header of ours, which other servers pass over as HTTP wants it. Some clients lose what comes right behind the Call
 * Connect Ack, because their PPP starts only then, and Windows' does not answer before the repetition 3 s later. With
 * `SSTP-PPP: listening` a client says that it loses nothing, so LCP can begin in both directions at once (RFC 1661 §3.4).
 */
const PPP_FIELD = 'SSTP-PPP';
const PPP_LISTENING = 'listening';
/** ULONGLONG_MAX: the body of request and answer never ends. */
const ENDLESS = '18446744073709551615';
const MAX_HEAD_BYTES = 8192;
const MAX_CORRELATION_ID_LENGTH = 128;
const MAX_HOST_LENGTH = 255;
const MAX_SHOWN_LENGTH = 1024;
/** A curly-braced GUID string, MS-DTYP 2.3.4.3, as MS-SSTP 3.2.4.1 wants it. */
const BRACED_GUID = /^\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$/i;
const SSTP_CLIENT_ORDER: readonly string[] = ['host', 'content-length', 'sstpcorrelationid'];
const SECRET_FIELDS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);
const REASON_PHRASES = {
  400: 'Bad Request',
  404: 'Not Found',
  411: 'Length Required',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
} as const;

/**
 * Reads the HTTP request that opens a connection, MS-SSTP 3.2.4.1, 3.3.7.2 and 4.1, and tells SSTP from the rest of the web.
 *
 * No request is refused for the order of its headers: Windows 10, sstpc and the Android client all differ.
 */
export class PreambleReader {
  readonly #head: HttpHeadReader;

  /** @param maxBytes of the request up to and with the blank line */
  constructor(maxBytes: number = MAX_HEAD_BYTES) {
    this.#head = new HttpHeadReader(`${METHOD} `, maxBytes);
  }

  /**
   * Buffers in the result may be views of `chunk`. Once it is other than `need-more`, the reader is used up.
   */
  push(chunk: Buffer): PreambleResult {
    const result = this.#head.push(chunk);
    switch (result.kind) {
      case 'need-more':
        return result;
      case 'mismatch':
        return { kind: 'other-http', bytes: result.bytes };
      case 'malformed':
        return refused(400, result.reason);
      case 'too-long':
        return refused(431, 'request head is too long');
      case 'complete':
        return readRequest(result.startLine, result.fields, result.rest);
      default:
        return result satisfies never;
    }
  }
}

/** The answer to an accepted request, MS-SSTP 4.1; what follows it on the wire is SSTP. */
export function encodeHttpAccept(date: Date): Buffer {
  return ascii([
    'HTTP/1.1 200 OK',
    `Content-Length: ${ENDLESS}`,
    'Server: Microsoft-HTTPAPI/2.0',
    `Date: ${date.toUTCString()}`,
  ]);
}

/** An HTTP error with a text that a user's event log may show (the client reports the status, RasSstp event 4). */
export function encodeHttpRefusal(status: HttpRefusalStatus | 503, body: string, date: Date): Buffer {
  const bytes = Buffer.from(body, 'utf8');
  const head = ascii([
    `HTTP/1.1 ${status} ${REASON_PHRASES[status]}`,
    `Date: ${date.toUTCString()}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${bytes.length}`,
    'Connection: close',
  ]);
  return Buffer.concat([head, bytes]);
}

/**
 * The request of a client that loses no PPP frame, MS-SSTP 3.2.4.1.
 *
 * @param host as dialled, with its port unless that is 443
 * @param correlationId a GUID in braces, new for each attempt
 * @throws {RangeError} if one of them is not a word of printable ASCII
 */
export function encodeHttpRequest(host: string, correlationId: string): Buffer {
  for (const word of [host, correlationId]) {
    if (!/^[\x21-\x7e]+$/.test(word)) throw new RangeError('header value is not one word of printable ASCII');
  }
  return ascii([
    `${METHOD} ${SSTP_URI} HTTP/1.1`,
    `Host: ${host}`,
    `Content-Length: ${ENDLESS}`,
    `SSTPCORRELATIONID: ${correlationId}`,
    `${PPP_FIELD}: ${PPP_LISTENING}`,
  ]);
}

function readRequest(startLine: string, fields: readonly HttpField[], rest: Buffer): PreambleResult {
  const [, target = '', version = '', ...more] = startLine.split(' ');
  if (more.length > 0 || !/^HTTP\/\d\.\d$/.test(version)) return refused(400, 'request line is malformed');
  if (version !== 'HTTP/1.1') return refused(505, `${version} instead of HTTP/1.1`);
  const { path, query } = splitTarget(target);
  if (path.toLowerCase() !== SSTP_URI.toLowerCase()) return refused(404, 'URI is not the SSTP one');
  if (valuesOf(fields, 'transfer-encoding').length > 0) return refused(400, 'Transfer-Encoding is present');
  const lengths = valuesOf(fields, 'content-length');
  if (lengths.length === 0) return refused(411, 'Content-Length is missing');
  if (lengths.some((length) => length !== ENDLESS)) return refused(400, `Content-Length is not ${ENDLESS}`);
  const hosts = valuesOf(fields, 'host');
  if (hosts.length > 1) return refused(400, 'more than one Host');
  const isPppListening = valuesOf(fields, PPP_FIELD.toLowerCase())[0] === PPP_LISTENING;
  const request: SstpHttpRequest = {
    correlationId: textOf(valuesOf(fields, 'sstpcorrelationid')[0]?.slice(0, MAX_CORRELATION_ID_LENGTH)),
    host: textOf(hosts[0]?.slice(0, MAX_HOST_LENGTH)),
    tenantId: textOf(tenantOf(query)),
    isPppListening,
    isOnePacketReader: !isPppListening && showsSstpClient(fields),
    head: show(startLine, fields),
  };
  return { kind: 'sstp', request, rest };
}

/**
 * sstp-client names no version. 1.0.18 and 1.1.0 send Host, Content-Length and SSTPCORRELATIONID in this order, where
 * Windows begins with the identifier and the Android client with Content-Length; and unless the user gives another, the
 * identifier is a malformed GUID, `{46649A51-9601-AEDC-25A63085}`, or from NetworkManager one without braces. Each sign
 * alone will do: whoever is taken for sstp-client and is not gets its packets one by one, which is right and less fast.
 */
function showsSstpClient(fields: readonly HttpField[]): boolean {
  const order = fields.map(({ name }) => name).filter((name) => SSTP_CLIENT_ORDER.includes(name));
  if (order.length === SSTP_CLIENT_ORDER.length && order.every((name, i) => name === SSTP_CLIENT_ORDER[i])) return true;
  return valuesOf(fields, 'sstpcorrelationid').some((id) => !BRACED_GUID.test(id));
}

/** Also takes what a proxy may make of the target: the absolute form (RFC 9112 3.2.2), and percent-encoded braces. */
function splitTarget(target: string): { path: string; query: string } {
  const local = target.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  const path = mark === -1 ? local : local.slice(0, mark);
  const query = mark === -1 ? '' : local.slice(mark + 1);
  return { path: path.replace(/%7b/gi, '{').replace(/%7d/gi, '}'), query };
}

function tenantOf(query: string): string | undefined {
  const pair = query.split('&').find((part) => part.startsWith('tenantid='));
  return pair?.slice('tenantid='.length);
}

function valuesOf(fields: readonly HttpField[], name: string): string[] {
  return fields.filter((field) => field.name === name).map((field) => field.value);
}

function textOf(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

function show(startLine: string, fields: readonly HttpField[]): string {
  const lines = fields.map(({ name, value }) =>
    SECRET_FIELDS.has(name) ? `${name}: (${value.length} characters)` : `${name}: ${value}`,
  );
  return [startLine, ...lines].join('\n').slice(0, MAX_SHOWN_LENGTH);
}

function refused(status: HttpRefusalStatus, reason: string): PreambleResult {
  return { kind: 'refused', status, reason };
}

/** @param lines start line and headers, all ours */
function ascii(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'ascii');
}

/**
 * The header that a proxy puts in front of a connection: "The PROXY protocol", versions 1 and 2 (HAProxy,
 * doc/proxy-protocol.txt). A codec alone: who may send one is the acceptor's to say.
 *
 * Version 1 is a line, `PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n`. Version 2 is binary:
 *
 *     12 bytes  signature
 *     1         version (high half) and command: 0 LOCAL, 1 PROXY
 *     1         family (1 IPv4, 2 IPv6, 3 unix) and transport (1 stream)
 *     2         length of what follows: addresses and ports, then TLVs that are passed over here
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../core/index.ts';

/** Who is on the other side of the proxy. */
export interface ProxySource {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeaderResult =
  | { readonly kind: 'incomplete' }
  /** Section 2: nothing may be guessed, so the connection is closed. */
  | { readonly kind: 'bad'; readonly reason: string }
  | {
      readonly kind: 'header';
      /** Bytes of it; what follows is the client's. */
      readonly length: number;
      /** Undefined where the proxy names nobody: then the connection counts as the proxy's own. */
      readonly source: ProxySource | undefined;
      /** The proxy's own doing, such as a health check (version 2, LOCAL). */
      readonly isLocal: boolean;
    };

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V1_START = Buffer.from('PROXY ');
/** Section 2.1: the longest line there is, with its end. */
const V1_MOST = 107;
const V2_FIXED = 16;
/** Addresses of any family take 216; TLVs with a client's certificate may take some kilobytes. */
export const PROXY_HEADER_MOST = 8_192;

/** @param bytes all that has come so far, from the start of the connection */
export function readProxyHeader(bytes: Buffer): ProxyHeaderResult {
  if (startsLike(bytes, SIGNATURE)) return bytes.length < V2_FIXED ? INCOMPLETE : readV2(bytes);
  if (startsLike(bytes, V1_START)) return bytes.length < V1_START.length ? INCOMPLETE : readV1(bytes);
  return bad('no PROXY header');
}

/** As far as both go. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

const INCOMPLETE: ProxyHeaderResult = { kind: 'incomplete' };

function bad(reason: string): ProxyHeaderResult {
  return { kind: 'bad', reason };
}

function readV1(bytes: Buffer): ProxyHeaderResult {
  const end = bytes.subarray(0, V1_MOST).indexOf('\r\n');
  if (end === -1) return bytes.length < V1_MOST ? INCOMPLETE : bad('a PROXY line without end');
  const length = end + 2;
  const [, protocol = '', ...fields] = bytes.toString('latin1', 0, end).split(' ');
  if (protocol === 'UNKNOWN') return { kind: 'header', length, source: undefined, isLocal: false };
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return bad('a PROXY line of an unknown protocol');
  const [source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = fields;
  const parse = protocol === 'TCP4' ? canonicalIpv4 : canonicalIpv6;
  const address = parse(source);
  const port = parsePort(sourcePort);
  const isWhole = more.length === 0 && parse(destination) !== undefined && parsePort(destinationPort) !== undefined;
  if (address === undefined || port === undefined || !isWhole) return bad('a PROXY line with a wrong address or port');
  return { kind: 'header', length, source: { address, port }, isLocal: false };
}

function readV2(bytes: Buffer): ProxyHeaderResult {
  const versionAndCommand = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = V2_FIXED + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2) return bad('a PROXY header of an unknown version');
  const command = versionAndCommand & 0x0f;
  if (command > 1) return bad('a PROXY header with an unknown command');
  if (length > PROXY_HEADER_MOST) return bad('a PROXY header that is too long');
  if (bytes.length < length) return INCOMPLETE;
  // Section 2.2: of LOCAL only the length counts.
  if (command === 0) return { kind: 'header', length, source: undefined, isLocal: true };
  const body = bytes.subarray(V2_FIXED, length);
  switch (family) {
    case 0x11:
      if (body.length < 12) return bad('a PROXY header without room for its addresses');
      return header(length, { address: formatIpv4(body.readUInt32BE(0)), port: body.readUInt16BE(8) });
    case 0x21:
      if (body.length < 36) return bad('a PROXY header without room for its addresses');
      return header(length, { address: ipv6Text(body.subarray(0, 16)), port: body.readUInt16BE(32) });
    default:
      // Unspecified, unix and datagrams name nobody that a server of TCP could know.
      return header(length, undefined);
  }
}

function header(length: number, source: ProxySource | undefined): ProxyHeaderResult {
  return { kind: 'header', length, source, isLocal: false };
}

function canonicalIpv4(text: string): string | undefined {
  const address = parseIpv4(text);
  return address === undefined ? undefined : formatIpv4(address);
}

function canonicalIpv6(text: string): string | undefined {
  const address = parseIpv6(text);
  return address === undefined ? undefined : ipv6Text(address);
}

/** An IPv4 client of a dual-stack proxy (RFC 4291 2.5.5.2) is the IPv4 client that it would be without. */
function ipv6Text(bytes: Uint8Array): string {
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? formatIpv4(Buffer.from(bytes).readUInt32BE(12)) : formatIpv6(Uint8Array.from(bytes));
}

/** Section 2.1: decimal, without leading zeros. */
function parsePort(text: string): number | undefined {
  const port = Number(text);
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && port <= 65_535 ? port : undefined;
}

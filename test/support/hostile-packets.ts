/** Whole IP packets in literal fields, for a client that sends what no host does. Addresses of IPv6 are 16 bytes. */
import { checksum } from './ip-packets.ts';

export const ICMP = 1;
export const UDP = 17;
export const ROUTING = 43;
export const FRAGMENT = 44;
export const ICMPV6 = 58;

/** Options of an IPv4 header, RFC 791 3.1. */
export const LOOSE_SOURCE_ROUTE = 131;
export const STRICT_SOURCE_ROUTE = 137;

export interface Ipv4Fields {
  readonly options?: Buffer;
  readonly ttl?: number;
  readonly id?: number;
  /** Flags and offset: 0x2000 is More Fragments. */
  readonly fragment?: number;
}

const ipv4Bytes = (text: string): Buffer => Buffer.from(text.split('.').map(Number));

export function ipv6Bytes(text: string): Buffer {
  const [left = '', right = ''] = text.split('::');
  const words = (part: string): string[] => part.split(':').filter(Boolean);
  const missing = 8 - words(left).length - words(right).length;
  const all = [...words(left), ...Array<string>(missing).fill('0'), ...words(right)];
  return Buffer.from(all.map((word) => word.padStart(4, '0')).join(''), 'hex');
}

/** RFC 791 3.1. */
export function ipv4Packet(
  from: string,
  to: string,
  protocol: number,
  body: Buffer,
  { options = Buffer.alloc(0), ttl = 64, id = 1, fragment = 0 }: Ipv4Fields = {},
): Buffer {
  const header = Buffer.alloc(20 + options.length);
  header[0] = 0x40 | (header.length >> 2);
  header.writeUInt16BE(header.length + body.length, 2);
  header.writeUInt16BE(id, 4);
  header.writeUInt16BE(fragment, 6);
  header.set([ttl, protocol], 8);
  ipv4Bytes(from).copy(header, 12);
  ipv4Bytes(to).copy(header, 16);
  options.copy(header, 20);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, body]);
}

/** Padded to a multiple of four bytes. */
export function sourceRoute(type: number, ...hops: readonly string[]): Buffer {
  const option = Buffer.concat([Buffer.from([type, 3 + 4 * hops.length, 4]), ...hops.map(ipv4Bytes)]);
  return Buffer.concat([option, Buffer.alloc(-option.length & 3)]);
}

/** RFC 8200 3. */
export function ipv6Packet(from: Buffer, to: Buffer, nextHeader: number, body: Buffer, hopLimit = 64): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(body.length, 4);
  header.set([nextHeader, hopLimit], 6);
  return Buffer.concat([header, from, to, body]);
}

/** One address that is still to be visited: RFC 8200 4.4, RFC 6275 6.4 (2), RFC 6554 (3), RFC 8754 (4). */
export function routingHeader(nextHeader: number, type: number, next: Buffer): Buffer {
  return Buffer.concat([Buffer.from([nextHeader, 2, type, 1, 0, 0, 0, 0]), next]);
}

/** Without a checksum, as IPv4 allows. */
export function udp(from: number, to: number, data: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt16BE(8 + data.length, 4);
  return Buffer.concat([header, Buffer.from(data)]);
}

export function udp6(from: Buffer, to: Buffer, ports: readonly [number, number], data: string): Buffer {
  return withSum(from, to, UDP, udp(...ports, data), 6);
}

/** RFC 792. @param rest of the header, 4 bytes */
export function icmp(type: number, rest: Buffer, data: Buffer | string): Buffer {
  const message = Buffer.concat([Buffer.from([type, 0, 0, 0]), rest, Buffer.from(data)]);
  message.writeUInt16BE(checksum(evened(message)), 2);
  return message;
}

/** RFC 4443 2.1. @param rest of the header, 4 bytes */
export function icmp6(from: Buffer, to: Buffer, type: number, rest: Buffer, data: Buffer | string): Buffer {
  return withSum(from, to, ICMPV6, Buffer.concat([Buffer.from([type, 0, 0, 0]), rest, Buffer.from(data)]), 2);
}

function withSum(from: Buffer, to: Buffer, nextHeader: number, message: Buffer, at: number): Buffer {
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(message.length, 0);
  pseudo[7] = nextHeader;
  message.writeUInt16BE(checksum(evened(Buffer.concat([from, to, pseudo, message]))), at);
  return message;
}

function evened(bytes: Buffer): Buffer {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
}

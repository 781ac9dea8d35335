/**
 * What a router says about a packet too large for the next hop: Destination Unreachable "fragmentation needed"
 * (RFC 792, RFC 1191) and Packet Too Big (RFC 4443 3.2). How often it may be said is the caller's to limit.
 */
import type { Ipv4, Ipv6 } from '../core/index.ts';
import { internetChecksum, ipv6Checksum } from './checksum.ts';

const ICMP = 1;
const ICMPV6 = 58;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const HOP_LIMIT = 64;
const DO_NOT_FRAGMENT = 0x4000;
/** RFC 1812 4.3.2.3: as much of the packet as possible, 576 bytes in all. */
const IPV4_ERROR_LENGTH = 576;
/** RFC 4443 2.4 c: as much of the packet as fits the smallest IPv6 MTU. */
const IPV6_ERROR_LENGTH = 1280;

/**
 * The answer to an IPv4 packet with DF in bytes[start, end) that is larger than the next hop takes.
 *
 * @param from our address
 * @param mtu bytes that would fit
 * @returns a whole IPv4 packet to the sender, or undefined where none may be sent: no DF (fragment it instead), not a
 *   first fragment, an ICMP error, or a source or destination that names no single host (RFC 1122 3.2.2)
 */
export function fragmentationNeeded(
  bytes: Uint8Array,
  start: number,
  end: number,
  from: Ipv4,
  mtu: number,
): Buffer | undefined {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start));
  if (packet.length < IPV4_HEADER || (packet[0] ?? 0) >> 4 !== 4) return undefined;
  const flags = packet.readUInt16BE(6);
  if ((flags & DO_NOT_FRAGMENT) === 0 || (flags & 0x1fff) !== 0) return undefined;
  if (!isOneHost(packet.readUInt32BE(12)) || !isOneHost(packet.readUInt32BE(16))) return undefined;
  const headerLength = ((packet[0] ?? 0) & 0x0f) << 2;
  if (packet[9] === ICMP && !isIcmpQuery(packet[headerLength])) return undefined;

  const quoted = packet.subarray(0, IPV4_ERROR_LENGTH - IPV4_HEADER - 8);
  const answer = Buffer.alloc(IPV4_HEADER + 8 + quoted.length);
  answer[0] = 0x45;
  answer[1] = 0xc0; // RFC 1812 4.3.2.5: precedence of internetwork control
  answer.writeUInt16BE(answer.length, 2);
  answer[8] = HOP_LIMIT;
  answer[9] = ICMP;
  answer.writeUInt32BE(from, 12);
  answer.set(packet.subarray(12, 16), 16);
  answer.writeUInt16BE(internetChecksum(answer, 0, IPV4_HEADER), 10);
  answer[IPV4_HEADER] = 3;
  answer[IPV4_HEADER + 1] = 4;
  answer.writeUInt16BE(Math.min(mtu, 0xffff), IPV4_HEADER + 6);
  answer.set(quoted, IPV4_HEADER + 8);
  answer.writeUInt16BE(internetChecksum(answer, IPV4_HEADER, answer.length), IPV4_HEADER + 2);
  return answer;
}

/**
 * The answer to an IPv6 packet in bytes[start, end) that is larger than the next hop takes.
 *
 * @param from our address
 * @param mtu bytes that would fit
 * @returns a whole IPv6 packet to the sender, or undefined where none may be sent: an ICMPv6 error or redirect, or a
 *   source that names no single host (RFC 4443 2.4 e); a group as destination is no obstacle (e.3)
 */
export function packetTooBig(
  bytes: Uint8Array,
  start: number,
  end: number,
  from: Ipv6,
  mtu: number,
): Buffer | undefined {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start));
  if (packet.length < IPV6_HEADER || (packet[0] ?? 0) >> 4 !== 6) return undefined;
  const isFromGroup = packet[8] === 0xff;
  if (isFromGroup || packet.subarray(8, 24).every((byte) => byte === 0)) return undefined;
  if (packet[6] === ICMPV6 && !isInformational(packet[IPV6_HEADER])) return undefined;

  const quoted = packet.subarray(0, IPV6_ERROR_LENGTH - IPV6_HEADER - 8);
  const answer = Buffer.alloc(IPV6_HEADER + 8 + quoted.length);
  answer[0] = 0x60;
  answer.writeUInt16BE(8 + quoted.length, 4);
  answer[6] = ICMPV6;
  answer[7] = HOP_LIMIT;
  answer.set(from, 8);
  answer.set(packet.subarray(8, 24), 24);
  answer[IPV6_HEADER] = 2;
  answer.writeUInt32BE(mtu, IPV6_HEADER + 4);
  answer.set(quoted, IPV6_HEADER + 8);
  answer.writeUInt16BE(ipv6Checksum(answer, 0, IPV6_HEADER, answer.length, ICMPV6), IPV6_HEADER + 2);
  return answer;
}

/** Neither this network, nor loopback, nor a group, nor broadcast. */
function isOneHost(address: Ipv4): boolean {
  const net = address >>> 24;
  return net !== 0 && net !== 127 && net < 224;
}

/** RFC 792: Echo, Timestamp and Information are questions and answers; all else may be about an error. */
function isIcmpQuery(type: number | undefined): boolean {
  return type === 0 || type === 8 || (type !== undefined && type >= 13 && type <= 18);
}

/** RFC 4443 2.1: types from 128; Redirect (137) counts as an error here. */
function isInformational(type: number | undefined): boolean {
  return type !== undefined && type >= 128 && type !== 137;
}

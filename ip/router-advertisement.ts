/** What an IPv6 host needs from the router of its link: the question it asks and our answer (RFC 4861, RFC 8106). */
import type { Ipv6, Ipv6Cidr } from '../core/index.ts';
import { ipv6Checksum } from './checksum.ts';

const ICMPV6 = 58;
const IPV6_HEADER = 40;
const ND_HOP_LIMIT = 255;
const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const SOURCE_LINK_LAYER_ADDRESS = 1;
const ALL_NODES: Ipv6 = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01);

/** RFC 4861 4.6.2: on-link, and addresses may be formed from it. */
const ON_LINK_AND_AUTONOMOUS = 0xc0;

export interface RouterAdvertisement {
  /** Our link-local address (RFC 4861 4.2 takes no other). */
  readonly source: Ipv6;
  /** All nodes, `ff02::1`, unless said; or the client that asked. */
  readonly destination?: Ipv6;
  /** The client's /64. */
  readonly prefix: Ipv6Cidr;
  readonly mtuBytes: number;
  /** At most 127; none leaves the option out. */
  readonly dns: readonly Ipv6[];
  readonly lifetimes: RouterLifetimes;
}

export interface RouterLifetimes {
  /** How long we are the client's default router; 0 for not at all; at most 9,000 (RFC 4861 6.2.1). */
  readonly routerSeconds: number;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
  readonly dnsSeconds: number;
}

/** A session's prefix is good for as long as the session is; RFC 4861 6.2.1 gives the first three as defaults. */
export const DEFAULT_LIFETIMES: RouterLifetimes = {
  routerSeconds: 1800,
  validSeconds: 2_592_000,
  preferredSeconds: 604_800,
  dnsSeconds: 1800,
};

/**
 * A Router Advertisement as a whole IPv6 packet.
 *
 * @throws {RangeError} if an address is not 16 bytes, the prefix not a /64, or there are more than 127 resolvers
 */
export function encodeRouterAdvertisement(advertisement: RouterAdvertisement): Buffer {
  const { source, destination = ALL_NODES, prefix, mtuBytes, dns, lifetimes } = advertisement;
  if (prefix.prefixLength !== 64) throw new RangeError('router advertisement: the prefix must be a /64');
  if (dns.length > 127) throw new RangeError('router advertisement: more than 127 resolvers');
  if ([source, destination, prefix.address, ...dns].some((address) => address.length !== 16)) {
    throw new RangeError('router advertisement: an address is not 16 bytes');
  }
  const message = Buffer.concat([
    routerHeader(lifetimes.routerSeconds),
    prefixInformation(prefix, lifetimes),
    mtuOption(mtuBytes),
    recursiveDnsServers(dns, lifetimes.dnsSeconds),
  ]);
  const header = Buffer.alloc(IPV6_HEADER);
  header[0] = 0x60;
  header.writeUInt16BE(message.length, 4);
  header[6] = ICMPV6;
  header[7] = ND_HOP_LIMIT;
  header.set(source, 8);
  header.set(destination, 24);
  const packet = Buffer.concat([header, message]);
  packet.writeUInt16BE(ipv6Checksum(packet, 0, IPV6_HEADER, packet.length, ICMPV6), IPV6_HEADER + 2);
  return packet;
}

/**
 * Whether bytes[start, end) is a Router Solicitation that a router must answer: RFC 4861 6.1.1, check by check.
 * An answer goes to the source address, or to all nodes where that is `::`.
 */
export function isRouterSolicitation(bytes: Uint8Array, start: number, end: number): boolean {
  const message = start + IPV6_HEADER;
  if (message + 8 > end || bytes[start + 6] !== ICMPV6 || (bytes[start] ?? 0) >> 4 !== 6) return false;
  const messageEnd = message + (((bytes[start + 4] ?? 0) << 8) | (bytes[start + 5] ?? 0));
  if (messageEnd > end || messageEnd < message + 8) return false; // ICMP length is 8 or more octets
  if (bytes[message] !== ROUTER_SOLICITATION) return false;
  if (bytes[start + 7] !== ND_HOP_LIMIT) return false; // it was not forwarded by a router
  if (bytes[message + 1] !== 0) return false;
  if (ipv6Checksum(bytes, start, message, messageEnd, ICMPV6) !== 0) return false;

  const isFromNowhere = bytes.subarray(start + 8, start + 24).every((byte) => byte === 0);
  for (let option = message + 8; option < messageEnd; ) {
    const length = option + 1 < messageEnd ? (bytes[option + 1] ?? 0) << 3 : 0;
    if (length === 0 || option + length > messageEnd) return false;
    if (isFromNowhere && bytes[option] === SOURCE_LINK_LAYER_ADDRESS) return false;
    option += length;
  }
  return true;
}

/** RFC 4861 4.2: hop limit 64 for the client's own packets, no DHCPv6, reachable time and retransmission unspecified. */
function routerHeader(lifetimeSeconds: number): Buffer {
  const header = Buffer.alloc(16);
  header[0] = ROUTER_ADVERTISEMENT;
  header[4] = 64;
  header.writeUInt16BE(lifetimeSeconds, 6);
  return header;
}

/** RFC 4861 4.6.2. */
function prefixInformation(prefix: Ipv6Cidr, lifetimes: RouterLifetimes): Buffer {
  const option = Buffer.alloc(32);
  option[0] = 3;
  option[1] = 4;
  option[2] = prefix.prefixLength;
  option[3] = ON_LINK_AND_AUTONOMOUS;
  option.writeUInt32BE(lifetimes.validSeconds, 4);
  option.writeUInt32BE(lifetimes.preferredSeconds, 8);
  option.set(prefix.address, 16);
  return option;
}

/** RFC 4861 4.6.4. */
function mtuOption(mtuBytes: number): Buffer {
  const option = Buffer.alloc(8);
  option[0] = 5;
  option[1] = 1;
  option.writeUInt32BE(mtuBytes, 4);
  return option;
}

/** RFC 8106 5.1. */
function recursiveDnsServers(dns: readonly Ipv6[], lifetimeSeconds: number): Buffer {
  if (dns.length === 0) return Buffer.alloc(0);
  const option = Buffer.alloc(8);
  option[0] = 25;
  option[1] = 1 + 2 * dns.length;
  option.writeUInt32BE(lifetimeSeconds, 4);
  return Buffer.concat([option, ...dns]);
}

/**
 * What a client may send into the network behind the server, packet by packet.
 *
 * Hot path: numbers in, a number out, no object made. The frame is bytes[start, end); what lies behind the length that
 * the IP header names is padding and must be cut with `ipv4End` or `ipv6End` before the packet goes on.
 */
import type { Ipv4, Ipv6 } from '../core/index.ts';

export const Verdict = {
  /** Goes to the network, up to `ipv4End` or `ipv6End`. */
  Forward: 0,
  /** Not from an address of this client: spoofed, or another interface of the client leaks into the tunnel. */
  DropSource: 1,
  /** To where nothing from a tunnel may go: loopback, unspecified, IPv4 inside IPv6, reserved, link-local addresses. */
  DropDestination: 2,
  /** No IP packet of this version, or one whose lengths contradict each other or the frame. */
  DropMalformed: 3,
  /** Multicast or broadcast: ordinary for Windows (NetBIOS, SSDP, LLMNR), but there is no link to spread it on. */
  DropGroup: 4,
  /** Neighbour Discovery with the server itself: never forwarded, but a Router Solicitation wants an answer. */
  LinkScope: 5,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** The addresses an IPv6 client may send from, and ours on its link. */
export interface Ipv6Client {
  /** Its /64 (16 bytes, of which the first 8 count), or undefined if it has only the link-local address. */
  readonly prefix: Ipv6 | undefined;
  readonly linkLocal: Ipv6;
  readonly serverLinkLocal: Ipv6;
}

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const ICMPV6 = 58;
const DESTINATION_OPTIONS = 60;
const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;
const REDIRECT = 137;

/**
 * Judges a frame with PPP protocol 0x0021.
 *
 * Destinations: RFC 1122 3.2.1.3 (0/8, 127/8), RFC 1112 4 (240/4). 169.254/16 is the firewall's to refuse: clouds have the
 * resolver there that clients may be told to ask.
 */
export function mayForwardIpv4(bytes: Uint8Array, start: number, end: number, clientAddress: Ipv4): Verdict {
  if (end - start < IPV4_HEADER) return Verdict.DropMalformed;
  const first = at(bytes, start);
  const headerLength = (first & 0x0f) << 2;
  const totalLength = uint16(bytes, start + 2);
  if (first >> 4 !== 4 || headerLength < IPV4_HEADER) return Verdict.DropMalformed;
  if (totalLength < headerLength || totalLength > end - start) return Verdict.DropMalformed;
  if (uint32(bytes, start + 12) !== clientAddress) return Verdict.DropSource;

  const destination = uint32(bytes, start + 16);
  const net = destination >>> 24;
  if (net === 0 || net === 127) return Verdict.DropDestination;
  if (destination === 0xffffffff || (net >= 224 && net < 240)) return Verdict.DropGroup;
  if (net >= 240) return Verdict.DropDestination;
  return Verdict.Forward;
}

/**
 * Judges a frame with PPP protocol 0x0057.
 *
 * From `::` only Neighbour Discovery is taken (RFC 4862 5.4.2, RFC 4861 4.1); link-local sources reach the server's
 * link-local address and nothing else (RFC 4291 2.5.6); a client that calls itself a router is refused.
 */
export function mayForwardIpv6(bytes: Uint8Array, start: number, end: number, client: Ipv6Client): Verdict {
  if (end - start < IPV6_HEADER || at(bytes, start) >> 4 !== 6) return Verdict.DropMalformed;
  const packetEnd = ipv6End(bytes, start);
  if (packetEnd > end) return Verdict.DropMalformed;

  const source = start + 8;
  const destination = start + 24;
  const isMulticast = at(bytes, destination) === 0xff;
  const isToServer = equals(bytes, destination, client.serverLinkLocal, 16);
  const isFromNowhere = isUnspecified(bytes, source);
  const isFromLinkLocal = !isFromNowhere && equals(bytes, source, client.linkLocal, 16);
  const isFromPrefix = client.prefix !== undefined && equals(bytes, source, client.prefix, 8);
  if (!isFromNowhere && !isFromLinkLocal && !isFromPrefix) return Verdict.DropSource;

  if (isMulticast || isToServer) return onLink(bytes, start, packetEnd, isMulticast, isFromNowhere);
  if (isFromNowhere) return Verdict.DropSource;
  if (isForbiddenIpv6(bytes, destination) || isFromLinkLocal) return Verdict.DropDestination;
  return Verdict.Forward;
}

/** Where the packet that starts at `start` ends by its own header; may lie past the frame until that was checked. */
export function ipv4End(bytes: Uint8Array, start: number): number {
  return start + uint16(bytes, start + 2);
}

/** Where the packet that starts at `start` ends by its own header; may lie past the frame until that was checked. */
export function ipv6End(bytes: Uint8Array, start: number): number {
  return start + IPV6_HEADER + uint16(bytes, start + 4);
}

/** A packet to the server's link-local address or to a group: what the link itself is about, and the rest. */
function onLink(bytes: Uint8Array, start: number, end: number, isMulticast: boolean, isFromNowhere: boolean): Verdict {
  const nextHeader = at(bytes, start + 6);
  const isIcmp = nextHeader === ICMPV6 && start + IPV6_HEADER < end;
  switch (isIcmp ? at(bytes, start + IPV6_HEADER) : -1) {
    case ROUTER_SOLICITATION:
    case NEIGHBOR_SOLICITATION:
      return Verdict.LinkScope;
    case NEIGHBOR_ADVERTISEMENT:
      return isFromNowhere ? Verdict.DropSource : Verdict.LinkScope;
    case ROUTER_ADVERTISEMENT:
    case REDIRECT:
      return Verdict.DropSource;
  }
  if (isMulticast) return Verdict.DropGroup;
  if (isFromNowhere) return Verdict.DropSource;
  // Behind an extension header could be a Router Advertisement, which the kernel would believe.
  return isExtensionHeader(nextHeader) ? Verdict.DropDestination : Verdict.Forward;
}

function isExtensionHeader(nextHeader: number): boolean {
  return (
    nextHeader === HOP_BY_HOP ||
    nextHeader === ROUTING ||
    nextHeader === FRAGMENT ||
    nextHeader === AUTHENTICATION ||
    nextHeader === DESTINATION_OPTIONS
  );
}

/** `::`, `::1`, IPv4-compatible `::/96`, IPv4-mapped `::ffff:0:0/96` (RFC 4291 2.5), link-local `fe80::/10`. */
function isForbiddenIpv6(bytes: Uint8Array, offset: number): boolean {
  const first = at(bytes, offset);
  if (first === 0xfe) return (at(bytes, offset + 1) & 0xc0) === 0x80;
  for (let i = 0; i < 10; i++) {
    if (at(bytes, offset + i) !== 0) return false;
  }
  const last = uint16(bytes, offset + 10);
  return last === 0 || last === 0xffff;
}

function isUnspecified(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 16; i++) {
    if (bytes[offset + i] !== 0) return false;
  }
  return true;
}

function equals(bytes: Uint8Array, offset: number, address: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (bytes[offset + i] !== address[i]) return false;
  }
  return true;
}

/** Callers have checked that the offset lies in the packet; outside of it there are zeros, never an exception. */
function at(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

function uint16(bytes: Uint8Array, offset: number): number {
  return (at(bytes, offset) << 8) | at(bytes, offset + 1);
}

function uint32(bytes: Uint8Array, offset: number): number {
  return ((uint16(bytes, offset) << 16) | uint16(bytes, offset + 2)) >>> 0;
}

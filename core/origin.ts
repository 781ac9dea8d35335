/** By what addresses are told apart where each has a share: what one host has to itself is one. */
import { formatIpv4, formatIpv6, ipv4Mask, parseIpv4, parseIpv6 } from './address.ts';

/** Where a client comes from, as it is counted. */
export interface Origin {
  /** `192.0.2.7`, or of IPv6 the /64 that a single host has to itself: `2001:db8:1:2::/64`. */
  readonly address: string;
  /** Networks around it that may belong to one customer, the narrower first: of IPv6 the /56 and the /48. */
  readonly around: readonly string[];
  /** Whoever may have taken many addresses there counts once in a draw: the /24, or the /48. */
  readonly network: string;
  /** Everybody who comes by a tunnel of ssh, or through a proxy on this host, is there: 127.0.0.1, ::1 and all others are one. */
  readonly isLoopback: boolean;
}

const MOST_TEXT_LENGTH = 64;

/** ::ffff:0:0/96, RFC 4291 §2.5.5.2. */
const IPV4_MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

/** The address of everybody on loopback. */
export const LOOPBACK_ADDRESS = '127.0.0.1';
const LOOPBACK: Origin = { address: LOOPBACK_ADDRESS, around: [], network: '127.0.0.0/8', isLoopback: true };
/** RFC 4291 §2.5.3. */
const IPV6_LOOPBACK = Buffer.from('00000000000000000000000000000001', 'hex');

/** @param address text form, IPv4 or IPv6 as a socket gives it */
export function originOf(address: string): Origin {
  const bytes = parseIpv6(address.split('%', 1)[0] ?? '');
  if (bytes === undefined) return ipv4Origin(parseIpv4(address), address);
  const view = Buffer.from(bytes);
  if (view.subarray(0, 12).equals(IPV4_MAPPED_PREFIX)) return ipv4Origin(view.readUInt32BE(12), address);
  if (view.equals(IPV6_LOOPBACK)) return LOOPBACK;
  const [host, site, wide] = [64, 56, 48].map((length) => networkOf(view, length));
  return {
    address: host ?? '',
    around: [site ?? '', wide ?? ''],
    network: wide ?? '',
    isLoopback: false,
  };
}

function ipv4Origin(ipv4: number | undefined, text: string): Origin {
  if (ipv4 === undefined) {
    const address = text.slice(0, MOST_TEXT_LENGTH);
    return { address, around: [], network: address, isLoopback: false };
  }
  // RFC 1122 §3.2.1.3 (g).
  if (ipv4 >>> 24 === 127) return LOOPBACK;
  return {
    address: formatIpv4(ipv4),
    around: [],
    network: `${formatIpv4((ipv4 & ipv4Mask(24)) >>> 0)}/24`,
    isLoopback: false,
  };
}

function networkOf(address: Buffer, prefixLength: number): string {
  const network = new Uint8Array(16);
  network.set(address.subarray(0, prefixLength / 8));
  return `${formatIpv6(network)}/${prefixLength}`;
}

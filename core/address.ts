import ipaddr from 'ipaddr.js';

/** An IPv4 address as an unsigned 32-bit number in host order: 10.0.0.1 is 0x0a000001. */
export type Ipv4 = number;

/** An IPv6 address: 16 bytes in network order. */
export type Ipv6 = Uint8Array;

/** An IPv4 network: `address` has its host bits cleared. */
export interface Ipv4Cidr {
  readonly address: Ipv4;
  readonly prefixLength: number;
}

/** An IPv6 network: `address` has its host bits cleared. */
export interface Ipv6Cidr {
  readonly address: Ipv6;
  readonly prefixLength: number;
}

/** @returns the address, or undefined if `text` is not a dotted quad of four decimal numbers. */
export function parseIpv4(text: string): Ipv4 | undefined {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(text).octets;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** The four bytes of the wire. */
export function ipv4Bytes(address: Ipv4): Uint8Array {
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
}

/** @returns the address, or undefined if `text` is not an IPv6 address (a zone such as `%eth0` is not taken). */
export function parseIpv6(text: string): Ipv6 | undefined {
  if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
}

/** RFC 5952 text form. */
export function formatIpv6(address: Ipv6): string {
  return new ipaddr.IPv6([...address]).toRFC5952String();
}

/** The 32-bit mask of a prefix length from 0 to 32. */
export function ipv4Mask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

/** @returns the network, or undefined if `text` is not ADDRESS/LENGTH or has host bits set. */
export function parseIpv4Cidr(text: string): Ipv4Cidr | undefined {
  const parts = splitCidr(text, 32);
  const address = parts && parseIpv4(parts.address);
  if (parts === undefined || address === undefined) return undefined;
  if ((address & ~ipv4Mask(parts.prefixLength)) !== 0) return undefined;
  return { address, prefixLength: parts.prefixLength };
}

/** @returns the network, or undefined if `text` is not ADDRESS/LENGTH or has host bits set. */
export function parseIpv6Cidr(text: string): Ipv6Cidr | undefined {
  const parts = splitCidr(text, 128);
  const address = parts && parseIpv6(parts.address);
  if (parts === undefined || address === undefined) return undefined;
  const cidr = { address, prefixLength: parts.prefixLength };
  for (let bit = cidr.prefixLength; bit < 128; bit++) {
    if (((address[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) return undefined;
  }
  return cidr;
}

export function formatIpv4Cidr(cidr: Ipv4Cidr): string {
  return `${formatIpv4(cidr.address)}/${cidr.prefixLength}`;
}

export function formatIpv6Cidr(cidr: Ipv6Cidr): string {
  return `${formatIpv6(cidr.address)}/${cidr.prefixLength}`;
}

export function ipv4InCidr(address: Ipv4, cidr: Ipv4Cidr): boolean {
  const mask = ipv4Mask(cidr.prefixLength);
  return (address & mask) >>> 0 === cidr.address;
}

export function ipv6InCidr(address: Ipv6, cidr: Ipv6Cidr): boolean {
  const whole = cidr.prefixLength >> 3;
  for (let i = 0; i < whole; i++) {
    if (address[i] !== cidr.address[i]) return false;
  }
  const rest = cidr.prefixLength & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((address[whole] ?? 0) & mask) === ((cidr.address[whole] ?? 0) & mask);
}

/** Whether two IPv4 networks share an address. */
export function ipv4CidrsOverlap(a: Ipv4Cidr, b: Ipv4Cidr): boolean {
  return a.prefixLength <= b.prefixLength ? ipv4InCidr(b.address, a) : ipv4InCidr(a.address, b);
}

function splitCidr(text: string, most: number): { address: string; prefixLength: number } | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const prefixLength = Number(match?.[2]);
  if (match?.[1] === undefined || prefixLength > most) return undefined;
  return { address: match[1], prefixLength };
}

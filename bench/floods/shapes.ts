/** Where floods come from, and what they do. */

/** Networks that are all on the loopback device of whoever floods; the server has a route back to them. */
export const FLOOD_NETWORK = '100.64.0.0/10';
export const FLOOD_NETWORK6 = '2001:db8:f00d::/48';

/** Networks of clean clients over IPv6, a /48 each. */
export const CLEAN_NETWORK6 = '2001:db8:a000::/36';

export const SHAPES = ['16 addresses', '1,000 of four /24', '1,000 of as many /24', 'an IPv6 /48'] as const;
/** Less of the same /48: what counts as one address, and what a customer may have. */
export const NARROW_SHAPES = ['an IPv6 /64', 'an IPv6 /56'] as const;
export type Shape = (typeof SHAPES)[number] | (typeof NARROW_SHAPES)[number];

/** What each connection does: nothing at all, or so much. */
export const KINDS = [
  'silent TCP',
  'silent TLS',
  'half-open SSTP',
  'slow POSTs',
  'one-byte ClientHello records',
  'unknown PPP protocols',
] as const;
export type Kind = (typeof KINDS)[number];

/** The address of the nth connection. */
export function sourceOf(shape: Shape, n: number): string {
  switch (shape) {
    case '16 addresses':
      return `100.80.${n % 16}.1`;
    case '1,000 of four /24':
      return `100.84.${n % 4}.${1 + (Math.floor(n / 4) % 250)}`;
    case '1,000 of as many /24': {
      const network = n % 1_000;
      return `100.${64 + (network >> 8)}.${network & 0xff}.1`;
    }
    case 'an IPv6 /48':
      // A /64 of its own for each, in an order that visits all /56.
      return `2001:db8:f00d:${((n * 40_503) & 0xffff).toString(16)}::1`;
    case 'an IPv6 /56':
      return `2001:db8:f00d:${(0x100 | (n & 0xff)).toString(16)}::1`;
    case 'an IPv6 /64':
      return `2001:db8:f00d:1::${(1 + (n & 0xffff)).toString(16)}`;
    default:
      return shape satisfies never;
  }
}

/** An address of a clean client, each in a /24 of its own, and each once in 12,000. */
export function cleanSource(n: number): string {
  return `100.${100 + (Math.floor(n / 250) % 20)}.${n % 250}.9`;
}

export function isIpv6(shape: Shape): boolean {
  return shape.startsWith('an IPv6');
}

/** The same of IPv6, each in a /48 of its own. */
export function cleanSource6(n: number): string {
  return `2001:db8:${(0xa000 | (n & 0xfff)).toString(16)}::9`;
}

/** An address of a clean client in the midst of the floods of IPv6, whose first 17,000 connections are of other /64s. */
export function neighbourSource6(n: number): string {
  return `2001:db8:f00d:${(0x7010 + n).toString(16)}::9`;
}

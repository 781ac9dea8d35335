/** What a packet from the peer has to be before it may go to the TUN device. Hot path: numbers in, a number out. */
import type { Ipv4 } from '../core/index.ts';
import { type Ipv6Client, ipv4End, ipv6End, mayForwardIpv4, mayForwardIpv6, Verdict } from '../ip/index.ts';

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

/**
 * `from-client`: the peer may only send from its own addresses, to where a tunnel may reach (ip/source-check.ts).
 * `from-server`: the peer is the network; anything that is a whole IP packet goes to our own kernel.
 */
export type Ingress = 'from-client' | 'from-server';

export function judgeIpv4(ingress: Ingress, bytes: Uint8Array, start: number, end: number, client: Ipv4): Verdict {
  if (ingress === 'from-client') return mayForwardIpv4(bytes, start, end, client);
  const headerLength = ((bytes[start] ?? 0) & 0x0f) << 2;
  if (end - start < IPV4_HEADER || (bytes[start] ?? 0) >> 4 !== 4) return Verdict.DropMalformed;
  const packetEnd = ipv4End(bytes, start);
  if (headerLength < IPV4_HEADER || packetEnd < start + headerLength || packetEnd > end) return Verdict.DropMalformed;
  return Verdict.Forward;
}

export function judgeIpv6(
  ingress: Ingress,
  bytes: Uint8Array,
  start: number,
  end: number,
  client: Ipv6Client,
): Verdict {
  if (ingress === 'from-client') return mayForwardIpv6(bytes, start, end, client);
  if (end - start < IPV6_HEADER || (bytes[start] ?? 0) >> 4 !== 6) return Verdict.DropMalformed;
  return ipv6End(bytes, start) > end ? Verdict.DropMalformed : Verdict.Forward;
}

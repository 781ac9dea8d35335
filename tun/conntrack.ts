/** The kernel's memory of flows (conntrack), of addresses that are given up. ctnetlink; see native/conntrack.h. */
import { loadNative } from './native.ts';
import type { IpPrefix } from './routes.ts';

/**
 * Deletes each flow with an address in one of these networks, at either end, before or after translation; of IPv6 the
 * first 64 bits count. Not on this thread. Needs CAP_NET_ADMIN.
 *
 * @throws {Error} with `code`, rejecting: what the kernel answers, such as EPERM
 */
export function forgetFlows(networks: readonly IpPrefix[]): Promise<void> {
  const [ipv4, ipv6, networks4, networks6]: [Uint8Array[], Uint8Array[], Uint8Array[], Uint8Array[]] = [[], [], [], []];
  for (const { address, prefixLength } of networks) {
    if (address.length === 4) {
      if (prefixLength === 32) ipv4.push(address);
      else networks4.push(...masked(address, prefixLength));
    } else if (prefixLength === 64) ipv6.push(address.subarray(0, 8));
    else networks6.push(...masked(address.subarray(0, 8), Math.min(prefixLength, 64)));
  }
  return new Promise((resolve, reject) => {
    const done = (error: Error | undefined): void => (error === undefined ? resolve() : reject(error));
    const [a, b, c, d] = [ipv4, ipv6, networks4, networks6].map((list) => Buffer.concat(list));
    if (a === undefined || b === undefined || c === undefined || d === undefined) return;
    loadNative().conntrackForget(a, b, c, d, done);
  });
}

/** @returns the network with its host bits cleared, and its mask */
function masked(address: Uint8Array, prefixLength: number): [Uint8Array, Uint8Array] {
  const mask = address.map((_, i) => 0xff & ~(0xff >> Math.max(0, Math.min(8, prefixLength - 8 * i))));
  return [address.map((byte, i) => byte & (mask[i] ?? 0)), mask];
}

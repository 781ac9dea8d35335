/** Link-local addresses: fe80::/64 and an interface identifier (RFC 4291 §2.5.6). */
import type { Ipv6 } from '../core/index.ts';

/** The interface identifier of our side on each link, 8 bytes. */
export const SERVER_INTERFACE_ID: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1);

/** fe80::1, the same on every link: the clients' router. */
export const SERVER_LINK_LOCAL: Ipv6 = linkLocalAddress(SERVER_INTERFACE_ID);

/** @param interfaceId 8 bytes */
export function linkLocalAddress(interfaceId: Uint8Array): Ipv6 {
  const address = new Uint8Array(16);
  address.set([0xfe, 0x80]);
  address.set(interfaceId, 8);
  return address;
}

/** Routes of the host to single clients. rtnetlink(7). */
import { loadNative } from './native.ts';

/** 4 bytes of IPv4 or 16 of IPv6, and how many bits of them count. */
export interface IpPrefix {
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** Routes `destination` to a device, wherever it was routed before. @throws {Error} with `code` and `syscall` */
export function replaceRoute(device: string, { address, prefixLength }: IpPrefix): void {
  loadNative().routeReplace(device, Buffer.from(address), prefixLength);
}

/** Without effect if `destination` is not routed to this device. @throws {Error} with `code` and `syscall` */
export function removeRoute(device: string, { address, prefixLength }: IpPrefix): void {
  loadNative().routeRemove(device, Buffer.from(address), prefixLength);
}

import { readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Ipv4, parseIpv4 } from '../core/index.ts';

/** Addresses that this host needs for itself and no client may have: its own and its default gateways. */
export function hostAddresses(
  interfaces: typeof networkInterfaces = networkInterfaces,
  routes: string = readFileSync('/proc/net/route', 'utf8'),
): Set<Ipv4> {
  const own = Object.values(interfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => parseIpv4(address))
    .filter((address) => address !== undefined);
  return new Set([...own, ...gateways(routes)]);
}

/** Columns of /proc/net/route: Iface, Destination, Gateway, …, Mask; addresses in hexadecimal, lowest byte first. */
function gateways(routes: string): Ipv4[] {
  return routes
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter(([, destination, gateway]) => destination === '00000000' && gateway !== undefined && gateway !== '00000000')
    .map(([, , gateway = '']) => Buffer.from(gateway, 'hex').readUInt32LE());
}

/** RFC 1918, 6598, 3927, 4193, 4291 and the loopback addresses: what nobody outside can dial. */
const NOT_PUBLIC = new BlockList();
for (const [network, length] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  NOT_PUBLIC.addSubnet(network, length, 'ipv4');
}
NOT_PUBLIC.addSubnet('fc00::', 7, 'ipv6');
NOT_PUBLIC.addSubnet('fe80::', 10, 'ipv6');
NOT_PUBLIC.addAddress('::1', 'ipv6');

/** Whether an address can be dialled from anywhere, so that no translation of addresses is in between. */
export function isPublicAddress(address: string): boolean {
  return !NOT_PUBLIC.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

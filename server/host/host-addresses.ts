import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Ipv4, parseIpv4 } from '../../core/index.ts';

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

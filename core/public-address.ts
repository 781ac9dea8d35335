import { BlockList, isIPv6 } from 'node:net';

/** What nobody outside can dial, as every network may have it. */
const NOT_PUBLIC = new BlockList();
for (const [network, length] of [
  ['10.0.0.0', 8], // RFC 1918, as 172.16/12 and 192.168/16
  ['100.64.0.0', 10], // RFC 6598, carrier-grade NAT
  ['127.0.0.0', 8], // RFC 1122 3.2.1.3, loopback
  ['169.254.0.0', 16], // RFC 3927, link-local
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  NOT_PUBLIC.addSubnet(network, length, 'ipv4');
}
NOT_PUBLIC.addSubnet('fc00::', 7, 'ipv6'); // RFC 4193, Unique Local
NOT_PUBLIC.addSubnet('fe80::', 10, 'ipv6'); // RFC 4291 2.4, as ::1
NOT_PUBLIC.addAddress('::1', 'ipv6');

/** Whether an address can be dialled from anywhere, so that no translation of addresses is in between. */
export function isPublicAddress(address: string): boolean {
  return !NOT_PUBLIC.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

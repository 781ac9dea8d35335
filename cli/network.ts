import { parseIpv4Cidr, parseIpv6Cidr } from '../core/index.ts';

/** Whether it is an IPv4 or IPv6 network, such as 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  return parseIpv4Cidr(text) !== undefined || parseIpv6Cidr(text) !== undefined;
}

import { ipv4InCidr, ipv6InCidr, parseIpv4, parseIpv6 } from '../../core/index.ts';
import type { Network } from './format.ts';

/**
 * Who is a proxy that names its clients.
 *
 * @returns undefined if there is none; the address it takes is text, IPv4 as dotted quad
 */
export function proxySources(from: readonly Network[]): ((address: string) => boolean) | undefined {
  if (from.length === 0) return undefined;
  return (address) => {
    const ipv4 = parseIpv4(address);
    const ipv6 = ipv4 === undefined ? parseIpv6(address.replace(/%.*$/, '')) : undefined;
    return from.some((network) =>
      network.family === 'ipv4'
        ? ipv4 !== undefined && ipv4InCidr(ipv4, network)
        : ipv6 !== undefined && ipv6InCidr(ipv6, network),
    );
  };
}

import {
  type Finding,
  fine,
  ipv4InCidr,
  ipv6InCidr,
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6,
  parseIpv6Cidr,
  warning,
} from '../../core/index.ts';

const CHECK = 'names to dial';

/** RFC 1918, RFC 6598 (carrier-grade NAT), RFC 3927 (link-local), RFC 1122 3.2.1.3 (loopback). */
const PRIVATE_IPV4 = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', '127.0.0.0/8']
  .map(parseIpv4Cidr)
  .filter((network) => network !== undefined);
/** RFC 4193 (Unique Local), RFC 4291 2.4 (link-local, loopback). */
const PRIVATE_IPV6 = ['fc00::/7', 'fe80::/10', '::1/128'].map(parseIpv6Cidr).filter((network) => network !== undefined);

/** What no public DNS has: RFC 6762, RFC 6761, RFC 8375, ICANN's `internal`, and what routers and firms make up. */
const PRIVATE_DOMAIN =
  /(?:^|\.)(?:local|localhost|localdomain|internal|intranet|private|corp|home|home\.arpa|lan|test)$/;

/**
 * Whether clients outside of this network can dial a server that was told no name. Its addresses are then those of this
 * machine's devices, and a machine in a cloud, as one behind a router, does not see its public one.
 *
 * @param hosts as the operator gave them
 * @param names that the certificate is for, the one to dial first
 */
export function judgeDialled(hosts: readonly string[], names: readonly string[]): Finding {
  const shown = names.slice(0, 4).join(', ');
  if (names.length === 0 || !names.every(isPrivate)) return fine(CHECK, shown === '' ? 'none' : shown);
  if (hosts.length > 0) return fine(CHECK, `${shown}, as hosts has it: from within private networks alone`);
  return warning(
    CHECK,
    `private addresses (${shown}); clients outside need --host NAME`,
    '--host with the name or the public address that they dial; a router in front must pass its port on',
  );
}

/** Whether an address or a name means something in private networks only. */
function isPrivate(name: string): boolean {
  const ipv4 = parseIpv4(name);
  if (ipv4 !== undefined) return PRIVATE_IPV4.some((network) => ipv4InCidr(ipv4, network));
  const ipv6 = parseIpv6(name);
  if (ipv6 !== undefined) return PRIVATE_IPV6.some((network) => ipv6InCidr(ipv6, network));
  const bare = name.toLowerCase().replace(/\.$/, '');
  return !bare.includes('.') || PRIVATE_DOMAIN.test(bare);
}

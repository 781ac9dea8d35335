/** Which addresses users may have for good: those that no machine but a client answers to. */
import { networkInterfaces } from 'node:os';
import {
  formatIpv4,
  formatIpv4Cidr,
  type Ipv4,
  type Ipv4Cidr,
  ipv4InCidr,
  ipv4Mask,
  parseIpv4,
} from '../../core/index.ts';
import type { Config } from '../config/index.ts';
import { type AddressPlan, hostAddresses } from '../host/index.ts';

export interface FixedAddressRule {
  /** Undefined if it is not known yet. */
  readonly pool: Ipv4Cidr | undefined;
  /** Networks besides it. */
  readonly fixed: readonly Ipv4Cidr[];
  /** What clients are told: whoever had one of these would be asked by everybody. */
  readonly dns: readonly Ipv4[];
  readonly wins: readonly Ipv4[];
  /** This host's own addresses and gateways; a moment's state, as are its networks without the VPN. */
  readonly hostAddresses: () => ReadonlySet<Ipv4>;
  readonly networks: () => readonly Ipv4Cidr[];
}

/** @param plan undefined if what a start would choose is not known @param tuns our own devices */
export function fixedAddressRule(
  config: Pick<Config, 'pool' | 'dns' | 'wins'>,
  plan: Pick<AddressPlan, 'cidr' | 'dns'> | undefined,
  tuns: readonly string[],
): FixedAddressRule {
  return {
    pool: plan?.cidr ?? config.pool.ipv4,
    fixed: config.pool.fixed,
    dns: plan?.dns ?? config.dns ?? [],
    wins: config.wins,
    hostAddresses,
    networks: () => attachedNetworks(tuns),
  };
}

/** @returns why no user can have the address, to follow it; undefined if one can */
export function fixedAddressFault(address: Ipv4, rule: FixedAddressRule): string | undefined {
  const { pool, fixed, dns, wins } = rule;
  const first = address >>> 24;
  if (first === 0 || first >= 224) return 'is no address of a machine';
  if (first === 127) return 'is a loopback address';
  if (address >>> 16 === 0xa9fe) return 'is a link-local address';
  if (dns.includes(address)) return 'is told to clients as a DNS server';
  if (wins.includes(address)) return 'is told to clients as a WINS server';
  if (pool !== undefined && ipv4InCidr(address, pool)) return faultInPool(address, pool);
  if (rule.hostAddresses().has(address)) return 'belongs to this host or its default gateway';
  const network = rule.networks().find((attached) => ipv4InCidr(address, attached));
  if (network !== undefined) return `lies in ${formatIpv4Cidr(network)}, where this host has neighbours`;
  if (pool === undefined || fixed.some((one) => ipv4InCidr(address, one))) return undefined;
  return `lies neither in the pool ${formatIpv4Cidr(pool)} nor in a network of pool.fixed`;
}

function faultInPool(address: Ipv4, { address: network, prefixLength }: Ipv4Cidr): string | undefined {
  const broadcast = (network | ~ipv4Mask(prefixLength)) >>> 0;
  const isOurs = address === network || address === network + 1 || address === broadcast;
  return isOurs ? "is the server's own, or the pool's network or broadcast address" : undefined;
}

/** Why an address was not taken, and what would allow it. */
export function fixedAddressRefusal(address: Ipv4, fault: string): string {
  const text = formatIpv4(address);
  const remedy = fault.includes('pool.fixed') ? `: start with --pool-fixed ${text}/32, or a network around it` : '';
  return `${text} ${fault}${remedy}`;
}

/** Networks that this host is a part of, without those of the VPN. */
function attachedNetworks(
  tuns: readonly string[],
  interfaces: typeof networkInterfaces = networkInterfaces,
): Ipv4Cidr[] {
  return Object.entries(interfaces())
    .flatMap(([device, list]) => (tuns.includes(device) ? [] : (list ?? [])))
    .flatMap(({ family, address: text, cidr }) => {
      const address = family === 'IPv4' ? parseIpv4(text) : undefined;
      const prefixLength = Number(cidr?.split('/')[1]);
      if (address === undefined || !(prefixLength > 0 && prefixLength < 32)) return [];
      return [{ address: (address & ipv4Mask(prefixLength)) >>> 0, prefixLength }];
    });
}

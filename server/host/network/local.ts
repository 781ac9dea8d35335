/** What the host's network already is: the networks it knows and the resolvers it asks. */
import { readFile } from 'node:fs/promises';
import { formatIpv4Cidr, type Ipv4, type Ipv4Cidr, ipv4Mask, parseIpv4, parseIpv4Cidr } from '../../../core/index.ts';
import { ipJson, isRecord } from './command.ts';

/** systemd-resolved puts itself into the first; the resolvers that it asks are in the second. */
const RESOLVER_FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** IPCP carries two (RFC 1877). */
const MOST_RESOLVERS = 2;

/**
 * Every IPv4 network that the host has a route to or an address in, in all routing tables; default routes left out.
 *
 * @throws {NetworkError} without a working `ip`
 */
export async function localNetworks(): Promise<Ipv4Cidr[]> {
  const [routes, links] = await Promise.all([
    ipJson(['-4', 'route', 'show', 'table', 'all']),
    ipJson(['-4', 'address', 'show']),
  ]);
  return uniqueNetworks([...routes.map(networkOfRoute), ...links.flatMap(networksOfLink)]);
}

/** The host's IPv4 resolvers that a client can ask too: not on loopback; two at most. Files that can't be read count as empty. */
export async function resolvers(files: readonly string[] = RESOLVER_FILES): Promise<Ipv4[]> {
  const found = new Set<Ipv4>();
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const address of parseResolvers(text)) found.add(address);
  }
  return [...found].slice(0, MOST_RESOLVERS);
}

/** The IPv4 `nameserver` lines of a resolv.conf(5), without loopback and unspecified addresses. */
export function parseResolvers(text: string): Ipv4[] {
  return text.split('\n').flatMap((line) => {
    const name = /^nameserver\s+(\S+)/.exec(line)?.[1];
    const address = name === undefined ? undefined : parseIpv4(name);
    if (address === undefined || address >>> 24 === 127 || address >>> 24 === 0) return [];
    return [address];
  });
}

function networkOfRoute(route: Record<string, unknown>): Ipv4Cidr | undefined {
  const { dst, type } = route;
  if (typeof dst !== 'string' || type === 'broadcast' || type === 'multicast') return undefined;
  return parseIpv4Cidr(dst.includes('/') ? dst : `${dst}/32`);
}

function networksOfLink(link: Record<string, unknown>): (Ipv4Cidr | undefined)[] {
  const { addr_info: addresses } = link;
  if (!Array.isArray(addresses)) return [];
  return addresses.filter(isRecord).map(({ local, prefixlen }) => {
    const address = typeof local === 'string' ? parseIpv4(local) : undefined;
    if (address === undefined || typeof prefixlen !== 'number') return undefined;
    return { address: (address & ipv4Mask(prefixlen)) >>> 0, prefixLength: prefixlen };
  });
}

function uniqueNetworks(networks: readonly (Ipv4Cidr | undefined)[]): Ipv4Cidr[] {
  const byName = new Map<string, Ipv4Cidr>();
  for (const network of networks) {
    if (network !== undefined && network.prefixLength > 0) byName.set(formatIpv4Cidr(network), network);
  }
  return [...byName.values()];
}

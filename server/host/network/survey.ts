/** What of the host's network is in the way of a tunnel, as it is now. Nothing is changed. */
import { readFile } from 'node:fs/promises';
import { formatIpv4, type Ipv4Cidr, ipv4Mask, parseIpv4 } from '../../../core/index.ts';
import { ipJson, isRecord, parseJson, runCommand } from './command.ts';
import { type DroppingChain, droppingChains, droppingLegacyChain, refusesForwarded } from './foreign-chains.ts';
import { readSysctl } from './sysctl.ts';

const LEGACY_TABLES = '/proc/net/ip_tables_names';

/**
 * So many flows the kernel tracks at most, those of all programs of the machine; 0 without a limit.
 *
 * @returns undefined if it tracks none yet
 */
export async function mostTrackedFlows(): Promise<number | undefined> {
  const size = Number((await readSysctl('net/netfilter/nf_conntrack_max')) ?? Number.NaN);
  return Number.isSafeInteger(size) ? size : undefined;
}

export interface ForeignChains {
  readonly chains: readonly DroppingChain[];
  /** Somebody has rules of what is forwarded, whatever they are; undefined if that can't be seen. */
  readonly hasPolicy: boolean | undefined;
  /** Why nft could not be asked; absent if it was. */
  readonly unseen?: string;
}

/**
 * Firewalls of others on the way of what we forward.
 *
 * @param options.withIpv6 whether tables of IPv6 alone matter
 */
export async function findForeignChains(options: {
  readonly ownTable: string;
  readonly tuns: readonly string[];
  readonly withIpv6: boolean;
}): Promise<ForeignChains> {
  const { ownTable, tuns, withIpv6 } = options;
  const listed = await runCommand('nft', ['-j', 'list', 'ruleset']);
  const families = ['ip', 'inet', ...(withIpv6 ? ['ip6'] : [])];
  const ruleset = listed.kind === 'ok' ? parseJson(listed.stdout) : undefined;
  const legacy = await legacyListing();
  const old = legacy === undefined ? undefined : droppingLegacyChain(legacy, tuns);
  const chains = [...droppingChains(ruleset, { ownTable, tuns, families }), ...(old === undefined ? [] : [old])];
  const hasLegacyPolicy = legacy !== undefined && /^-P FORWARD DROP|^-A FORWARD .*-j (?:DROP|REJECT)/m.test(legacy);
  if (listed.kind === 'ok') return { chains, hasPolicy: hasLegacyPolicy || refusesForwarded(ruleset) };
  return {
    chains,
    hasPolicy: undefined,
    unseen: listed.kind === 'missing' ? 'nft is not installed' : `nft: ${listed.message}`,
  };
}

/** The older iptables keeps its rules where nft can't see them. */
async function legacyListing(): Promise<string | undefined> {
  const tables = await readFile(LEGACY_TABLES, 'utf8').catch(() => '');
  if (!tables.split('\n').includes('filter')) return undefined;
  for (const command of ['iptables-legacy', 'iptables']) {
    const listed = await runCommand(command, ['-S']);
    if (listed.kind === 'ok') return listed.stdout;
  }
  return undefined;
}

/** Where the kernel would send packets for clients, if not to their device. */
export interface Detour {
  readonly device: string;
  /** Reverse path filtering then drops what clients send, too. */
  readonly isStrict: boolean;
  /** An address in the pool, to look at with `ip route get`. */
  readonly address: string;
}

/**
 * A routing rule of another VPN can take packets for clients elsewhere.
 *
 * @param tun the first device, which the route to the pool leads to; undefined before there is one, when only a routing
 *   table of somebody else's tells
 */
export async function findDetour(pool: Ipv4Cidr, tun: string | undefined): Promise<Detour | undefined> {
  const address = formatIpv4(((pool.address | ~ipv4Mask(pool.prefixLength)) >>> 0) - 1);
  const [route] = await ipJson(['route', 'get', address]).catch(() => []);
  const { dev: device, table } = route ?? {};
  if (typeof device !== 'string' || device === tun) return undefined;
  // `ip` names the table only if it is another one than main.
  if (tun === undefined && table === undefined) return undefined;
  const filters = await Promise.all(['all', tun ?? 'default'].map((name) => readSysctl(rpFilter(name))));
  return { device, isStrict: Math.max(...filters.map(Number)) === 1, address };
}

/** The device of the default route with its MTU; undefined without one. */
export async function uplink(): Promise<{ readonly device: string; readonly mtu: number } | undefined> {
  const [route] = await ipJson(['-4', 'route', 'show', 'default']).catch(() => []);
  if (typeof route?.dev !== 'string') return undefined;
  const [link] = await ipJson(['link', 'show', 'dev', route.dev]).catch(() => []);
  return typeof link?.mtu === 'number' ? { device: route.dev, mtu: link.mtu } : undefined;
}

/** @returns undefined if there is no such device */
export async function deviceState(name: string): Promise<{ readonly isUp: boolean; readonly mtu: number } | undefined> {
  const [link] = await ipJson(['link', 'show', 'dev', name]).catch(() => []);
  if (!isRecord(link) || typeof link.mtu !== 'number') return undefined;
  return { isUp: Array.isArray(link.flags) && link.flags.includes('UP'), mtu: link.mtu };
}

/** The network that the first device of a server has its address in. */
export async function deviceNetwork(name: string): Promise<Ipv4Cidr | undefined> {
  const [link] = await ipJson(['-4', 'address', 'show', 'dev', name]).catch(() => []);
  const [entry] = Array.isArray(link?.addr_info) ? link.addr_info.filter(isRecord) : [];
  const address = typeof entry?.local === 'string' ? parseIpv4(entry.local) : undefined;
  if (address === undefined || typeof entry?.prefixlen !== 'number') return undefined;
  return { address: (address & ipv4Mask(entry.prefixlen)) >>> 0, prefixLength: entry.prefixlen };
}

/** A dry run of rules for nft, or of the listing of a table. @returns undefined if nft takes them, else why not */
export async function nftFault(args: readonly string[], rules?: string): Promise<string | undefined> {
  const result = await runCommand('nft', args, rules);
  switch (result.kind) {
    case 'ok':
      return undefined;
    case 'missing':
      return 'nft is not installed';
    case 'failed':
      return result.message;
    default:
      return result satisfies never;
  }
}

function rpFilter(device: string): string {
  return `net/ipv4/conf/${device}/rp_filter`;
}

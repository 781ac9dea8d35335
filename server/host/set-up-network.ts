import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import {
  formatIpv4Cidr,
  type Ipv4,
  type Ipv4Cidr,
  ipv4Bytes,
  ipv4CidrsOverlap,
  type Log,
  StartError,
  type UndoStack,
} from '../../core/index.ts';
import { choosePool, overlapping, PrefixPool, SERVER_LINK_LOCAL } from '../../ip/index.ts';
import type { IpPrefix } from '../../tun/index.ts';
import type { Config } from '../config/index.ts';
import { HostNetwork, type Reach } from './network/index.ts';

/** The addresses of one server. */
export interface AddressPlan {
  readonly cidr: Ipv4Cidr;
  /** The first host address of the pool: ours in IPCP and on the TUN device. */
  readonly serverAddress: Ipv4;
  readonly prefixes: PrefixPool | undefined;
  readonly dns: readonly Ipv4[];
}

/** @throws {StartError} if the pool overlaps a network of this host, or all of the usual ones are taken */
export async function planAddresses(config: Config): Promise<AddressPlan> {
  const taken = await HostNetwork.localNetworks();
  const wanted = config.pool.ipv4;
  const clash = wanted === undefined ? undefined : overlapping(wanted, taken);
  if (wanted !== undefined && clash !== undefined) {
    throw new StartError(
      `pool.ipv4: ${formatIpv4Cidr(wanted)} overlaps ${formatIpv4Cidr(clash)}, which this host uses: choose another with --pool CIDR`,
    );
  }
  const proxies = ofProxies(config);
  const cidr = wanted ?? choosePool([...taken, ...proxies]);
  if (cidr === undefined)
    throw new StartError('no private /24 is free on this host: choose the addresses of clients with --pool CIDR');
  const proxy = proxies.find((network) => ipv4CidrsOverlap(network, cidr));
  if (proxy !== undefined) {
    throw new StartError(
      `proxy.from: ${formatIpv4Cidr(proxy)} overlaps ${formatIpv4Cidr(cidr)}, where clients are, and each could name itself as it likes: name the proxies alone with --proxy-from IP`,
    );
  }
  const prefixes = config.pool.ipv6 === undefined ? undefined : new PrefixPool({ cidr: config.pool.ipv6 });
  const dns = config.dns ?? (await HostNetwork.resolvers());
  return { cidr, serverAddress: cidr.address + 1, prefixes, dns };
}

/** A client with an address there could name itself whatever it likes. */
function ofProxies({ proxy }: Config): Ipv4Cidr[] {
  return proxy.from.flatMap((network) => (network.family === 'ipv4' ? [network] : []));
}

/** Sets up everything around the TUN devices. What it makes is put on `undo`. */
export async function setUpNetwork(options: {
  readonly config: Config;
  readonly plan: AddressPlan;
  readonly tuns: readonly string[];
  readonly reach: Reach;
  readonly undo: UndoStack;
  readonly log: Log;
}): Promise<{ readonly host: HostNetwork; readonly remarks: readonly string[] }> {
  const { config, plan, tuns, reach, undo, log } = options;
  const host = new HostNetwork({
    tuns,
    isolate: config.network.isolate,
    mtu: config.network.mtu,
    ipv4: { address: plan.serverAddress, cidr: plan.cidr },
    ipv6: serverIpv6(config, plan),
    linkLocal: SERVER_LINK_LOCAL,
    nat: config.network.nat,
    flowsPerClient: config.limits.flowsPerClient,
    reach,
    keeps: true,
    instance: instanceOf(realpathSync(config.data)),
    log,
  });
  const stale = await host.cleanStale();
  undo.push(() => host.down());
  const remarks = [...stale, ...(await host.up())];
  if (plan.dns.length === 0 && config.dns === undefined) {
    remarks.push('this host has no resolver besides loopback, so clients get none: name one with --dns IP');
  }
  logRemarks(remarks, log);
  return { host, remarks };
}

/** What a start prints among its notes, for who reads the log alone. */
export function logRemarks(remarks: readonly string[], log: Log): void {
  for (const remark of remarks) log[remark.startsWith('WARNING') ? 'warn' : 'info']('network.remark', { remark });
}

/** Tells the servers of one host apart. @param data their data directory, without links in its path */
export function instanceOf(data: string): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 8);
}

/** Where clients are that another worker may have, for a device that keeps clients apart. */
export function clientNetworks(config: Config, plan: AddressPlan): { network: IpPrefix; own: IpPrefix }[] {
  const ipv4 = {
    network: { address: ipv4Bytes(plan.cidr.address), prefixLength: plan.cidr.prefixLength },
    own: { address: ipv4Bytes(plan.serverAddress), prefixLength: 32 },
  };
  if (plan.prefixes === undefined || config.pool.ipv6 === undefined) return [ipv4];
  return [ipv4, { network: config.pool.ipv6, own: plan.prefixes.serverPrefix }];
}

/** PREFIX::1 of the pool's first /64. */
function serverIpv6(config: Config, plan: AddressPlan): ConstructorParameters<typeof HostNetwork>[0]['ipv6'] {
  if (plan.prefixes === undefined || config.pool.ipv6 === undefined) return undefined;
  const address = Uint8Array.from(plan.prefixes.serverPrefix.address);
  address[15] = 1;
  return { address, cidr: config.pool.ipv6 };
}

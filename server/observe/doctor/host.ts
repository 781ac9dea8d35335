/** What the host must be able to do for a tunnel: device, forwarding, translation, routes, and nobody who drops it all. */
import { networkInterfaces } from 'node:os';
import { type Finding, fine, formatIpv4Cidr, type Ipv4Cidr, problem, warning } from '../../../core/index.ts';
import { availableCongestionControls, congestionControlFor } from '../../../datapath/index.ts';
import { openTun, TunError } from '../../../tun/index.ts';
import { isInbound } from '../../config/derived.ts';
import type { Config } from '../../config/index.ts';
import {
  type Detour,
  deviceState,
  type ForeignChains,
  type ForwardingState,
  findDetour,
  findForeignChains,
  firewallRules,
  forwardingState,
  mostTrackedFlows,
  nftFault,
  type RefusedFlows,
  readRefusedFlows,
  tableName,
  uplink,
} from '../../host/index.ts';
import { judgeFlowTable } from './flow-table.ts';

export interface HostOptions {
  readonly config: Config;
  /** What clients get addresses of; undefined if that is not known. */
  readonly pool: Ipv4Cidr | undefined;
  /** Devices of the running server, else the names that a start would give them. */
  readonly tuns: readonly string[];
  readonly isRunning: boolean;
  /** Tells the nftables tables of several servers apart. */
  readonly instance: string;
}

export async function examineHost(options: HostOptions): Promise<Finding[]> {
  const { config, pool, tuns, isRunning } = options;
  const withIpv6 = config.pool.ipv6 !== undefined;
  const ownTable = tableName(options.instance);
  const [tun = ''] = tuns;
  const foreign = await findForeignChains({ ownTable, tuns, withIpv6 });
  return [
    await examineTun(options),
    judgeForwarding('IPv4', await forwardingState('ipv4'), isRunning),
    ...(withIpv6 ? [judgeForwarding('IPv6', await forwardingState('ipv6'), isRunning)] : []),
    judgeNat(config.network.nat, isRunning, await natFault(options)),
    ...judgeFlows(config.limits.flowsPerClient, isRunning ? await readRefusedFlows(ownTable) : undefined),
    ...judgeFlowTable(config, await mostTrackedFlows()),
    ...judgeForeign(foreign, tuns),
    ...judgeForwardPolicy(networksOf(tuns), foreign.hasPolicy),
    ...(pool === undefined ? [] : [judgeDetour(pool, await findDetour(pool, isRunning ? tun : undefined))]),
    judgeMtu(config.network.mtu, await uplink()),
    judgeCongestion(config.tcp.congestion, availableCongestionControls()),
  ];
}

const NAT = 'NAT';

async function examineTun({ config, tuns, isRunning }: HostOptions): Promise<Finding> {
  const check = 'TUN device';
  if (isRunning) {
    const states = await Promise.all(tuns.map(async (name) => ({ name, state: await deviceState(name) })));
    const bad = states.filter(({ state }) => state?.isUp !== true).map(({ name }) => name);
    if (bad.length > 0) return problem(check, `${bad.join(', ')} is gone or down`, 'restart the server');
    return fine(check, `${states.map(({ name, state }) => `${name} is up with MTU ${state?.mtu}`).join(', ')}`);
  }
  try {
    const device = openTun({ name: config.network.tun, mtu: config.network.mtu });
    device.close();
    return fine(check, `a device ${device.name} with MTU ${config.network.mtu} could be made`);
  } catch (error) {
    if (!(error instanceof TunError)) throw error;
    const [text = error.message, ...remedy] = error.message.split('; ');
    return problem(check, text, remedy.join('; ') || 'see docs/doctor.md');
  }
}

/** @returns why there can be no translation, or undefined */
function natFault({ config, pool, tuns, isRunning, instance }: HostOptions): Promise<string | undefined> {
  const table = tableName(instance);
  if (isRunning) return nftFault(['list', 'table', 'inet', table]);
  const ipv4 = pool ?? { address: 0x0a000000, prefixLength: 24 };
  const { nat, isolate, deny, hostAccess = [] } = config.network;
  const places = { own: config.listen, admin: config.admin.listen, metrics: config.metrics.listen };
  const reach = { inbound: isInbound(config), hostAccess, deny, ...places, dns: config.dns ?? [], dns6: config.dns6 };
  const inside = { ipv4: ipv4.address + 1, ipv6: config.pool.ipv6?.address };
  const rules = { table, tuns, isolate, ipv4, ipv6: config.pool.ipv6, inside, nat, flowsPerClient: 0, reach };
  return nftFault(['-c', '-f', '-'], firewallRules(rules));
}

export function judgeForwarding(family: 'IPv4' | 'IPv6', state: ForwardingState, isRunning: boolean): Finding {
  const check = `${family} forwarding`;
  const name = family === 'IPv4' ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
  const fix = `sysctl -w ${name}=1 (for a container: docker run --sysctl ${name}=1)`;
  switch (state) {
    case 'on':
      return fine(check, 'on');
    case 'off':
      if (!isRunning) return fine(check, 'off; the start turns it on');
      return problem(check, 'it was turned off, and clients get no further than this server', fix);
    case 'closed':
      return problem(check, "off, and it can't be turned on from here: clients get no further than this server", fix);
    case 'absent':
      return problem(check, `this kernel has no ${name}`, 'use a kernel with it, or leave that family out');
    default:
      return state satisfies never;
  }
}

export function judgeNat(wanted: boolean, isRunning: boolean, fault: string | undefined): Finding {
  if (fault === undefined) {
    if (!wanted)
      return fine(NAT, 'not wanted (network.nat): the network behind this host must know a route to the pool');
    return fine(NAT, isRunning ? 'the table of the server is in place' : 'nftables takes the rules for it');
  }
  const remedy = /not installed/.test(fault)
    ? 'apt install nftables'
    : 'see: nft list ruleset; a restart sets it up anew';
  if (wanted) return problem(NAT, `there is none, so clients get no further than this server (${fault})`, remedy);
  return warning(
    NAT,
    `not wanted, but without nft the second guard of the loopback addresses is off (${fault})`,
    remedy,
  );
}

/** @param refused undefined: no server runs, or it has no such limit */
function judgeFlows(limit: number, refused: RefusedFlows | undefined): Finding[] {
  const check = 'flows per client';
  if (refused === undefined) return [];
  if (refused.packets === 0) return [fine(check, `nobody was refused one; each may have ${limit}`)];
  const whose = refused.clients.length === 0 ? '' : `, of late of ${refused.clients.slice(0, 3).join(', ')}`;
  const text = `${refused.packets} packets that begin a new one were dropped, as their client had ${limit} already${whose}`;
  return [warning(check, text, 'see network.flows-refused in the log for whose, and limits.flowsPerClient')];
}

export function judgeForeign({ chains, unseen }: Omit<ForeignChains, 'hasPolicy'>, tuns: readonly string[]): Finding[] {
  const check = 'other firewalls';
  if (chains.length > 0) {
    return chains.map(({ name, remedy }) => problem(check, `${name} drops what ${tuns.join(', ')} forwards`, remedy));
  }
  if (unseen !== undefined) return [warning(check, `they can't be listed (${unseen})`, nftRemedy(unseen))];
  return [fine(check, 'no chain on the way of forwarded packets drops them')];
}

/** Forwarding counts for each pair of devices, not just for ours. */
export function judgeForwardPolicy(devices: readonly string[], hasPolicy: boolean | undefined): Finding[] {
  const check = 'other networks';
  if (devices.length < 2) return [fine(check, 'this host is in one besides the VPN, so it connects no others')];
  if (hasPolicy === undefined) return [];
  const names = devices.slice(0, 8).join(', ');
  if (hasPolicy) return [fine(check, `a firewall has rules of what passes between ${names}`)];
  return [
    warning(
      check,
      `with forwarding on, which clients need, this host passes everything between ${names}`,
      'a forward policy: nft add table inet wall; nft add chain inet wall forward "{ type filter hook forward priority 0; policy drop; }", with a rule for each pair that may, the devices of the VPN among them',
    ),
  ];
}

function networksOf(tuns: readonly string[]): string[] {
  return Object.entries(networkInterfaces())
    .filter(([device, list]) => !tuns.includes(device) && list?.some(({ internal }) => !internal))
    .map(([device]) => device);
}

/** What mends that nft told nothing. */
function nftRemedy(fault: string): string {
  if (/not installed/.test(fault)) return 'apt install nftables';
  if (/not permitted|denied/i.test(fault)) return 'run this as root, in a container with --cap-add NET_ADMIN';
  return 'see: nft list ruleset';
}

export function judgeDetour(pool: Ipv4Cidr, detour: Detour | undefined): Finding {
  const check = 'routes and rp_filter';
  if (detour === undefined) return fine(check, `nothing takes packets for ${formatIpv4Cidr(pool)} elsewhere`);
  const consequence = detour.isStrict ? ', and strict rp_filter then drops what clients send' : '';
  const text = `the kernel sends packets for clients to ${detour.device}${consequence}`;
  return problem(check, text, `choose another pool with --pool, or see: ip rule show; ip route get ${detour.address}`);
}

export function judgeMtu(mtu: number, up: { readonly device: string; readonly mtu: number } | undefined): Finding {
  const check = 'MTU';
  if (up === undefined) return fine(check, `${mtu} in the tunnel; this host has no default route to compare it with`);
  if (mtu <= up.mtu) return fine(check, `${mtu} in the tunnel, ${up.mtu} on ${up.device}`);
  const text = `clients send packets of up to ${mtu} bytes, and ${up.device} carries ${up.mtu}`;
  return warning(check, text, `--mtu ${up.mtu}`);
}

export function judgeCongestion(wanted: string, available: readonly string[]): Finding {
  const check = 'congestion control';
  const chosen = congestionControlFor(wanted, available);
  if (wanted !== 'auto' && wanted !== 'system' && !available.includes(wanted)) {
    const text = `tcp.congestion is ${wanted}, which this kernel does not have; the system's is used`;
    return warning(check, text, `modprobe tcp_${wanted}, or one of: ${available.join(', ')}`);
  }
  if (wanted === 'auto' && chosen === '') {
    return warning(
      check,
      'this kernel has no BBR, so lines that lose packets are slower than they could be',
      'modprobe tcp_bbr',
    );
  }
  return fine(check, chosen === '' ? "the system's, as tcp.congestion says" : chosen);
}

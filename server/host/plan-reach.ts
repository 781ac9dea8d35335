/** What clients may reach, as configuration and data directory have it, and what a start says of that. */
import { BlockList, isIPv6 } from 'node:net';
import type { ReachView } from '../../admin/index.ts';
import type { Settings } from '../../store/index.ts';
import { type Config, type HostAccess, hostAccess as hostAccessFormat, isInbound, network } from '../config/index.ts';
import type { Reach } from './network/reach.ts';
import type { AddressPlan } from './set-up-network.ts';

/** What the store notes when it is made, which older versions did not. */
const SETTING = 'host-access';
/** Noted once the operator was told what is no longer as it was. */
const TOLD = 'told-reach';
const OF_NEW: HostAccess = [{ protocol: 'icmp', port: undefined }];

export interface ReachPlan {
  readonly reach: Reach;
  /** Who says what clients reach on this host: the operator, a data directory that is new, or one from before. */
  readonly hostAccessFrom: 'configuration' | 'new' | 'before';
}

export async function planReach(
  config: Config,
  { dns }: Pick<AddressPlan, 'dns'>,
  settings: Pick<Settings, 'get'>,
): Promise<ReachPlan> {
  const { hostAccess, deny } = config.network;
  const hostAccessFrom =
    hostAccess !== undefined ? 'configuration' : (await settings.get(SETTING)) === 'icmp' ? 'new' : 'before';
  const reach: Reach = {
    inbound: isInbound(config),
    hostAccess: hostAccess ?? (hostAccessFrom === 'new' ? OF_NEW : 'all'),
    own: config.listen,
    admin: config.admin.listen,
    metrics: config.metrics.listen,
    dns,
    dns6: config.dns6,
    deny,
  };
  return { reach, hostAccessFrom };
}

/** `icmp, tcp/22`, `all` or `none`, as the configuration has it. */
export function shownHostAccess(access: HostAccess): string {
  return [hostAccessFormat.show(access)].flat().join(', ');
}

/** For who asks the running server. */
export function reachView({ reach, hostAccessFrom }: ReachPlan): ReachView {
  const { inbound, hostAccess, deny } = reach;
  return { inbound, hostAccess: shownHostAccess(hostAccess), hostAccessFrom, deny: deny.map(network.show) };
}

/**
 * @param settings remember that it was said what became different from what a data directory knew before
 * @returns lines for the notes of a start
 */
export async function reachRemarks({ reach, hostAccessFrom }: ReachPlan, settings: Settings): Promise<string[]> {
  const isFromBefore = (await settings.get(SETTING)) === undefined;
  const isToBeTold = isFromBefore && (await settings.get(TOLD)) === undefined;
  if (isToBeTold) await settings.set(TOLD, 'yes');
  return [
    ...hostRemarks(reach, hostAccessFrom),
    ...denyRemarks(reach.deny.map(network.show)),
    ...(isToBeTold ? changes(reach) : []),
  ];
}

/** Where clouds tell a machine its secrets. */
const CLOUD_ADDRESSES = ['169.254.169.254', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254'];

/** @param deny networks as `network.deny` has them @returns which of the addresses of clouds clients may ask */
export function openToClients(deny: readonly string[]): string[] {
  const denied = new BlockList();
  for (const one of deny) {
    const [address = '', length] = one.split('/');
    denied.addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return CLOUD_ADDRESSES.filter((address) => !denied.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'));
}

/** A list of one's own takes the place of the usual one, which is easily overlooked; none at all is a choice. */
function denyRemarks(deny: readonly string[]): string[] {
  const open = openToClients(deny);
  if (deny.length === 0 || open.length === 0) return [];
  return [
    `WARNING: network.deny has a list of its own, and so clients reach ${open.join(', ')}, where clouds tell machines their secrets: add ${asDeny(open)}`,
  ];
}

/** @returns `--deny ADDR --deny ADDR` */
export function asDeny(addresses: readonly string[]): string {
  return addresses.map((address) => `--deny ${address}`).join(' ');
}

function hostRemarks({ hostAccess }: Reach, from: ReachPlan['hostAccessFrom']): string[] {
  switch (from) {
    case 'configuration':
      return [`on this host clients reach: ${shownHostAccess(hostAccess)} (network.hostAccess), and the VPN port`];
    case 'new':
      return ['on this host clients reach ping and the VPN port alone; ssh as well: --host-access icmp,tcp/22'];
    case 'before':
      return [
        'WARNING: clients reach each service of this host, as before; choose: --host-access icmp,tcp/22 for these alone (network.hostAccess), --host-access all to leave it so',
      ];
    default:
      return from satisfies never;
  }
}

function changes({ inbound, deny }: Reach): string[] {
  return [
    ...(inbound
      ? []
      : [
          'new: others can not begin connections to clients any more, but for ports that you forward; as before: --inbound',
        ]),
    ...(deny.length === 0 ? [] : ['new: clients do not reach the networks of network.deny; as before: --deny none']),
  ];
}

/** What clients may reach, as rules of our nftables table: this host, networks beyond it, and who may begin towards them. */
import {
  formatIpv4,
  formatIpv4Cidr,
  formatIpv6,
  formatIpv6Cidr,
  type Ipv4,
  type Ipv4Cidr,
  type Ipv6,
} from '../../../core/index.ts';
import type { HostAccess, HostService, Network } from '../../config/index.ts';

/** Where something of this server listens; `host` undefined: on every address. */
export interface Place {
  readonly host: string | undefined;
  readonly port: number;
}

export interface Reach {
  /** Others may begin a flow towards a client. Needs connection tracking if not. */
  readonly inbound: boolean;
  readonly hostAccess: HostAccess;
  /** The VPN ports, which always pass. */
  readonly own: readonly Place[];
  /** The admin page: only on our address in the pool, where it is for clients alone. */
  readonly admin: Place | undefined;
  /** Passes by itself only there, too; elsewhere it is a service of this host as any other. */
  readonly metrics: Place | undefined;
  /** What clients are told to ask: port 53 passes, wherever that is. */
  readonly dns: readonly Ipv4[];
  readonly dns6: readonly Ipv6[];
  /** Networks that no client reaches. */
  readonly deny: readonly Network[];
}

/** What clients were refused, counted in packets: at this host, in networks of the list, and from outside. */
export const REACH_COUNTERS = ['refused_host', 'refused_networks', 'refused_inbound'] as const;

export interface ReachPlace {
  /** Matches our devices, behind `iifname`. */
  readonly ours: string;
  /** Our own addresses on them. */
  readonly inside: { readonly ipv4: Ipv4; readonly ipv6: Ipv6 | undefined };
  /** The networks of clients, as nft writes them. */
  readonly pools: { readonly ipv4: string; readonly ipv6: string | undefined };
  /** The kernel may track flows; if not, what begins one is told by the packet alone. */
  readonly tracks: boolean;
  /** The kernel can say whether an address is this host's before anything is translated. */
  readonly hasFib: boolean;
}

const LINK_LOCAL = 'fe80::/10';
/** Part of a flow that exists: what begins one has been judged. */
const KNOWN = 'ct state established,related';
/** TCP of a flow that exists, where flows are not tracked: only these flags are on no packet that begins one (RFC 9293 3.10.7.2). */
const TCP_KNOWN = 'tcp flags & (rst | ack) != 0x0';

/** What only a router says. The server is the one router of its clients; hosts check that as well, as far as they can. */
const OF_A_ROUTER = ['icmp type redirect drop', 'icmpv6 type nd-redirect drop', 'icmpv6 type nd-router-advert drop'];

/** The chains for what comes from clients; `forwardRules` and `outsideRules` are for the chain of forwarded packets. */
export function reachChains(reach: Reach, place: ReachPlace): string[] {
  const { tracks, hasFib, ours } = place;
  const judged = judgesHost(reach) ? ['    fib daddr type local goto to_services'] : [];
  return [
    ...REACH_COUNTERS.map((name) => `  counter ${name} { }`),
    ...deniedSets(reach.deny),
    ...(reach.deny.length > 0 ? denyChain(reach, place) : []),
    '  chain as_router {',
    ...OF_A_ROUTER.map((rule) => `    ${rule}`),
    '  }',
    '  chain to_services {',
    ...serviceRules(reach, place).map((rule) => `    ${rule}`),
    '  }',
    // Before others translate the destination: a port of this host that leads into a container is one of this host.
    '  chain from_clients {',
    `    type filter hook prerouting priority ${tracks ? 'mangle - 5' : 'raw + 5'}; policy accept;`,
    `    iifname != ${ours} accept`,
    ...(tracks ? [`    ${KNOWN} accept`] : []),
    ...denied(reach.deny, '').map((rule) => `    ${rule}`),
    ...(tracks ? [] : [`    ${TCP_KNOWN} accept`]),
    ...(hasFib ? judged : []),
    '  }',
    // And after it, with what is sent to many.
    '  chain to_host {',
    '    type filter hook input priority filter; policy accept;',
    `    iifname != ${ours} accept`,
    ...(tracks ? [`    ${KNOWN} accept`] : []),
    // The operator's own rule led it here from elsewhere; from an address of ours it has been judged.
    ...(tracks && hasFib ? ['    ct status dnat accept'] : []),
    '    goto to_services',
    '  }',
    ...(reach.inbound ? [] : OUTSIDE),
  ];
}

/** NAT is no wall: whoever has a route to the pool could speak to clients. A port that the operator forwards passes. */
const OUTSIDE = [
  '  chain from_outside {',
  `    ${KNOWN} accept`,
  '    ct status dnat accept',
  '    counter name refused_inbound',
  '    drop',
  '  }',
];

/** For the chain on the forward hook. */
export function forwardRules(reach: Reach, { ours, tracks }: ReachPlace): string[] {
  return [
    ...(reach.inbound ? [] : [`oifname ${ours} iifname != ${ours} goto from_outside`]),
    // None of it is for anybody beyond a link (RFC 1122 3.2.2.2, RFC 4861 6.1.2, 8.1).
    `iifname ${ours} meta l4proto { 1, 58 } jump as_router`,
    // Windows asks by DHCP in the tunnel: no other client is to answer.
    `iifname ${ours} oifname ${ours} udp sport . udp dport { 67 . 68, 547 . 546 } drop`,
    // What somebody's translation has led there, and link-local addresses, which are fine on the device itself.
    ...denied(reach.deny, `iifname ${ours} oifname != ${ours} ${tracks ? 'ct state new ' : ''}`, true),
  ];
}

function judgesHost({ hostAccess, admin }: Reach): boolean {
  return hostAccess !== 'all' || admin !== undefined;
}

/** RFC 6052 §2.1: `64:ff9b::/96`, what is left of a packet to such an address behind a NAT64. */
const NAT64_PREFIX = Buffer.from('0064ff9b0000000000000000', 'hex');
/** RFC 3056 §2: `2002::/16`. */
const SIX_TO_FOUR_PREFIX = Buffer.from('2002', 'hex');

/** How IPv6 writes the same networks for a translator, which would carry there what may not go there. */
function insideIpv6({ address, prefixLength }: Ipv4Cidr): string[] {
  return [NAT64_PREFIX, SIX_TO_FOUR_PREFIX].map((prefix) => {
    const bytes = Buffer.alloc(16);
    prefix.copy(bytes);
    bytes.writeUInt32BE(address, prefix.length);
    return formatIpv6Cidr({ address: bytes, prefixLength: prefix.length * 8 + prefixLength });
  });
}

function deniedSets(deny: readonly Network[]): string[] {
  const of = (family: Network['family']) => deny.filter((network) => network.family === family).map(written);
  const translated = deny.flatMap((network) => (network.family === 'ipv4' ? insideIpv6(network) : []));
  const set = (name: string, type: string, networks: readonly string[]) =>
    networks.length === 0
      ? []
      : [`  set ${name} { type ${type}; flags interval; auto-merge; elements = { ${networks.join(', ')} }; }`];
  return [...set('denied4', 'ipv4_addr', of('ipv4')), ...set('denied6', 'ipv6_addr', [...of('ipv6'), ...translated])];
}

function denied(deny: readonly Network[], match: string, isForwarded = false): string[] {
  const has = (family: Network['family']) => deny.some((network) => network.family === family);
  return [
    ...(has('ipv4') ? [`${match}ip daddr @denied4 jump refuse_network`] : []),
    ...(deny.length > 0
      ? [`${match}${isForwarded ? '' : `ip6 daddr != ${LINK_LOCAL} `}ip6 daddr @denied6 jump refuse_network`]
      : []),
  ];
}

/** Clouds hand out resolvers at such addresses, and a list may have a network in it that the pool is a part of. */
function denyChain({ dns, dns6 }: Reach, { pools }: ReachPlace): string[] {
  return [
    '  chain refuse_network {',
    `    ip daddr ${pools.ipv4} return`,
    ...(pools.ipv6 === undefined ? [] : [`    ip6 daddr ${pools.ipv6} return`]),
    ...toResolvers(dns, dns6).map((rule) => `    ${rule} return`),
    '    counter name refused_networks',
    '    drop',
    '  }',
  ];
}

function serviceRules(reach: Reach, place: ReachPlace): string[] {
  const { hostAccess, own, metrics, dns, dns6 } = reach;
  const others = ['jump as_router', ...adminRules(reach, place)];
  if (hostAccess === 'all') return others;
  return [
    ...others,
    'icmpv6 type nd-neighbor-solicit accept',
    'icmpv6 type nd-neighbor-advert accept',
    ...toResolvers(dns, dns6).map((rule) => `${rule} accept`),
    ...[...own, ...(isForClients(metrics, place) ? [metrics] : [])]
      .filter(({ port }) => port !== 0)
      .map((listener) => `${toPlace(listener)} accept`),
    ...hostAccess.flatMap(toService),
    ...(place.tracks ? [] : UNTRACKED),
    // Windows asks the whole link all the time.
    'ip daddr 224.0.0.0/4 drop',
    'ip daddr 255.255.255.255 drop',
    'ip6 daddr ff00::/8 drop',
    'counter name refused_host',
    'drop',
  ];
}

/** What belongs to a flow of the host's own, told by the packet alone: later fragments lead nowhere without the first. */
const UNTRACKED = [
  `${TCP_KNOWN} accept`,
  'ip frag-off & 0x1fff != 0x0 accept',
  'frag frag-off != 0 accept',
  ...['destination-unreachable', 'time-exceeded', 'parameter-problem'].map((type) => `icmp type ${type} accept`),
  ...['destination-unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem'].map(
    (type) => `icmpv6 type ${type} accept`,
  ),
];

/** It listens on our address in the pool alone. */
function isForClients(place: Place | undefined, { inside }: ReachPlace): place is Place {
  const addresses = [formatIpv4(inside.ipv4), ...(inside.ipv6 === undefined ? [] : [formatIpv6(inside.ipv6)])];
  return place?.host !== undefined && addresses.includes(place.host);
}

function adminRules({ admin }: Reach, place: ReachPlace): string[] {
  if (admin === undefined || admin.port === 0) return [];
  const { port } = admin;
  return [
    ...(isForClients(admin, place) ? [`${toPlace(admin)} accept`] : []),
    `tcp dport ${port} counter name refused_host`,
    `tcp dport ${port} drop`,
  ];
}

function toResolvers(dns: readonly Ipv4[], dns6: readonly Ipv6[]): string[] {
  const addresses = [
    ...dns.map((each) => `ip daddr ${formatIpv4(each)}`),
    ...dns6.map((each) => `ip6 daddr ${formatIpv6(each)}`),
  ];
  return addresses.flatMap((address) => ['udp', 'tcp'].map((protocol) => `${address} ${protocol} dport 53`));
}

function toPlace({ host, port }: Place): string {
  const anywhere = host === undefined || host === '::' || host === '0.0.0.0';
  const family = host?.includes(':') === true ? 'ip6' : 'ip';
  return `${anywhere ? '' : `${family} daddr ${host} `}tcp dport ${port}`;
}

/** ICMP and ICMPv6 by number: nft looks names up in /etc/protocols, which a container may lack. */
function toService(service: HostService): string[] {
  if (service.protocol === 'icmp') return ['meta l4proto 1 accept', 'meta l4proto 58 accept'];
  return [`${service.protocol} dport ${service.port} accept`];
}

function written(network: Network): string {
  return network.family === 'ipv4' ? formatIpv4Cidr(network) : formatIpv6Cidr(network);
}

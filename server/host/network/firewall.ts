/**
 * Our own nftables table, as text for one transaction. It is about what comes from clients and goes to them alone: what it
 * accepts others may still drop, what it drops nobody else can let pass.
 */
import {
  formatIpv4Cidr,
  formatIpv6Cidr,
  type Ipv4,
  type Ipv4Cidr,
  type Ipv6,
  type Ipv6Cidr,
} from '../../../core/index.ts';
import { forwardRules, type Reach, type ReachPlace, reachChains } from './reach.ts';

/** The IPv4 addresses that are translated: the pool, and fixed addresses outside of it while their sessions run. */
export const CLIENTS_SET = 'clients4';

/** New flows of clients that had too many, counted in packets. */
export const REFUSED_COUNTER = 'refused_flows';
/** Whose flows were refused of late: IPv4 addresses, and the first address of each /64. */
export const CROWDED_SETS = ['crowded4', 'crowded6'] as const;
/** So long after the last refusal. */
const CROWDED_TIMEOUT = '2m';
/** More clients than any server has: a set that is full would let everything pass. */
const MOST_CLIENTS = 1_048_576;

/** @param instance tells the tables of several servers apart */
export function tableName(instance: string): string {
  return `sstpd_${instance}`;
}

/** Whether a table is that of any server of ours: each is about its own devices alone. */
export function isOfServer(table: string): boolean {
  return table.startsWith(tableName(''));
}

export interface FirewallOptions {
  readonly table: string;
  readonly tuns: readonly string[];
  /** Keep clients of different devices apart; a device does that among its own. */
  readonly isolate: boolean;
  readonly ipv4: Ipv4Cidr;
  readonly ipv6: Ipv6Cidr | undefined;
  readonly nat: boolean;
  /** Flows that a client may have at the same time where the kernel tracks them; 0: no limit. */
  readonly flowsPerClient: number;
  /** Our own addresses on the devices. */
  readonly inside: { readonly ipv4: Ipv4; readonly ipv6: Ipv6 | undefined };
  readonly reach: Reach;
  /** Absent: the kernel can; see `ReachPlace`. */
  readonly hasFib?: boolean;
}

/**
 * Replaces the table, whether there is one or not.
 *
 * Loopback destinations are dropped before routing, a second line of defence behind the source check: a kernel with
 * route_localnet would let 127/8 in. `lo` is no way out: what the host says to itself keeps its source.
 */
export function firewallRules(options: FirewallOptions): string {
  const { table, tuns, ipv4, ipv6, nat, flowsPerClient, inside, reach, hasFib = true } = options;
  // Named, not written into rules: such sets can be handed over as they are.
  const [ours, withLoopback] = [tuns.length > 1 ? '@tunnels' : `"${tuns[0]}"`, '@inside'];
  const translated = [
    `ip saddr @${CLIENTS_SET} oifname != ${withLoopback}`,
    ...(ipv6 && isUniqueLocal(ipv6) ? [`ip6 saddr ${formatIpv6Cidr(ipv6)} oifname != ${withLoopback}`] : []),
  ];
  const tracks = nat || !reach.inbound;
  const pools = { ipv4: `@${CLIENTS_SET}`, ipv6: ipv6 && formatIpv6Cidr(ipv6) };
  const place: ReachPlace = { ours, inside, pools, tracks, hasFib };
  return [
    removeTable(table),
    `table inet ${table} {`,
    `  set ${CLIENTS_SET} { type ipv4_addr; flags interval; elements = { ${formatIpv4Cidr(ipv4)} }; }`,
    ...(tuns.length > 1 ? [namesSet('tunnels', tuns)] : []),
    ...(nat ? [namesSet('inside', [...tuns, 'lo'])] : []),
    '  chain from_tunnel {',
    '    type filter hook prerouting priority raw; policy accept;',
    `    iifname ${ours} ip daddr 127.0.0.0/8 drop`,
    `    iifname ${ours} ip6 daddr ::1 drop`,
    ...(hasFib ? tuns.flatMap(ownSources) : []),
    '  }',
    ...reachChains(reach, place),
    ...forwarded(options, place, translated),
    ...noRedirects(ours),
    ...(nat ? translation(translated) : []),
    ...(tracks && flowsPerClient > 0 ? flowLimit(ours, flowsPerClient) : []),
    '}',
    '',
  ].join('\n');
}

/**
 * A worker looks at what its clients send; who has taken it over writes what he likes to its device. What comes from
 * there has to be from where the host would send the answer there: no other worker's client, nobody else.
 */
function ownSources(tun: string): string[] {
  return [
    `    iifname "${tun}" meta nfproto ipv4 fib saddr oifname != "${tun}" drop`,
    `    iifname "${tun}" ip6 saddr != fe80::/10 fib saddr oifname != "${tun}" drop`,
  ];
}

/** What conntrack can't assign to a flow would leave untranslated, with the client's own address in it. */
function forwarded(options: FirewallOptions, place: ReachPlace, translated: readonly string[]): string[] {
  const { tuns, isolate, nat, reach } = options;
  const { ours } = place;
  const rules = [
    ...(isolate && tuns.length > 1 ? [`iifname ${ours} oifname ${ours} drop`] : []),
    ...forwardRules(reach, place),
    ...(nat ? translated.map((those) => `ct state invalid iifname ${ours} ${those} drop`) : []),
  ];
  if (rules.length === 0) return [];
  return [
    '  chain forwarded {',
    '    type filter hook forward priority filter; policy accept;',
    ...rules.map((rule) => `    ${rule}`),
    '  }',
  ];
}

/** A client has no second router to be sent to, whatever net.ipv4.conf.all.send_redirects says. */
function noRedirects(ours: string): string[] {
  return [
    '  chain to_clients {',
    '    type filter hook output priority filter; policy accept;',
    `    oifname ${ours} icmp type redirect drop`,
    `    oifname ${ours} icmpv6 type nd-redirect drop`,
    '  }',
  ];
}

function translation(translated: readonly string[]): string[] {
  return [
    '  chain source_nat {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    ...translated.map((those) => `    ${those} masquerade`),
    '  }',
  ];
}

/**
 * NAT has the kernel remember each flow, for days, in a table that the whole host shares: without a limit one client
 * fills it, and then nobody gets a new connection, the host itself included. Before routing, so that flows to the host
 * count too; a client has an IPv4 address, a /64 and one address of the /64 that all links share. What is beside the drop stands in rules of its own, for a rule
 * whose set is full ends there.
 */
function flowLimit(ours: string, most: number): string[] {
  const [crowded4, crowded6] = CROWDED_SETS;
  const prefix = 'ip6 saddr and ffff:ffff:ffff:ffff::';
  return [
    `  counter ${REFUSED_COUNTER} { }`,
    `  set flows4 { type ipv4_addr; size ${MOST_CLIENTS}; flags dynamic; }`,
    `  set flows6 { type ipv6_addr; size ${MOST_CLIENTS}; flags dynamic; }`,
    `  set ${crowded4} { type ipv4_addr; size 4096; flags dynamic,timeout; timeout ${CROWDED_TIMEOUT}; }`,
    `  set ${crowded6} { type ipv6_addr; size 4096; flags dynamic,timeout; timeout ${CROWDED_TIMEOUT}; }`,
    '  chain refuse_flow {',
    `    counter name ${REFUSED_COUNTER}`,
    `    update @${crowded4} { ip saddr }`,
    `    update @${crowded6} { ${prefix} }`,
    '    drop',
    '  }',
    '  chain limit_flows {',
    '    type filter hook prerouting priority mangle; policy accept;',
    `    iifname ${ours} ct state new add @flows4 { ip saddr ct count over ${most} } goto refuse_flow`,
    `    iifname ${ours} ct state new ip6 saddr fe80::/10 add @flows6 { ip6 saddr ct count over ${most} } goto refuse_flow`,
    `    iifname ${ours} ct state new ip6 saddr != fe80::/10 add @flows6 { ${prefix} ct count over ${most} } goto refuse_flow`,
    '  }',
  ];
}

function namesSet(set: string, names: readonly string[]): string {
  return `  set ${set} { type ifname; elements = { ${names.map((name) => `"${name}"`).join(', ')} }; }`;
}

/** Declaring it first makes deleting succeed where there is none. */
export function removeTable(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}\n`;
}

/** fc00::/7 (RFC 4193): nobody outside can answer such an address, so it is translated; all others are routed. */
export function isUniqueLocal(cidr: Ipv6Cidr): boolean {
  return ((cidr.address[0] ?? 0) & 0xfe) === 0xfc;
}

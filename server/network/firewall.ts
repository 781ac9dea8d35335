/** Our own nftables table, as text for one transaction. It refuses nothing that others allow and needs no other table. */
import { formatIpv4Cidr, formatIpv6Cidr, type Ipv4Cidr, type Ipv6Cidr } from '../../core/index.ts';

/** The IPv4 addresses that are translated: the pool, and fixed addresses outside of it while their sessions run. */
export const CLIENTS_SET = 'clients4';

/** @param instance tells the tables of several servers apart */
export function tableName(instance: string): string {
  return `sstpd_${instance}`;
}

export interface FirewallOptions {
  readonly table: string;
  readonly tuns: readonly string[];
  /** Keep clients of different devices apart; a device does that among its own. */
  readonly isolate: boolean;
  readonly ipv4: Ipv4Cidr;
  readonly ipv6: Ipv6Cidr | undefined;
  readonly nat: boolean;
}

/**
 * Replaces the table, whether there is one or not.
 *
 * Loopback destinations are dropped before routing, a second line of defence behind the source check: a kernel with
 * route_localnet would let 127/8 in. `lo` is no way out: what the host says to itself keeps its source.
 */
export function firewallRules(options: FirewallOptions): string {
  const { table, tuns, isolate, ipv4, ipv6, nat } = options;
  const ours = anyOf(tuns);
  const inside = anyOf([...tuns, 'lo']);
  const sourceNat = [
    `    ip saddr @${CLIENTS_SET} oifname != ${inside} masquerade`,
    ...(ipv6 && isUniqueLocal(ipv6) ? [`    ip6 saddr ${formatIpv6Cidr(ipv6)} oifname != ${inside} masquerade`] : []),
  ];
  return [
    removeTable(table),
    `table inet ${table} {`,
    `  set ${CLIENTS_SET} { type ipv4_addr; flags interval; elements = { ${formatIpv4Cidr(ipv4)} }; }`,
    '  chain from_tunnel {',
    '    type filter hook prerouting priority raw; policy accept;',
    `    iifname ${ours} ip daddr 127.0.0.0/8 drop`,
    `    iifname ${ours} ip6 daddr ::1 drop`,
    '  }',
    ...(isolate && tuns.length > 1
      ? [
          '  chain between_clients {',
          '    type filter hook forward priority filter; policy accept;',
          `    iifname ${ours} oifname ${ours} drop`,
          '  }',
        ]
      : []),
    ...(nat
      ? ['  chain source_nat {', '    type nat hook postrouting priority srcnat; policy accept;', ...sourceNat, '  }']
      : []),
    '}',
    '',
  ].join('\n');
}

function anyOf(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  return quoted.length === 1 ? quoted.join('') : `{ ${quoted.join(', ')} }`;
}

/** Declaring it first makes deleting succeed where there is none. */
export function removeTable(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}\n`;
}

/** fc00::/7 (RFC 4193): nobody outside can answer such an address, so it is translated; all others are routed. */
export function isUniqueLocal(cidr: Ipv6Cidr): boolean {
  return ((cidr.address[0] ?? 0) & 0xfe) === 0xfc;
}

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { type Finding, fine, formatIpv6Cidr, warning } from '../../../core/index.ts';
import { leaksIpv6 } from '../../../profile/index.ts';
import type { Config } from '../../config/index.ts';

const CHECK = 'IPv6 of clients';

/** A client whose own network has IPv6 sends that past a tunnel that has none, though all traffic is to take it. */
export function judgeClientsIpv6({ pool, profile }: Pick<Config, 'pool' | 'profile'>): Finding {
  if (pool.ipv6 !== undefined) return fine(CHECK, `addresses of ${formatIpv6Cidr(pool.ipv6)}`);
  if (!leaksIpv6({ routes: profile.routes, hasIpv6: false })) {
    return fine(CHECK, 'none, and clients are told to send the networks of profile.routes alone');
  }
  return warning(
    CHECK,
    "all traffic is to take the VPN, but it has no IPv6 pool, so IPv6 of a client's own network goes past it",
    `--pool6 ${uniqueLocalPrefix(hostname())} (pool.ipv6), also where this host has no IPv6; which clients close it by themselves: docs/clients.md`,
  );
}

/** A Unique Local /48 (RFC 4193 3.1), the same at each start of this host. */
export function uniqueLocalPrefix(seed: string): string {
  const hex = createHash('sha256').update(`sstpd pool6\n${seed}`).digest('hex').slice(0, 10);
  const groups = [`fd${hex.slice(0, 2)}`, hex.slice(2, 6), hex.slice(6, 10)];
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/48`;
}

import { type Finding, fine, warning } from '../../../core/index.ts';
import type { Config } from '../../config/index.ts';

const CHECK = 'flow table';
const NAME = 'net.netfilter.nf_conntrack_max';

/** So many clients may have all the flows that they may: it takes more of them at the same time to fill the table. */
const CLIENTS = 4;

/**
 * Whether a handful of clients can fill the table in which the kernel tracks flows. All clients of a pool are no measure:
 * few ever have as many flows as they may, and no kernel has by itself a table that would hold them.
 *
 * @param size flows that it holds; 0 without a limit, undefined if the kernel has no such table yet
 */
export function judgeFlowTable(
  { network, limits, pool }: Pick<Config, 'network' | 'limits' | 'pool'>,
  size: number | undefined,
): Finding[] {
  const { flowsPerClient } = limits;
  // IPv4 and IPv6 of a client are counted apart.
  const families = pool.ipv6 === undefined ? 1 : 2;
  const each = flowsPerClient * families;
  if (!network.nat) return []; // Then the server has nothing tracked.
  if (size === undefined) return [fine(CHECK, 'the kernel makes it with the first rule of NAT')];
  if (size === 0) return [fine(CHECK, `it has no limit (${NAME})`)];
  if (each === 0) return [fine(CHECK, `${size} flows, all of which one client may have: limits.flowsPerClient is 0`)];
  if (each * CLIENTS <= size) {
    return [fine(CHECK, `${size} flows, those of ${Math.floor(size / each)} clients that have as many as they may`)];
  }
  const clients = Math.ceil(size / each);
  const who = clients === 1 ? 'one client' : `${clients} clients`;
  const text = `it holds ${size} flows, so ${who} can fill it, and then nobody on this machine gets a new connection`;
  const enough = 2 ** Math.ceil(Math.log2(each * CLIENTS));
  const fewer = Math.floor(size / CLIENTS / families);
  const lower = fewer > 0 ? `, or limits.flowsPerClient ${fewer}` : '';
  return [warning(CHECK, text, `sysctl -w ${NAME}=${enough} (of a container: on its host)${lower}`)];
}

/** What clients reach and who reaches them, and users whose fixed address nobody can have. */
import type { ReachView } from '../../../admin/index.ts';
import { type Finding, fine, fixedAddressFix, formatIpv4, type Ipv4, problem, warning } from '../../../core/index.ts';
import { asDeny, openToClients } from '../../host/index.ts';

/** A user's fixed address, and why nobody can have it. */
export interface FixedUser {
  readonly name: string;
  readonly ipv4: Ipv4 | undefined;
  readonly fault: string | undefined;
}

const MOST_NAMED = 5;

export function judgeReach(reach: ReachView): Finding[] {
  return [judgeHostAccess(reach), judgeInbound(reach), judgeDeny(reach)];
}

function judgeHostAccess({ hostAccess, hostAccessFrom }: ReachView): Finding {
  const check = 'clients to this host';
  switch (hostAccessFrom) {
    case 'configuration':
      return fine(check, `they reach ${hostAccess} and the VPN port (network.hostAccess)`);
    case 'new':
      return fine(check, `they reach ${hostAccess} and the VPN port; more with --host-access LIST`);
    case 'before':
      return warning(
        check,
        'they reach each service of this host, as the data directory is from before one could choose',
        'start with --host-access icmp,tcp/22 for ping and ssh alone, or with --host-access all to leave it so',
      );
    default:
      return hostAccessFrom satisfies never;
  }
}

function judgeInbound({ inbound }: ReachView): Finding {
  const check = 'others to clients';
  if (inbound) return fine(check, 'whoever has a route to the pool may begin connections to clients');
  return fine(check, 'nobody begins connections to clients, but for what you forward; --inbound lets them');
}

function judgeDeny({ deny }: ReachView): Finding {
  const check = 'denied networks';
  const open = openToClients(deny);
  if (open.length === 0) return fine(check, deny.join(', '));
  const text = `clients reach ${open.join(', ')}, where clouds tell machines their secrets`;
  return warning(check, text, deny.length === 0 ? 'leave --deny out' : `add ${asDeny(open)}, or leave --deny out`);
}

export function judgeFixedAddresses(users: readonly FixedUser[]): Finding[] {
  const check = 'fixed addresses';
  const bad = users.flatMap(({ name, ipv4, fault }) =>
    ipv4 === undefined || fault === undefined ? [] : [{ name, ipv4, fault }],
  );
  if (bad.length === 0) return users.some(({ ipv4 }) => ipv4 !== undefined) ? [fine(check, 'each can be had')] : [];
  const named = bad.slice(0, MOST_NAMED).map(({ name, ipv4, fault }) => {
    const text = `${name} can not connect: ${formatIpv4(ipv4)} ${fault}`;
    return problem(check, text, fixedAddressFix(name, ipv4, fault));
  });
  if (bad.length <= MOST_NAMED) return named;
  return [...named, problem(check, `${bad.length - MOST_NAMED} more users can not connect`, 'sstpd user list')];
}

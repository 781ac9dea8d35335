/** Users whose fixed address nobody can have: what is said of them, before they try and after. */
import type { AttemptView } from '../../../admin/index.ts';
import type { User } from '../../../auth/index.ts';
import { fixedAddressFix, formatIpv4, type Ipv4, type Log } from '../../../core/index.ts';
import type { UserStore } from '../../../store/index.ts';

type FaultOf = (address: Ipv4) => string | undefined;

/** So many are named among the notes of a start; the log has them all. */
const MOST_NAMED = 3;

/** @returns lines for the notes of a start */
export function unusableAddresses(users: readonly Pick<User, 'name' | 'ipv4'>[], faultOf: FaultOf, log: Log): string[] {
  const lines = users.flatMap(({ name, ipv4 }) => {
    const fault = ipv4 === undefined ? undefined : faultOf(ipv4);
    if (ipv4 === undefined || fault === undefined) return [];
    const [address, fix] = [formatIpv4(ipv4), fixedAddressFix(name, ipv4, fault)];
    log.error('user.address-unusable', { user: name, address, why: `it ${fault}`, fix });
    return [`WARNING: ${name} can not connect, for the fixed address ${address} ${fault}: ${fix}`];
  });
  if (lines.length <= MOST_NAMED) return lines;
  return [...lines.slice(0, MOST_NAMED), `WARNING: so can ${lines.length - MOST_NAMED} others not: sstpd user list`];
}

/** An attempt that ended without an address, with why its user got none. */
export function explainAddress(attempt: AttemptView, store: Pick<UserStore, 'find'>, faultOf: FaultOf): AttemptView {
  if (attempt.reason !== 'no-address' || attempt.user === undefined) return attempt;
  const user = store.find(attempt.user);
  const fault = user?.ipv4 === undefined ? undefined : faultOf(user.ipv4);
  if (user?.ipv4 === undefined || fault === undefined) return attempt;
  const text = `The fixed address ${formatIpv4(user.ipv4)} of this user ${fault}.`;
  return { ...attempt, explanation: { text, code: '717', fix: `${fixedAddressFix(user.name, user.ipv4, fault)}.` } };
}

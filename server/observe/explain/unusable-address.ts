/** Users whose fixed address nobody can have: what is said of them, before they try and after. */
import type { AttemptView } from '../../../admin/index.ts';
import type { User } from '../../../auth/index.ts';
import { fixedAddressFix, formatIpv4, type Ipv4, type Log } from '../../../core/index.ts';
import type { Users } from '../../../store/index.ts';

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

/** It ended for want of an address. */
export function isWithoutAddress({ reason, user }: AttemptView): boolean {
  return reason === 'no-address' && user !== undefined;
}

/** An attempt that ended without an address, with why its user got none. Never rejects: what can't be looked up is not told. */
export async function explainAddress(
  attempt: AttemptView,
  options: { readonly users: Pick<Users, 'find'>; readonly fixedFault: FaultOf; readonly log: Log },
): Promise<AttemptView> {
  const { users, fixedFault, log } = options;
  if (!isWithoutAddress(attempt) || attempt.user === undefined) return attempt;
  const user = await users.find(attempt.user).catch((error: unknown) => {
    log.warn('explain.user-unreadable', { error: error instanceof Error ? error.message : String(error) });
    return undefined;
  });
  const fault = user?.ipv4 === undefined ? undefined : fixedFault(user.ipv4);
  if (user?.ipv4 === undefined || fault === undefined) return attempt;
  const text = `The fixed address ${formatIpv4(user.ipv4)} of this user ${fault}.`;
  return { ...attempt, explanation: { text, code: '717', fix: `${fixedAddressFix(user.name, user.ipv4, fault)}.` } };
}

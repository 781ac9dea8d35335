import type { AttemptView } from '../../../admin/index.ts';
import { addressOf, type Finding, fine, foldUserName, warning } from '../../../core/index.ts';

/** So many users behind one address are a proxy rather than a family. */
const MANY_USERS = 5;

/**
 * Whether all clients come from one address: then a proxy in front hides theirs, and what is counted by address counts
 * everybody at once.
 *
 * @param attempts the newest ones that are kept
 */
export function examinePeers(attempts: readonly Pick<AttemptView, 'peer' | 'user'>[], hasProxy: boolean): Finding {
  const check = 'client addresses';
  const users = new Set<string>();
  const addresses = new Set<string>();
  for (const { peer, user } of attempts) {
    if (user === undefined) continue;
    users.add(foldUserName(user));
    addresses.add(addressOf(peer));
  }
  const [only] = addresses;
  if (addresses.size !== 1 || users.size < MANY_USERS) {
    const seen = users.size === 0 ? 'nobody has logged in lately' : `${addresses.size} of ${users.size} users`;
    return fine(check, seen);
  }
  const text =
    `all ${users.size} users that tried lately came from ${only}, so one who mistypes slows the others: ` +
    'something in front hides where they come from';
  return warning(
    check,
    text,
    hasProxy
      ? 'have that proxy send the PROXY header too, and name it in proxy.from; until then: sstpd throttle lift'
      : 'have the proxy or load balancer send the PROXY header, and name it in proxy.from (docs/one-port.md)',
  );
}

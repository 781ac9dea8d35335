/** By what the throttle knows addresses, networks and names. */
import { createHash } from 'node:crypto';
import { mayBeUserName, nameCandidates, trimName } from '../user-name.ts';

/** Whose names they are: a VPN user and an administrator of the same name have nothing to do with one another. */
export type Realm = 'vpn' | 'admin';

const MOST_KEY_LENGTH = 64;
/** There are fewer code pages. */
const MOST_READINGS = 24;

/**
 * All texts by which the store finds one user are one, and that follows from the text alone: what is left of it, of the
 * name without a realm and of the name of the user, ends at the first `@`.
 */
export function plainName(user: string): string {
  const [, noDomain] = nameCandidates(user);
  const at = noDomain.indexOf('@', 1);
  return trimName(at > 0 ? noDomain.slice(0, at) : noDomain).slice(0, MOST_KEY_LENGTH);
}

/** The realm's name is of fixed length, so that no name of one realm is the key of another. */
export function userKey(realm: Realm, plain: string): string {
  return `${realm === 'vpn' ? 'v' : 'a'}${plain}`;
}

/**
 * The keys of all users whom a name may mean, without repetitions, at least one. Whether there is such a user plays no part:
 * what a client waits would tell it.
 *
 * @param readings of the name that was sent, the likeliest first
 */
export function userKeys(realm: Realm, readings: readonly string[]): string[] {
  const plain = [...new Set(readings.slice(0, MOST_READINGS).map(plainName))];
  const possible = plain.filter(mayBeUserName);
  return (possible.length > 0 ? possible : [plain[0] ?? '']).map((name) => userKey(realm, name));
}

/** One text for several keys, no longer than a key. */
export function joinedKey(users: readonly string[]): string {
  const [first = '', ...others] = users;
  return others.length === 0 ? first : createHash('sha256').update(JSON.stringify(users)).digest('base64');
}

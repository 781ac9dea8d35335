/** Which names a user may have, and which stored name a name from the wire may mean. */
import { foldUserName, isMisread } from '../core/index.ts';
import { UserStoreError } from './user-store-error.ts';

/** In UTF-16 code units: at most 192 bytes in UTF-8, which fit the one-byte Peer-ID length of PAP (RFC 1334 §2.2.1). */
const MAX_NAME_LENGTH = 64;

const MAX_GROUPS = 16;

/** Windows refuses these in account names too; `\` and `/` would be taken for the end of a domain. */
const RESERVED = /[\\/"[\]:;|=,+*?<>]/;

/** Characters that hide in a log line or turn it round. Lone surrogates (Cs) have no UTF-8 form. */
const INVISIBLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** @throws {UserStoreError} ERR_USER_NAME with the rule that `name` breaks */
export function checkUserName(name: string): void {
  const rule = brokenRule(name);
  if (rule !== undefined) throw new UserStoreError('ERR_USER_NAME', `a user name ${rule}`);
}

function brokenRule(name: string): string | undefined {
  if (name.length === 0) return 'must not be empty';
  if (name.length > MAX_NAME_LENGTH) return `has at most ${MAX_NAME_LENGTH} characters, this one has ${name.length}`;
  if (INVISIBLE.test(name)) return 'must not contain control characters';
  if (isMisread(name)) return 'must be UTF-8: what came was not, and U+FFFD stands in its place';
  if (RESERVED.test(name)) return 'must not contain any of \\ / " [ ] : ; | = , + * ? < >';
  if (name.trim() !== name) return 'must not begin or end with a space';
  return undefined;
}

/** Whether a stored name may hold these characters, or begin with them. */
export function mayBeUserName(text: string): boolean {
  return text !== '' && !INVISIBLE.test(text) && !isMisread(text) && !RESERVED.test(text);
}

/** @throws {UserStoreError} ERR_USER_GROUP with the rule that `groups` break */
export function checkGroups(groups: readonly string[]): void {
  if (groups.length > MAX_GROUPS) {
    const message = `a user is in at most ${MAX_GROUPS} groups, these are ${groups.length}`;
    throw new UserStoreError('ERR_USER_GROUP', message);
  }
  if (groups.every((group) => /^[A-Za-z0-9._-]{1,32}$/.test(group))) return;
  throw new UserStoreError('ERR_USER_GROUP', 'the name of a group has 1 to 32 of A-Z, a-z, 0-9, dot, _ and -');
}

/**
 * The folded names that a name from the wire may mean, best first: whole, without `DOMAIN\\`, without that and `@realm`.
 * Always three, with repetitions, so that a look-up does the same work for every name. No stored name has a space at an
 * end, so those of a name that was typed with one are left out.
 */
export function nameCandidates(nameFromWire: string): readonly [whole: string, noDomain: string, noRealm: string] {
  // No stored name is longer; the rest of a name as long as a packet need not be folded.
  const whole = foldUserName(trimName(nameFromWire.slice(0, 4 * MAX_NAME_LENGTH)));
  const noDomain = trimName(whole.slice(whole.indexOf('\\') + 1));
  const at = noDomain.lastIndexOf('@');
  return [whole, noDomain, at > 0 ? trimName(noDomain.slice(0, at)) : noDomain];
}

/** Of the users that a name may mean in some code page, so many are looked at whether or not there are as many. */
export const LEAST_TRIED = 3;

/** More than these have never the same bytes but by intent; of ASCII there is one reading, and one user. */
export function leastTried(readings: readonly string[]): number {
  return readings.length === 1 ? 1 : LEAST_TRIED;
}

/** A user whom a name means. */
export interface Meant<Row> {
  readonly row: Row;
  /** By which reading of it. */
  readonly reading: number;
}

/** One user for each reading of a name, the likeliest first, without repetitions. @param byFolded those that there are */
export function meantBy<Row>(readings: readonly string[], byFolded: ReadonlyMap<string, Row>): Meant<Row>[] {
  const found = new Map<Row, number>();
  for (const [reading, text] of readings.entries()) {
    const row = nameCandidates(text)
      .map((name) => byFolded.get(name))
      .find((one) => one !== undefined);
    if (row !== undefined && !found.has(row)) found.set(row, reading);
  }
  return [...found].map(([row, reading]) => ({ row, reading }));
}

/** Without white space at its ends, and the NUL that some clients send behind it. */
export function trimName(name: string): string {
  return name.replace(/^[\s\0]+|[\s\0]+$/g, '');
}

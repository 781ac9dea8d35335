import { type Instant, type Origin, originOf } from '../../core/index.ts';
import { joinedKey, plainName, userKey, userKeys } from './keys.ts';
import type { Lifts } from './lifts.ts';
import type { LoginAttempt, Place } from './place.ts';

/** The place that an attempt would have if it had none yet: its `key` tells whether it has. */
export function newPlace(attempt: LoginAttempt, lifts: Lifts, now: Instant): Place {
  const { realm, address, isKnown, browser } = attempt;
  const users = userKeys(realm, attempt.readings ?? [attempt.user]);
  const origin = originOf(address);
  // Whoever sits on this host, or comes through a tunnel that ends here, has no address of his own.
  const isStranger = !origin.isLoopback && !isKnown && browser === undefined;
  const who = browser ?? (origin.isLoopback ? 'loopback' : origin.address);
  const prefix = `${isStranger ? 's' : browser === undefined ? 'k' : 'b'} ${who} `;
  const isLifted = lifts.coversAddress(origin.address, now);
  // A name that is lifted passes the gates of strangers and of loopback, and nothing else: it is lifted in the middle of an attack.
  const isNameLifted = !isLifted && lifts.coversName(users, now);
  const limit = isNameLifted && isStranger ? 'lifted-name' : limitOf(origin, attempt);
  return {
    ...{ key: prefix + joinedKey(users), users, shownAs: userKey(realm, plainName(attempt.user)), origin },
    ...{ isStranger, isLifted, isQueued: isStranger && !isLifted },
    limit,
    gatePrefix: limit === 'strangers' ? '' : prefix,
    tickets: new Map(),
    isSharing: limit === 'loopback-name' && !isLifted && !isNameLifted,
    slots: [],
    notBefore: Number.POSITIVE_INFINITY,
    seenAt: now,
    turns: new Set(),
    judging: undefined,
  };
}

function limitOf({ isLoopback }: Origin, { isKnown, browser }: LoginAttempt): Place['limit'] {
  if (browser !== undefined) return 'known-browser';
  if (isLoopback) return 'loopback-name';
  return isKnown ? 'known-address' : 'strangers';
}

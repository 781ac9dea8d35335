import type { Instant } from '../../core/index.ts';
import { joinedKey, originOf, plainName, userKey, userKeys } from './keys.ts';
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
  // A name that is lifted passes the gate of strangers and nothing else: it is lifted in the middle of an attack.
  const isBesideStrangers = isStranger && !isLifted && lifts.coversName(users, now);
  return {
    ...{ key: prefix + joinedKey(users), users, shownAs: userKey(realm, plainName(attempt.user)), origin },
    ...{ isStranger, isLifted, isQueued: isStranger && !isLifted },
    gatePrefix: isStranger && !isBesideStrangers ? '' : prefix,
    tickets: new Map(),
    slots: [],
    notBefore: Number.POSITIVE_INFINITY,
    seenAt: now,
    turns: new Set(),
    judging: undefined,
  };
}

import type { Instant, Origin } from '../../core/index.ts';
import type { Limit, Ticket } from './gate.ts';
import type { Slot } from './source.ts';

/** What a login is, before anybody looks at its password. */
export interface LoginAttempt {
  readonly realm: 'vpn' | 'admin';
  /** Text form, IPv4 or IPv6 as a socket gives it. */
  readonly address: string;
  /** As operators are to know it: the name of the user whom it means, or as it was sent. No wait depends on it. */
  readonly user: string;
  /** What the name that was sent may read as, the likeliest first; of most names that is one text, and `user` stands for it. */
  readonly readings?: readonly string[];
  /**
   * A user whom the name may mean has logged in from there within the last 30 days: then the proof is tried on such users
   * alone. Whether there are others whom it may mean plays no part.
   */
  readonly isKnown: boolean;
  /** Of the cookie of an earlier login of that user, that was looked at. */
  readonly browser?: string | undefined;
  /** A keyed hash of the password, if it came in plain: tells only whether two are the same. */
  readonly proof?: string | undefined;
}

/** An attempt that was let in, until it is settled, or its client has left. */
export interface Turn {
  readonly attempt: LoginAttempt;
  /** Another one when somebody of the same place was judged before. */
  place: Place;
  readonly enteredAt: Instant;
  /** Why it is not judged at once; undefined if it is. */
  hold: Hold | undefined;
  /** It waited already when another one of its place failed: it is judged before those that came later. */
  isNext: boolean;
}

/** Why a login waits. */
export interface Hold {
  /** `address`: failures from there, or from a network around it; else whose guesses are used up. */
  readonly cause: 'address' | Limit;
  /** For `address` the address or network, else the name. */
  readonly of: string;
  /** The address from which it came, as the throttle counts it. */
  readonly at: string;
  /** Of the address: faded. Of `loopback`: at all names. */
  readonly failures: number;
  /** How long it is going to take; undefined where that is drawn by lot. */
  readonly ms: number | undefined;
  /** Networks with somebody who waits for the same lot, this one included; on loopback names. */
  readonly lots: number;
}

/** By which a place has its ticket at the gate of everybody on loopback. No user's key is empty. */
export const SHARED = '';

/** Where an address stands in line for a name. It outlives its attempts for a while: clients give up and dial again. */
export interface Place {
  readonly key: string;
  /** The keys of all names that were possibly sent, the likeliest first, at least one: see `userKeys`. */
  readonly users: readonly string[];
  /** The key of the name that operators are shown. */
  readonly shownAs: string;
  readonly origin: Origin;
  readonly isStranger: boolean;
  /** Of the gates of its names. */
  readonly limit: Exclude<Limit, 'loopback'>;
  /** What stands before a name in the key of its gate; nothing for the gate of all strangers. */
  readonly gatePrefix: string;
  /** By name, not for all of `users` as long as it waits; and last `SHARED`. */
  readonly tickets: Map<string, Ticket<Place>>;
  /** Whether it has to pass the gate of everybody on loopback besides. */
  isSharing: boolean;
  /** Whether it stands in the queue of its address. */
  isQueued: boolean;
  /** None while nobody is there; `notBefore` is what they came to. */
  slots: readonly Slot[];
  isLifted: boolean;
  notBefore: Instant;
  seenAt: Instant;
  /** The clients that wait; of several one at a time is judged. */
  readonly turns: Set<Turn>;
  judging: Turn | undefined;
}

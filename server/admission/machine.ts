/**
 * Who is let in, as a pure machine: what happens, the time and a lot go in, verdicts come out.
 *
 * At a limit a connection is not refused for having come late: the oldest one of the source that takes most makes room. A
 * source counts by address (IPv6: /64), and the networks around it, which have a larger share, count too. Connections that
 * ended without a login speak against their source for a minute, so whoever comes for the first time goes before whoever
 * has been there a hundred times. A quarter of the places is kept for addresses from which somebody logged in lately.
 *
 * Where nobody takes more than the newcomer, the oldest one makes room only once it has had its time: else a thousand
 * honest clients that come back after an outage would push out one another, and none would ever finish.
 */
import type { Instant } from '../../core/index.ts';
import { Crowd, type Held, type Source } from './crowd.ts';

/** Limits on connections, counted from TCP accept to close. */
export interface AdmissionLimits {
  /** Connections in all. */
  readonly connections: number;
  /** Connections in all that are not authenticated, Crypto Binding included. */
  readonly unauthenticated: number;
  /** The same for one remote address (IPv6: one /64). */
  readonly unauthenticatedPerAddress: number;
}

/** Which limit a connection ran into. */
export type AdmissionLimit = keyof AdmissionLimits;

/** One connection's place in the counts. */
export interface Place {
  readonly address: string;
  readonly isKnown: boolean;
  readonly openedAt: Instant;
  state: 'waiting' | 'authenticated' | 'pushed-out' | 'gone';
}

export type Opening =
  | {
      readonly kind: 'admitted';
      readonly place: Place;
      /** Who has to go for it. */
      readonly pushedOut: { readonly place: Place; readonly limit: AdmissionLimit } | undefined;
    }
  | { readonly kind: 'refused'; readonly limit: AdmissionLimit };

/** What an IPv6 /64, the /56 and the /48 around it may hold, in limits of one address. */
const LIMITS_AROUND = [1, 2, 4] as const;
/** Of the places of connections that have not logged in, kept for known addresses. */
const KNOWN_SHARE = 1 / 4;
/** From this fill on, connections of those who hold one already are refused by lot. */
const EARLY_SHARE = 1 / 2;
/** A network around an address has so many connections before half of the lots are blanks. */
const HALF_BLANKS = 8;
/** What an honest client takes at most to log in, on a machine that has the time, */
const PATIENCE_MS = 3_000;
/** when many come at once that do log in, */
const RUSH_PATIENCE_MS = 10_000;
/** and when almost nobody does. */
const FLOOD_PATIENCE_MS = 500;

interface Entry extends Place {
  held: Held | undefined;
}

export class AdmissionMachine {
  readonly #limits: AdmissionLimits;
  readonly #strangers = new Crowd();
  readonly #known = new Crowd();
  readonly #entries = new Map<Held, Entry>();
  #authenticated = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get connections(): number {
    return this.#authenticated + this.unauthenticated;
  }

  get unauthenticated(): number {
    return this.#strangers.size + this.#known.size;
  }

  /**
   * @param isKnown somebody logged in from there lately
   * @param isShared everybody comes from there, as behind a proxy on this host: nothing is counted by address
   * @param lot from 0 up to 1
   */
  open(
    address: string,
    { isKnown, isShared, lot }: { isKnown: boolean; isShared: boolean; lot: number },
    now: Instant,
  ): Opening {
    this.#strangers.forget(now);
    this.#known.forget(now);
    const crowd = isKnown ? this.#known : this.#strangers;
    const source = crowd.sourceOf(address);
    const opening = this.#judge(source, { isKnown, isShared, lot }, now);
    if (opening.kind === 'refused') {
      crowd.tidy(source);
      return opening;
    }
    const entry: Entry = { address, isKnown, openedAt: now, state: 'waiting', held: undefined };
    // First the newcomer: its source must not be forgotten because the one that makes room is of the same.
    entry.held = crowd.add(source, now);
    this.#entries.set(entry.held, entry);
    const { victim, limit } = opening;
    if (victim === undefined) return { kind: 'admitted', place: entry, pushedOut: undefined };
    const pushed = this.#entryOf(victim);
    this.#leave(pushed, 'pushed-out', now);
    return { kind: 'admitted', place: entry, pushedOut: { place: pushed, limit } };
  }

  /**
   * It has logged in. One that was pushed out at the same moment, and did not hear of it before, stays: nobody who has
   * logged in is ended.
   */
  authenticated(place: Place, now: Instant): void {
    if (place.state !== 'waiting' && place.state !== 'pushed-out') return;
    this.#leave(place as Entry, 'authenticated', now);
    this.#authenticated += 1;
  }

  /** It has said nothing for too long: it goes first. */
  silent(place: Place): void {
    const { held, isKnown } = place as Entry;
    if (held !== undefined) (isKnown ? this.#known : this.#strangers).fallSilent(held);
  }

  /** May be called again. */
  close(place: Place, now: Instant): void {
    if (place.state === 'gone') return;
    if (place.state === 'authenticated') {
      this.#authenticated -= 1;
      place.state = 'gone';
    } else {
      this.#leave(place as Entry, 'gone', now);
    }
  }

  #judge(
    source: Source,
    { isKnown, isShared, lot }: { isKnown: boolean; isShared: boolean; lot: number },
    now: Instant,
  ):
    | { readonly kind: 'refused'; readonly limit: AdmissionLimit }
    | { readonly kind: 'room'; readonly victim: Held | undefined; readonly limit: AdmissionLimit } {
    const crowded = isShared ? undefined : this.#crowded(source);
    if (crowded !== undefined) {
      const limit = 'unauthenticatedPerAddress';
      const victim = crowded.first;
      const patience = isFlooding(crowded, this.#limits) ? FLOOD_PATIENCE_MS : PATIENCE_MS;
      const mayGo = victim !== undefined && now - victim.openedAt >= patience;
      return mayGo ? { kind: 'room', victim, limit } : { kind: 'refused', limit };
    }
    const limit = this.#reached(isKnown);
    const isBlank = !this.#isWithinShare(isKnown) && lot < this.#blanks(source, isKnown, isShared);
    if (isBlank) return { kind: 'refused', limit: limit ?? 'unauthenticated' };
    if (limit === undefined) return { kind: 'room', victim: undefined, limit: 'unauthenticated' };
    const victim = this.#victim(source, isKnown, now);
    return victim === undefined ? { kind: 'refused', limit } : { kind: 'room', victim, limit };
  }

  /** The source, or a network around it, that holds as many as it may; only of IPv6 do networks have a limit of their own. */
  #crowded(source: Source): Source | undefined {
    const isIpv6 = source.around?.around?.around !== undefined;
    const chain = [source, ...(isIpv6 ? [source.around, source.around.around] : [])];
    return chain.find(
      (each, index) => each.held >= this.#limits.unauthenticatedPerAddress * (LIMITS_AROUND[index] ?? 1),
    );
  }

  #reached(isKnown: boolean): AdmissionLimit | undefined {
    const { connections, unauthenticated } = this.#limits;
    if (this.connections >= connections) return 'connections';
    if (this.unauthenticated >= unauthenticated) return 'unauthenticated';
    return !isKnown && this.#strangers.size >= this.#placesOfStrangers ? 'unauthenticated' : undefined;
  }

  get #placesOfStrangers(): number {
    const { unauthenticated } = this.#limits;
    return unauthenticated - Math.floor(unauthenticated * KNOWN_SHARE);
  }

  /** Known addresses have their quarter, whatever the others do. */
  #isWithinShare(isKnown: boolean): boolean {
    return isKnown && this.#known.size < Math.floor(this.#limits.unauthenticated * KNOWN_SHARE);
  }

  /**
   * The share of lots that are blanks: none for the first connection of a source and the networks around it, and the more
   * the fuller it is.
   */
  #blanks(source: Source, isKnown: boolean, isShared: boolean): number {
    if (isShared) return 0;
    const places = isKnown ? this.#limits.unauthenticated : this.#placesOfStrangers;
    const taken = isKnown ? this.unauthenticated : this.#strangers.size;
    const early = places * EARLY_SHARE;
    const fill = Math.min(1, Math.max(0, (taken - early) / (places - early)));
    if (source.held > 0) return fill;
    let most = 0;
    for (let each = source.around; each?.around !== undefined; each = each.around) most = Math.max(most, each.held);
    return (fill * most) / (most + HALF_BLANKS);
  }

  #victim(source: Source, isKnown: boolean, now: Instant): Held | undefined {
    const { strangers, known } = { strangers: this.#strangers, known: this.#known };
    const quarter = Math.floor(this.#limits.unauthenticated * KNOWN_SHARE);
    const mayTakeKnown = (isKnown || this.#strangers.size < this.#placesOfStrangers) && known.size > quarter;
    const crowds = mayTakeKnown || strangers.size === 0 ? [strangers, known] : [strangers];
    // With no more than the quarter, and nobody else, those who are known share it among themselves.
    const candidates = crowds.flatMap((crowd) => {
      const worst = crowd.worst;
      return worst === undefined ? [] : [{ crowd, silent: crowd.silent, ...worst }];
    });
    const silent = candidates.find((each) => each.silent !== undefined)?.silent;
    if (silent !== undefined) return silent;
    const [first, second] = candidates;
    const worst = second !== undefined && first !== undefined && second.score > first.score ? second : first;
    if (worst === undefined) return undefined;
    if (worst.score > source.held + source.lost + 1) return worst.held;
    const patience = worst.crowd.isFlooded(now) ? FLOOD_PATIENCE_MS : RUSH_PATIENCE_MS;
    return now - worst.held.openedAt >= patience ? worst.held : undefined;
  }

  #entryOf(held: Held): Entry {
    const entry = this.#entries.get(held);
    if (entry === undefined) throw new Error('a connection without an entry');
    return entry;
  }

  #leave(entry: Entry, state: Exclude<Place['state'], 'waiting'>, now: Instant): void {
    entry.state = state;
    const { held } = entry;
    if (held === undefined) return;
    entry.held = undefined;
    this.#entries.delete(held);
    const crowd = entry.isKnown ? this.#known : this.#strangers;
    crowd.remove(held, state === 'authenticated' ? 'loggedIn' : 'lost', now);
  }
}

/** Most of what comes from there never logs in, and it is much. */
function isFlooding({ lost, loggedIn }: Source, limits: AdmissionLimits): boolean {
  return lost >= limits.unauthenticatedPerAddress && lost > 10 * loggedIn;
}

import { type Clock, originOf, systemClock } from '../../core/index.ts';
import { type AdmissionLimit, type AdmissionLimits, AdmissionMachine, type Opening, type Place } from './machine.ts';
import type { Doorkeeper, Ticket, TurnedAway } from './ticket.ts';
import { TokenBucket } from './token-bucket.ts';

/** Told what becomes of connections at a limit. Must not throw. */
export interface AdmissionObserver {
  /** @param network the /24, or IPv6 /48, of the connection */
  pushedOut(limit: AdmissionLimit, network: string): void;
  /** @param isDropped it was closed at once, else it is told by an HTTP 503 */
  refused(limit: AdmissionLimit, network: string, isDropped: boolean): void;
}

export interface AdmissionOptions {
  readonly clock?: Clock;
  /** From 0 up to 1. */
  readonly random?: () => number;
  /** Whether somebody has logged in from there lately: an address, or of IPv6 the /64. */
  readonly isKnown?: (place: string) => boolean;
  readonly observer?: AdmissionObserver;
}

/** Refused connections that get a TLS handshake and an answer that says why: so many at a time, */
const MOST_ANSWERED = 64;
/** and so many in a second on average, since each costs what a login costs. */
const ANSWERED = { size: 40, perSecond: 20 } as const;

/** Lets connections in, as the machine decides. */
export class Admission implements Doorkeeper {
  readonly #machine: AdmissionMachine;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #isKnown: (place: string) => boolean;
  readonly #observer: AdmissionObserver | undefined;
  readonly #tickets = new Map<Place, PlaceTicket>();
  readonly #answers = new TokenBucket(ANSWERED.size, ANSWERED.perSecond);
  #answered = 0;
  #dropped = 0;
  readonly #refusals = { connections: 0, unauthenticated: 0, unauthenticatedPerAddress: 0 };
  readonly #pushedOut = { connections: 0, unauthenticated: 0, unauthenticatedPerAddress: 0 };

  constructor(limits: AdmissionLimits, options: AdmissionOptions = {}) {
    const { clock = systemClock, random = Math.random, isKnown = () => false, observer } = options;
    this.#machine = new AdmissionMachine(limits);
    this.#clock = clock;
    this.#random = random;
    this.#isKnown = isKnown;
    this.#observer = observer;
  }

  get connections(): number {
    return this.#machine.connections;
  }

  get unauthenticated(): number {
    return this.#machine.unauthenticated;
  }

  /** How many connections each limit refused, since the start; those that were closed at once are among them. */
  get refusals(): Readonly<Record<AdmissionLimit, number>> {
    return this.#refusals;
  }

  /** How many had to make room for another. */
  get pushedOut(): Readonly<Record<AdmissionLimit, number>> {
    return this.#pushedOut;
  }

  get flooded(): number {
    return this.#dropped;
  }

  open(address: string): Ticket | AdmissionLimit {
    const now = this.#clock.now();
    const { address: place, network, isLoopback: isShared } = originOf(address);
    const isKnown = this.#isKnown(place);
    const opening = this.#machine.open(address, { isKnown, isShared, lot: this.#random() }, now);
    if (opening.kind === 'refused') return this.#refuse(opening, network);
    if (opening.pushedOut !== undefined) this.#pushOut(opening.pushedOut);
    const ticket = new PlaceTicket({
      authenticated: () => this.#machine.authenticated(opening.place, this.#clock.now()),
      silent: () => this.#machine.silent(opening.place),
      close: () => {
        this.#machine.close(opening.place, this.#clock.now());
        this.#tickets.delete(opening.place);
      },
    });
    this.#tickets.set(opening.place, ticket);
    return ticket;
  }

  #pushOut({ place, limit }: NonNullable<Extract<Opening, { kind: 'admitted' }>['pushedOut']>): void {
    this.#pushedOut[limit] += 1;
    this.#observer?.pushedOut(limit, originOf(place.address).network);
    this.#tickets.get(place)?.pushOut(limit);
  }

  #refuse({ limit }: Extract<Opening, { kind: 'refused' }>, network: string): Ticket | AdmissionLimit {
    this.#refusals[limit] += 1;
    const isAnswered = this.#answered < MOST_ANSWERED && this.#answers.take(this.#clock.now());
    this.#observer?.refused(limit, network, !isAnswered);
    if (!isAnswered) {
      this.#dropped += 1;
      return limit;
    }
    this.#answered += 1;
    let isOpen = true;
    return {
      refusal: limit,
      turnedAway: undefined,
      whenCounted: (then) => then(),
      whenTurnedAway: () => {},
      silent: () => {},
      authenticated: () => {},
      close: () => {
        if (isOpen) this.#answered -= 1;
        isOpen = false;
      },
    };
  }
}

interface PlaceActions {
  authenticated(): void;
  silent(): void;
  close(): void;
}

class PlaceTicket implements Ticket {
  readonly refusal = undefined;
  readonly #actions: PlaceActions;
  #turnedAway: TurnedAway | undefined;
  #then: ((why: TurnedAway) => void) | undefined;
  #isClosed = false;

  constructor(actions: PlaceActions) {
    this.#actions = actions;
  }

  get turnedAway(): TurnedAway | undefined {
    return this.#turnedAway;
  }

  whenCounted(then: () => void): void {
    then();
  }

  whenTurnedAway(then: (why: TurnedAway) => void): void {
    this.#then = then;
    if (this.#turnedAway !== undefined) then(this.#turnedAway);
  }

  silent(): void {
    if (!this.#isClosed) this.#actions.silent();
  }

  authenticated(): void {
    if (!this.#isClosed) this.#actions.authenticated();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#actions.close();
  }

  pushOut(limit: AdmissionLimit): void {
    if (this.#isClosed) return;
    this.#turnedAway = { limit, kind: 'pushed-out' };
    this.#then?.(this.#turnedAway);
  }
}

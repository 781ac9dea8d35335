import type { AdmissionLimit } from './machine.ts';

/** Why a connection is to end at once. */
export interface TurnedAway {
  readonly limit: AdmissionLimit;
  /** It had to make room for another one, or there was none for it. */
  readonly kind: 'pushed-out' | 'dropped';
}

/** One connection's place in the counts. */
export interface Ticket {
  /** The limit that was reached when it came: it gets HTTP 503 with a body, so that the client's event log says why. */
  readonly refusal: AdmissionLimit | undefined;
  /** It is to end, or has ended, for the sake of others. */
  readonly turnedAway: TurnedAway | undefined;
  /** Calls back, perhaps at once, when `refusal` is known. */
  whenCounted(then: () => void): void;
  /**
   * Calls back if it is to end for the sake of others. Who asks later is told instead of who asked before; at once if it is
   * so already.
   */
  whenTurnedAway(then: (why: TurnedAway) => void): void;
  /** It has said nothing for longer than any client takes. */
  silent(): void;
  /** It may have an address, of which a user has so many: it no longer counts as unauthenticated, and stays. */
  authenticated(): void;
  /** It is gone. May be called again. */
  close(): void;
}

/** Who lets connections in. */
export interface Doorkeeper {
  /** Connections that were not let in at all. */
  readonly flooded: number;
  /**
   * @param address the remote address as text
   * @returns the limit that was reached if the socket should be closed at once
   */
  open(address: string): Ticket | AdmissionLimit;
}

import type { AdmissionLimit, AdmissionLimits, Doorkeeper, Ticket, TurnedAway } from '../admission/index.ts';
import type { ToSupervisor } from './messages.ts';

/** At so many times a limit, a worker no longer waits for what the supervisor says. */
const OWN_FACTOR = 2;

/**
 * Admission in a worker. The supervisor counts the connections of all workers, and says who has to make room; its answer
 * comes while the ClientHello does, or is waited for. At accept, a worker that alone has twice as many as all may have takes
 * no more.
 */
export class RemoteAdmission implements Doorkeeper {
  readonly #limits: AdmissionLimits;
  readonly #send: (message: ToSupervisor) => void;
  readonly #tickets = new Map<number, RemoteTicket>();
  #unauthenticated = 0;
  #flooded = 0;
  #last = 0;

  constructor(limits: AdmissionLimits, send: (message: ToSupervisor) => void) {
    this.#limits = limits;
    this.#send = send;
  }

  /** Those that the supervisor turned away it counts itself. */
  get flooded(): number {
    return this.#flooded;
  }

  open(address: string): Ticket | AdmissionLimit {
    const { connections, unauthenticated } = this.#limits;
    const isOver = this.#unauthenticated >= unauthenticated * OWN_FACTOR;
    if (isOver || this.#tickets.size >= connections * OWN_FACTOR) {
      this.#flooded += 1;
      return isOver ? 'unauthenticated' : 'connections';
    }
    this.#last += 1;
    const number = this.#last;
    const ticket = new RemoteTicket(number, this.#send, {
      authenticated: () => {
        this.#unauthenticated -= 1;
      },
      closed: () => this.#tickets.delete(number),
    });
    this.#unauthenticated += 1;
    this.#tickets.set(number, ticket);
    this.#send({ kind: 'ticket-opened', ticket: number, address });
    return ticket;
  }

  /** The supervisor has counted. */
  counted(ticket: number, refusal: AdmissionLimit | undefined): void {
    this.#tickets.get(ticket)?.counted(refusal);
  }

  /** The supervisor wants it ended. */
  turnedAway(ticket: number, why: TurnedAway): void {
    this.#tickets.get(ticket)?.turnAway(why);
  }
}

class RemoteTicket implements Ticket {
  #refusal: AdmissionLimit | undefined;
  #turnedAway: TurnedAway | undefined;
  #isCounted = false;
  #waiting: (() => void)[] = [];
  #whenTurnedAway: ((why: TurnedAway) => void) | undefined;
  readonly #number: number;
  readonly #send: (message: ToSupervisor) => void;
  readonly #list: { authenticated(): void; closed(): void };
  #isAuthenticated = false;
  #isClosed = false;

  constructor(number: number, send: (message: ToSupervisor) => void, list: { authenticated(): void; closed(): void }) {
    this.#number = number;
    this.#send = send;
    this.#list = list;
  }

  get refusal(): AdmissionLimit | undefined {
    return this.#refusal;
  }

  get turnedAway(): TurnedAway | undefined {
    return this.#turnedAway;
  }

  whenCounted(then: () => void): void {
    if (this.#isCounted) then();
    else this.#waiting.push(then);
  }

  counted(refusal: AdmissionLimit | undefined): void {
    this.#isCounted = true;
    this.#refusal = refusal;
    for (const then of this.#waiting.splice(0)) then();
  }

  whenTurnedAway(then: (why: TurnedAway) => void): void {
    this.#whenTurnedAway = then;
    if (this.#turnedAway !== undefined) then(this.#turnedAway);
  }

  /** Who has logged in stays: that message and this one have crossed. */
  turnAway(why: TurnedAway): void {
    if (this.#isAuthenticated || this.#isClosed || this.#turnedAway !== undefined) return;
    this.#turnedAway = why;
    this.#waiting = [];
    this.#whenTurnedAway?.(why);
  }

  silent(): void {
    if (!this.#isAuthenticated && !this.#isClosed) this.#send({ kind: 'ticket-silent', ticket: this.#number });
  }

  authenticated(): void {
    if (this.#isAuthenticated || this.#isClosed) return;
    this.#isAuthenticated = true;
    this.#list.authenticated();
    this.#send({ kind: 'ticket-authenticated', ticket: this.#number });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isAuthenticated) this.#list.authenticated();
    this.#list.closed();
    this.#send({ kind: 'ticket-closed', ticket: this.#number });
  }
}

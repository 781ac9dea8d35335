import { Admission, type AdmissionLimits, type AdmissionRefusal, type Doorkeeper, type Ticket } from '../admission.ts';
import type { ToSupervisor } from './messages.ts';

/**
 * Admission in a worker. The supervisor counts the connections of all workers; its answer comes while the TLS handshake
 * goes on, or is waited for. At accept, a worker that alone has twice as many
 * as all may have takes no more.
 */
export class RemoteAdmission implements Doorkeeper {
  readonly #own: Admission;
  readonly #send: (message: ToSupervisor) => void;
  readonly #tickets = new Map<number, RemoteTicket>();
  #last = 0;

  constructor(limits: AdmissionLimits, send: (message: ToSupervisor) => void) {
    this.#own = new Admission(limits);
    this.#send = send;
  }

  get flooded(): number {
    return this.#own.flooded;
  }

  open(address: string): Ticket | undefined {
    const own = this.#own.open(address);
    if (own === undefined) return undefined;
    this.#last += 1;
    const number = this.#last;
    const ticket = new RemoteTicket(own, number, this.#send, () => this.#tickets.delete(number));
    this.#tickets.set(number, ticket);
    this.#send({ kind: 'ticket-opened', ticket: number, address });
    return ticket;
  }

  /** The supervisor has counted. */
  counted(ticket: number, refusal: AdmissionRefusal | undefined): void {
    this.#tickets.get(ticket)?.counted(refusal);
  }
}

class RemoteTicket implements Ticket {
  #refusal: AdmissionRefusal | undefined;
  #isCounted = false;
  #waiting: (() => void)[] = [];
  readonly #own: Ticket;
  readonly #number: number;
  readonly #send: (message: ToSupervisor) => void;
  readonly #closed: () => void;
  #isAuthenticated = false;
  #isClosed = false;

  constructor(own: Ticket, number: number, send: (message: ToSupervisor) => void, closed: () => void) {
    this.#own = own;
    this.#number = number;
    this.#send = send;
    this.#closed = closed;
  }

  get refusal(): AdmissionRefusal | undefined {
    return this.#refusal;
  }

  whenCounted(then: () => void): void {
    if (this.#isCounted) then();
    else this.#waiting.push(then);
  }

  counted(refusal: AdmissionRefusal | undefined): void {
    this.#isCounted = true;
    this.#refusal = refusal;
    for (const then of this.#waiting.splice(0)) then();
  }

  authenticated(): void {
    if (this.#isAuthenticated || this.#isClosed) return;
    this.#isAuthenticated = true;
    this.#own.authenticated();
    this.#send({ kind: 'ticket-authenticated', ticket: this.#number });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#own.close();
    this.#closed();
    this.#send({ kind: 'ticket-closed', ticket: this.#number });
  }
}

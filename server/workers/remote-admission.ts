import { Admission, type AdmissionLimits, type AdmissionRefusal, type Doorkeeper, type Ticket } from '../admission.ts';
import type { ToSupervisor } from './messages.ts';

/**
 * Admission in a worker. The supervisor counts the connections of all workers; whether one is too many is known by the
 * time its TLS is up, since its handshake takes longer than the question. At accept, a worker that alone has as many as
 * all may have takes no more.
 */
export class RemoteAdmission implements Doorkeeper {
  readonly #own: Admission;
  readonly #send: (message: ToSupervisor) => void;
  readonly #tickets = new Map<number, RemoteTicket>();
  #last = 0;

  constructor(limits: AdmissionLimits, send: (message: ToSupervisor) => void) {
    this.#own = new Admission(limits, 1);
    this.#send = send;
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
  refuse(ticket: number, refusal: AdmissionRefusal): void {
    const refused = this.#tickets.get(ticket);
    if (refused !== undefined) refused.refusal = refusal;
  }
}

class RemoteTicket implements Ticket {
  refusal: AdmissionRefusal | undefined;
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

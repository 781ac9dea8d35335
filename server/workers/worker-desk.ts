import type { Admission } from '../admission/admission.ts';
import type { Ticket } from '../admission/ticket.ts';
import type { ControlSession, SessionEnd } from '../control-plane.ts';
import type { LocalControl } from '../local-control.ts';
import type { ToSupervisor, ToWorker } from './messages.ts';

/** What it carried since its last report nobody knows. */
const LOST: SessionEnd = { reason: 'worker-ended', bytesIn: 0, bytesOut: 0 };

export type ControlMessage = Extract<ToSupervisor, { session: string } | { ticket: number } | { question: number }>;

/** The supervisor's side of one worker: what its sessions and connections have of users, addresses and limits. */
export class WorkerDesk {
  readonly #options: {
    readonly control: LocalControl;
    readonly admission: Admission;
    /** The worker's. */
    readonly device: string;
    send(message: ToWorker): void;
  };
  readonly #tickets = new Map<number, Ticket>();
  readonly #sessions = new Map<string, ControlSession>();
  /** Of the portal, without an answer yet. */
  readonly #questions = new Map<number, AbortController>();

  constructor(options: {
    readonly control: LocalControl;
    readonly admission: Admission;
    readonly device: string;
    send(message: ToWorker): void;
  }) {
    this.#options = options;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  has(session: string): boolean {
    return this.#sessions.has(session);
  }

  /** @throws {Error} if it makes no sense; then the worker is not to be trusted any more */
  receive(message: ControlMessage): void {
    switch (message.kind) {
      case 'ticket-opened':
        this.#openTicket(message.ticket, message.address);
        break;
      case 'ticket-silent':
        this.#tickets.get(message.ticket)?.silent();
        break;
      case 'ticket-authenticated':
        this.#tickets.get(message.ticket)?.authenticated();
        break;
      case 'ticket-closed':
        this.#tickets.get(message.ticket)?.close();
        this.#tickets.delete(message.ticket);
        break;
      case 'portal-asked':
        this.#askPortal(message);
        break;
      case 'portal-left':
        this.#questions.get(message.question)?.abort();
        break;
      case 'opened':
        this.#openSession(message.session, message.peerAddress);
        break;
      case 'verify':
      case 'lease':
      case 'choose':
      case 'release':
      case 'up':
      case 'closed': {
        const session = this.#sessions.get(message.session);
        if (session !== undefined) this.#serve(session, message);
        break;
      }
      default:
        message satisfies never;
        throw new Error('unknown message');
    }
  }

  /** The worker is gone: everything of it is returned. */
  close(): void {
    for (const session of this.#sessions.values()) session.close(LOST);
    for (const ticket of this.#tickets.values()) ticket.close();
    for (const question of this.#questions.values()) question.abort();
    this.#sessions.clear();
    this.#tickets.clear();
    this.#questions.clear();
  }

  #openTicket(number: number, address: string): void {
    if (this.#tickets.has(number)) throw new Error(`ticket ${number} was opened twice`);
    const { admission, send } = this.#options;
    const ticket = admission.open(address);
    if (typeof ticket === 'string') {
      send({ kind: 'turned-away', ticket: number, why: { limit: ticket, kind: 'dropped' } });
      return;
    }
    this.#tickets.set(number, ticket);
    send({ kind: 'counted', ticket: number, refusal: ticket.refusal });
    ticket.whenTurnedAway((why) => send({ kind: 'turned-away', ticket: number, why }));
  }

  #askPortal({ question, text }: Extract<ControlMessage, { kind: 'portal-asked' }>): void {
    const { control, send } = this.#options;
    if (this.#questions.has(question)) throw new Error(`question ${question} was asked twice`);
    const gone = new AbortController();
    this.#questions.set(question, gone);
    void control.portal(text, gone.signal).then((answer) => {
      if (this.#questions.delete(question)) send({ kind: 'portal-answered', question, answer });
    });
  }

  #openSession(id: string, peerAddress: string): void {
    const { control, device, send } = this.#options;
    const session = control.open({
      id,
      peerAddress,
      device,
      replace: () => {
        session.release();
        send({ kind: 'replace', session: id });
      },
      disconnect: (reason) => send({ kind: 'disconnect', session: id, reason }),
    });
    this.#sessions.set(id, session);
  }

  #serve(
    session: ControlSession,
    message: Extract<ControlMessage, { kind: 'verify' | 'lease' | 'choose' | 'release' | 'up' | 'closed' }>,
  ): void {
    const { session: id } = message;
    const { send } = this.#options;
    switch (message.kind) {
      case 'verify':
        session.verify(
          message.proof,
          (judgement) => send({ kind: 'judged', session: id, judgement }),
          (hold, name) => send({ kind: 'held', session: id, hold, name }),
        );
        break;
      case 'lease':
        session.lease((lease) => send({ kind: 'leased', session: id, lease }));
        break;
      case 'choose':
        session.choose(message.wish, (lease) => send({ kind: 'chosen', session: id, lease }));
        break;
      case 'release':
        session.release();
        break;
      case 'up':
        session.up();
        break;
      case 'closed':
        session.close(message.end);
        this.#sessions.delete(id);
        break;
      default:
        message satisfies never;
    }
  }
}

import type { AttemptView, SessionView } from '../../admin/index.ts';
import { formatEndpoint, formatIpv4, formatIpv6Cidr } from '../../core/index.ts';
import type { Admission, Ticket } from '../admission/index.ts';
import type { ControlSession, GrantedLease, Judgement, LocalControl, SessionEnd } from '../control/index.ts';
import { AskedCalls } from './calls.ts';
import { MOST_QUESTIONS, type ToSupervisor, type ToWorker } from './messages.ts';

/** Attempts whose session has ended are told of right behind it. */
const MOST_ENDED = 1_024;
/** What it carried since its last report nobody knows. */
const LOST: SessionEnd = { reason: 'worker-ended', bytesIn: 0, bytesOut: 0 };

export type ControlMessage = Extract<ToSupervisor, { session: string } | { ticket: number }> | PortalMessage;

type PortalMessage = Extract<ToSupervisor, { kind: 'portal-asked' | 'portal-left' }>;

type Proof = Extract<ControlMessage, { kind: 'verify' }>['proof'];

/** The supervisor's side of one worker: what its sessions and connections have of users, addresses and limits. */
export class WorkerDesk {
  readonly #options: {
    readonly control: LocalControl;
    readonly admission: Admission;
    /** The worker's. */
    readonly device: string;
    readonly mostConnections: number;
    send(message: ToWorker): void;
  };
  readonly #tickets = new Map<number, Ticket>();
  readonly #sessions = new Map<string, OpenSession>();
  /** Users of sessions that have ended, the oldest first. */
  readonly #ended = new Map<string, string | undefined>();
  /** Of the portal, without an answer yet. */
  readonly #questions = new AskedCalls<AbortController>(MOST_QUESTIONS);

  constructor(options: {
    readonly control: LocalControl;
    readonly admission: Admission;
    readonly device: string;
    /** That an honest worker has at the same time. */
    readonly mostConnections: number;
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

  /** Who has logged in there. */
  userOf(session: string): string | undefined {
    return this.#sessions.get(session)?.user;
  }

  /**
   * Who it is, from where, and with which addresses the supervisor knows itself: of these only the port, and whether an
   * address is in use already, is the worker's to say.
   *
   * @returns undefined if there is no such session
   */
  checked(said: SessionView): SessionView | undefined {
    const session = this.#sessions.get(said.id);
    if (session === undefined) return undefined;
    const { user, method, lease, peerAddress } = session;
    const port = Number(/\d+$/.exec(said.peer)?.[0] ?? 0);
    return {
      ...said,
      ...{ user, method, peer: formatEndpoint(peerAddress, port) },
      ipv4: said.ipv4 && lease && formatIpv4(lease.ipv4.address),
      ipv6: said.ipv6 && lease?.ipv6 && formatIpv6Cidr(lease.ipv6),
      policy: lease?.policy,
    };
  }

  /** Whom a client says it is, it may tell; not that somebody has been here who has not. @throws {Error} */
  checkAttempt({ id, state, user }: AttemptView): void {
    if (state !== 'up' && state !== 'ended') return;
    const known = this.#sessions.has(id) ? this.userOf(id) : this.#ended.get(id);
    if (known === undefined || known !== user) throw new Error(`session ${id} is not that user's`);
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
        this.#questions.get(message.call)?.abort();
        break;
      case 'opened':
        this.#openSession(message.session, message.peerAddress);
        break;
      case 'verify':
      case 'respond':
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
    for (const { control, left } of this.#sessions.values()) {
      control.close(LOST);
      left.resolve(); // no process, no packets
    }
    for (const ticket of this.#tickets.values()) ticket.close();
    for (const question of this.#questions.end()) question.abort();
    this.#sessions.clear();
    this.#tickets.clear();
    this.#ended.clear();
  }

  #openTicket(number: number, address: string): void {
    if (this.#tickets.has(number)) throw new Error(`ticket ${number} was opened twice`);
    this.#checkRoom(this.#tickets.size);
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

  #askPortal({ call, question }: Extract<PortalMessage, { kind: 'portal-asked' }>): void {
    const { control, send } = this.#options;
    const { signal } = this.#questions.open(call, () => new AbortController());
    void control.portal(question, signal).then((answer) => {
      if (this.#questions.close(call)) send({ kind: 'portal-answered', call, answer });
    });
  }

  #checkRoom(taken: number): void {
    if (taken >= this.#options.mostConnections) throw new Error('more connections than an honest worker takes');
  }

  #openSession(id: string, peerAddress: string): void {
    const { control, device, send } = this.#options;
    this.#checkRoom(this.#sessions.size);
    const session = control.open({
      id,
      peerAddress,
      device,
      replace: () => {
        session.release();
        send({ kind: 'replace', session: id });
        return this.#sessions.get(id)?.left.promise;
      },
      setPolicy: (policy) => {
        const open = this.#sessions.get(id);
        if (open?.lease !== undefined) open.lease = { ...open.lease, policy };
        send({ kind: 'policy', session: id, policy });
      },
      disconnect: (reason) => send({ kind: 'disconnect', session: id, reason }),
    });
    this.#ended.delete(id);
    const unknown = { user: undefined, method: undefined, proves: undefined, round: undefined, lease: undefined };
    this.#sessions.set(id, {
      control: session,
      peerAddress,
      isJudging: false,
      left: Promise.withResolvers(),
      ...unknown,
    });
  }

  /** @throws {Error} if one is being judged there: a client waits for its verdict */
  #verify(id: string, session: OpenSession, proof: Proof): void {
    const { send } = this.#options;
    if (session.isJudging) throw new Error(`session ${id} has two logins at a time`);
    session.isJudging = true;
    session.proves = proof.method;
    session.round = undefined;
    const judged = this.#judged(id, session);
    session.control.verify(proof, judged, (hold, name) => send({ kind: 'held', session: id, hold, name }));
  }

  /** @throws {Error} if no such question was put to it, or it was answered: an honest worker answers each once */
  #respond(id: string, session: OpenSession, { round, payload }: Extract<ControlMessage, { kind: 'respond' }>): void {
    if (session.isJudging || round !== session.round) throw new Error(`session ${id} answers what nobody asked`);
    session.isJudging = true;
    session.round = undefined;
    session.control.respond(payload, this.#judged(id, session));
  }

  #judged(id: string, session: OpenSession): (judgement: Judgement) => void {
    return (judgement) => {
      session.isJudging = false;
      if (judgement.kind === 'continue') session.round = judgement.round;
      const isAccepted = judgement.kind === 'judged' && judgement.verdict.kind === 'accept';
      if (isAccepted) session.user = judgement.user?.name;
      if (isAccepted) session.method = session.proves;
      this.#options.send({ kind: 'judged', session: id, judgement });
    };
  }

  #close(id: string, { control, user, left }: OpenSession, end: SessionEnd): void {
    control.close(end);
    left.resolve();
    this.#sessions.delete(id);
    this.#ended.set(id, user);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MOST_ENDED && oldest !== undefined) this.#ended.delete(oldest);
  }

  #serve(
    session: OpenSession,
    message: Extract<ControlMessage, { kind: 'verify' | 'respond' | 'lease' | 'choose' | 'release' | 'up' | 'closed' }>,
  ): void {
    const { session: id } = message;
    const { send } = this.#options;
    switch (message.kind) {
      case 'verify':
        this.#verify(id, session, message.proof);
        break;
      case 'respond':
        this.#respond(id, session, message);
        break;
      case 'lease':
        session.control.lease((lease) => {
          session.lease = lease;
          send({ kind: 'leased', session: id, lease });
        });
        break;
      case 'choose':
        session.control.choose(message.wish, (lease) => {
          session.lease = lease ?? session.lease;
          send({ kind: 'chosen', session: id, lease });
        });
        break;
      case 'release':
        session.lease = undefined;
        session.control.release();
        session.left.resolve();
        break;
      case 'up':
        session.control.up();
        break;
      case 'closed':
        this.#close(id, session, message.end);
        break;
      default:
        message satisfies never;
    }
  }
}

/** A session as the supervisor knows it, whatever the worker says. */
interface OpenSession {
  readonly control: ControlSession;
  readonly peerAddress: string;
  /** Resolved when its worker sends nothing more from its address. */
  readonly left: PromiseWithResolvers<void>;
  user: string | undefined;
  method: Proof['method'] | undefined;
  /** By which it was or is being judged. */
  proves: Proof['method'] | undefined;
  lease: GrantedLease | undefined;
  isJudging: boolean;
  /** Of the question that it has to answer. */
  round: number | undefined;
}

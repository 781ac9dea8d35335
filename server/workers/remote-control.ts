import type { Hold } from '../../auth/index.ts';
import type { Ipv4 } from '../../core/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';
import type {
  ControlPlane,
  ControlSession,
  GrantedLease,
  Judgement,
  SessionEnd,
  SessionInfo,
} from '../control/index.ts';
import { readPolicy } from '../control/policy.ts';
import type { PortalAnswer, PortalQuestion } from '../site/index.ts';
import { Calls } from './calls.ts';
import { MOST_QUESTIONS, type ToSupervisor, type ToWorker } from './messages.ts';

type Send = (message: ToSupervisor) => void;

/** The control plane as a worker sees it: every question goes to the supervisor. */
export class RemoteControl implements ControlPlane {
  readonly #send: Send;
  readonly #sessions = new Map<string, RemoteSession>();
  readonly #questions = new Calls<PortalAnswer>(MOST_QUESTIONS);

  constructor(send: Send) {
    this.#send = send;
  }

  /** Sessions that the supervisor may still say something about. */
  get size(): number {
    return this.#sessions.size;
  }

  open(info: SessionInfo): ControlSession {
    const { id, peerAddress } = info;
    const session = new RemoteSession(info, this.#send, () => this.#sessions.delete(id));
    this.#sessions.set(id, session);
    this.#send({ kind: 'opened', session: id, peerAddress });
    return session;
  }

  portal(question: PortalQuestion, gone?: AbortSignal): Promise<PortalAnswer> {
    const say = (call: number): void => {
      this.#send({ kind: 'portal-asked', call, question });
      const leave = (): void => {
        if (this.#questions.has(call)) this.#send({ kind: 'portal-left', call });
      };
      if (gone?.aborted === true) leave();
      else gone?.addEventListener('abort', leave, { once: true });
    };
    return this.#questions.ask(say).catch(() => ({ kind: 'fault' }));
  }

  portalAnswered({ call, answer }: Extract<ToWorker, { kind: 'portal-answered' }>): void {
    this.#questions.answer(call, answer);
  }

  /** What the supervisor says about a session; it may have ended meanwhile. */
  receive(message: Extract<ToWorker, { session: string }>): void {
    this.#sessions.get(message.session)?.receive(message);
  }
}

class RemoteSession implements ControlSession {
  readonly #info: SessionInfo;
  readonly #send: Send;
  /** Nothing that the supervisor may still say is for it. */
  readonly #forget: () => void;
  #onJudged: ((judgement: Judgement) => void) | undefined;
  #onHeld: ((hold: Hold, name: string) => void) | undefined;
  #onLeased: ((lease: GrantedLease | undefined) => void) | undefined;
  #onChosen: ((lease: GrantedLease | undefined) => void) | undefined;
  /** The supervisor has the proof, and has said nothing of it yet. */
  #isUnheard = false;
  /** Of the last judgement that was `continue`. */
  #round = 0;
  #isReleased = false;
  #isUp = false;
  #isClosed = false;

  constructor(info: SessionInfo, send: Send, forget: () => void) {
    this.#info = info;
    this.#send = send;
    this.#forget = forget;
  }

  verify(
    proof: CredentialProof,
    answer: (judgement: Judgement) => void,
    held: (hold: Hold, name: string) => void,
  ): void {
    if (this.#isClosed) return;
    this.#onJudged = answer;
    this.#onHeld = held;
    this.#isUnheard = true;
    this.#send({ kind: 'verify', session: this.#info.id, proof });
  }

  respond(payload: Uint8Array, answer: (judgement: Judgement) => void): void {
    if (this.#isClosed) return;
    this.#onJudged = answer;
    this.#isUnheard = true;
    this.#send({ kind: 'respond', session: this.#info.id, round: this.#round, payload });
  }

  lease(answer: (lease: GrantedLease | undefined) => void): void {
    if (this.#isClosed) return;
    this.#onLeased = answer;
    this.#send({ kind: 'lease', session: this.#info.id });
  }

  choose(wish: Ipv4, answer: (lease: GrantedLease | undefined) => void): void {
    if (this.#isClosed) return;
    this.#onChosen = answer;
    this.#send({ kind: 'choose', session: this.#info.id, wish });
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#send({ kind: 'release', session: this.#info.id });
  }

  up(): void {
    if (this.#isUp || this.#isClosed) return;
    this.#isUp = true;
    this.#send({ kind: 'up', session: this.#info.id });
  }

  close(end: SessionEnd): boolean {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#send({ kind: 'closed', session: this.#info.id, end });
      if (!this.#isUnheard) this.#forget();
    }
    return this.#isUnheard;
  }

  receive(message: Extract<ToWorker, { session: string }>): void {
    if (!this.#isClosed) this.#serve(message);
    else if (message.kind === 'held' || message.kind === 'judged') {
      this.#forget();
      this.#serve(message);
    }
  }

  #serve(message: Extract<ToWorker, { session: string }>): void {
    switch (message.kind) {
      case 'held':
        this.#isUnheard = false;
        this.#onHeld?.(message.hold, message.name);
        break;
      case 'judged': {
        this.#isUnheard = false;
        const answer = this.#onJudged;
        this.#onJudged = undefined;
        if (message.judgement.kind === 'continue') this.#round = message.judgement.round;
        answer?.(message.judgement);
        break;
      }
      case 'leased': {
        const answer = this.#onLeased;
        this.#onLeased = undefined;
        answer?.(checked(message.lease));
        break;
      }
      case 'chosen': {
        const answer = this.#onChosen;
        this.#onChosen = undefined;
        answer?.(checked(message.lease));
        break;
      }
      case 'policy':
        this.#info.setPolicy(readPolicy(message.policy));
        break;
      case 'replace':
        this.#info.replace();
        break;
      case 'disconnect':
        this.#info.disconnect(message.reason);
        break;
      default:
        message satisfies never;
    }
  }
}

/** Of another process all is checked that others act on. @throws {TypeError} */
function checked(lease: GrantedLease | undefined): GrantedLease | undefined {
  return lease && { ...lease, policy: readPolicy(lease.policy) };
}

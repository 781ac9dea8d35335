import type { Hold, User } from '../../auth/index.ts';
import { foldUserName, Groups, type Ipv4 } from '../../core/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';
import type { PortalAnswer, PortalQuestion } from '../site/index.ts';
import type {
  ControlPlane,
  ControlSession,
  GrantedLease,
  Judgement,
  SessionEnd,
  SessionInfo,
} from './control-plane.ts';
import type { EndReason } from './end-reason.ts';
import type { Lease, LeaseDesk } from './lease-desk.ts';
import type { LoginAnswer, LoginDesk, PendingLogin } from './login-desk.ts';
import { changedPolicy, NO_POLICY, type Policy, type PolicyKeys } from './policy.ts';
import type { PortalDesk } from './portal-desk.ts';
import type { LiveSession, SessionObserver } from './session-observer.ts';
import type { SessionTraffic } from './traffic.ts';
import { enterUser, type UserJudgement, type UserVerifier, unfinished } from './user-login.ts';

export interface LocalControlOptions {
  readonly verifier: UserVerifier;
  readonly logins: LoginDesk;
  readonly leases: LeaseDesk;
  readonly portal: Pick<PortalDesk, 'ask'>;
  readonly observers?: readonly SessionObserver[];
}

/** The control plane itself, and the list of all sessions of this server. */
export class LocalControl implements ControlPlane {
  readonly #options: LocalControlOptions;
  readonly #sessions = new Map<string, Session>();
  /** Of these, those that logged in, by folded name. */
  readonly #ofUser = new Groups<string, Session>();
  /** Those that are not judged yet. */
  readonly #logins = new Set<CurrentLogin>();

  constructor(options: LocalControlOptions) {
    this.#options = options;
  }

  /** Sessions from their HTTP request to their end. */
  get count(): number {
    return this.#sessions.size;
  }

  /** @throws {Error} if there is a session of that id, which would be out of reach then */
  open(info: SessionInfo): ControlSession {
    const { id } = info;
    if (this.#sessions.has(id)) throw new Error(`session ${id} was opened twice`);
    const session = new Session(info, this.#options, {
      identified: (before, user) => {
        if (before !== undefined) this.#ofUser.delete(foldUserName(before.name), session);
        if (user !== undefined) this.#ofUser.add(foldUserName(user.name), session);
      },
      closed: () => this.#sessions.delete(id),
      began: (login) => this.#logins.add(login),
      over: (login) => this.#logins.delete(login),
    });
    this.#sessions.set(id, session);
    return session;
  }

  portal(question: PortalQuestion, gone?: AbortSignal): Promise<PortalAnswer> {
    return this.#options.portal.ask(question, gone);
  }

  /** @returns false if there is no such session */
  disconnect(id: string, reason: EndReason): boolean {
    const session = this.#sessions.get(id);
    session?.info.disconnect(reason);
    return session !== undefined;
  }

  /**
   * What counts for a session from now on, in the stead of what did; nothing is merged here.
   *
   * @returns false if there is no such session
   * @throws {TypeError} for a key that there is not, or a value that it can't have
   */
  setPolicy(id: string, keys: Readonly<Partial<PolicyKeys>>): boolean {
    const session = this.#sessions.get(id);
    session?.setPolicy(keys);
    return session !== undefined;
  }

  /** Ends the sessions of a user, those included whose login is being judged by what held until now. */
  disconnectUser(name: string, reason: EndReason): void {
    const folded = foldUserName(name);
    for (const session of [...this.#ofUser.of(folded)]) session.info.disconnect(reason);
    for (const login of this.#logins) login.barred.set(folded, reason);
  }

  /** How much sessions have carried by now; what was said of one before is never taken back. */
  noteTraffic(traffic: readonly SessionTraffic[]): void {
    for (const { id, bytesIn, bytesOut } of traffic) this.#sessions.get(id)?.noteTraffic(bytesIn, bytesOut);
  }

  countOfUser(name: string): number {
    return this.#ofUser.of(foldUserName(name)).size;
  }
}

/** What a session tells the list of all of them. */
interface SessionList {
  /** Whose it is now; nobody's at its end. */
  identified(before: User | undefined, user: User | undefined): void;
  closed(): void;
  began(login: CurrentLogin): void;
  over(login: CurrentLogin): void;
}

interface CurrentLogin {
  readonly proof: CredentialProof;
  /** Whom the next answer is for. */
  answer: (judgement: Judgement) => void;
  pending: PendingLogin | undefined;
  /** Folded names of users whose sessions were ended since it began, and why. */
  readonly barred: Map<string, EndReason>;
}

class Session implements ControlSession {
  readonly info: SessionInfo;
  readonly #options: LocalControlOptions;
  readonly #list: SessionList;
  #user: User | undefined;
  #method: CredentialProof['method'] | undefined;
  #policy: Policy = NO_POLICY;
  #lease: Lease | undefined;
  #live: LiveSession | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #login: CurrentLogin | undefined;
  #rounds = 0;
  #hasChosen = false;
  #isReleased = false;
  #isClosed = false;

  constructor(info: SessionInfo, options: LocalControlOptions, list: SessionList) {
    this.info = info;
    this.#options = options;
    this.#list = list;
  }

  noteTraffic(bytesIn: number, bytesOut: number): void {
    // A worker may say anything.
    if (Number.isSafeInteger(bytesIn)) this.#bytesIn = Math.max(this.#bytesIn, bytesIn);
    if (Number.isSafeInteger(bytesOut)) this.#bytesOut = Math.max(this.#bytesOut, bytesOut);
  }

  /**
   * An attempt waits before it is judged, not after: what takes longer for a right password than for a wrong one would
   * otherwise show in the answer to an Echo-Request sent behind it, and a guesser need not wait for the verdict.
   */
  verify(
    proof: CredentialProof,
    answer: (judgement: Judgement) => void,
    held: (hold: Hold, name: string) => void,
  ): void {
    if (this.#isClosed) return;
    this.#leave(); // one that has words out: the client begins anew
    const login: CurrentLogin = { proof, answer, pending: undefined, barred: new Map() };
    this.#login = login;
    this.#list.began(login);
    login.pending = enterUser(this.#options, {
      ...{ proof, place: 'vpn', address: this.info.peerAddress, held },
      answer: (given, name) => this.#onAnswer(login, given, name),
    });
  }

  respond(payload: Uint8Array, answer: (judgement: Judgement) => void): void {
    const login = this.#login;
    if (this.#isClosed || login === undefined) return;
    login.answer = answer;
    if (login.pending?.respond(payload) === true) return;
    const result = unfinished(login.proof.name, 'The answer of the client came too late.');
    this.#onAnswer(login, { kind: 'judged', result, delayMs: 0 }, login.proof.name);
  }

  /** @returns whether its answer is still due */
  #leave(): boolean {
    if (this.#login !== undefined) this.#list.over(this.#login);
    return this.#login?.pending?.leave() === true;
  }

  #onAnswer(login: CurrentLogin, given: LoginAnswer<UserJudgement>, name: string): void {
    const { proof, answer, barred } = login;
    if (given.kind !== 'continue') this.#list.over(login);
    switch (given.kind) {
      case 'continue':
        this.#rounds += 1;
        answer({ ...given, round: this.#rounds });
        break;
      case 'held-back':
        answer({ ...given, name });
        break;
      case 'fault':
        answer(given);
        break;
      case 'judged': {
        const { verdict, reason, user, admitted, name: judged, remark } = given.result;
        if (verdict.kind === 'accept' && !this.#isClosed) {
          const before = this.#user;
          this.#list.identified(before, admitted);
          this.#user = admitted;
          // Who logs in again, which any client may do, is held to what the link has: else that would undo a change.
          const isAgain = before !== undefined && admitted !== undefined && isSameUser(before, admitted);
          if (!isAgain) this.#policy = given.result.policy ?? NO_POLICY;
          this.#method = proof.method;
        }
        answer({ kind: 'judged', verdict, reason, user, name: judged, remark, delayMs: given.delayMs });
        const bar = admitted === undefined ? undefined : barred.get(foldUserName(admitted.name));
        if (bar !== undefined && !this.#isClosed) this.info.disconnect(bar);
        break;
      }
      default:
        given satisfies never;
    }
  }

  lease(answer: (lease: GrantedLease | undefined) => void): void {
    if (this.#isClosed) return;
    if (this.#user === undefined) throw new Error('an address was asked for before the user was known');
    if (this.#isReleased) {
      answer(undefined);
      return;
    }
    this.#options.leases.leaseWhenFree(this.#user, this.info, (lease) => {
      if (this.#isClosed) return;
      this.#lease = this.#isReleased ? undefined : lease;
      answer(this.#granted(this.#lease));
    });
  }

  choose(wish: Ipv4, answer: (lease: GrantedLease | undefined) => void): void {
    if (this.#isClosed) return;
    const isOpen = !this.#hasChosen && this.#live === undefined && !this.#isReleased;
    this.#hasChosen = true;
    const lease =
      isOpen && this.#user !== undefined ? this.#options.leases.choose(this.#user, this.info, wish) : undefined;
    this.#lease = lease ?? this.#lease;
    answer(this.#granted(lease));
  }

  setPolicy(keys: Readonly<Partial<PolicyKeys>>): void {
    if (this.#isClosed) return;
    this.#policy = changedPolicy(this.#policy, keys);
    // Before there is a lease it goes with that.
    if (this.#lease !== undefined && !this.#isReleased) this.info.setPolicy(this.#policy);
  }

  #granted(lease: Lease | undefined): GrantedLease | undefined {
    return lease && { ...lease, policy: this.#policy };
  }

  up(): void {
    if (this.#isClosed || this.#isReleased || this.#live !== undefined) return;
    if (this.#user === undefined || this.#method === undefined || this.#lease === undefined) return;
    const { id, peerAddress, device } = this.info;
    this.#live = {
      ...{ id, peerAddress, device, user: this.#user, method: this.#method, lease: this.#lease, since: new Date() },
      policy: () => this.#policy,
      setPolicy: (keys) => this.setPolicy(keys),
      disconnect: (reason) => this.info.disconnect(reason),
      traffic: () => ({ bytesIn: this.#bytesIn, bytesOut: this.#bytesOut }),
    };
    this.#options.logins.throttle.noteSession(peerAddress, 1);
    for (const observer of this.#options.observers ?? []) observer.up?.(this.#live);
  }

  release(): void {
    this.#isReleased = true;
    this.#options.leases.release(this.info);
  }

  close(end: SessionEnd): boolean {
    if (this.#isClosed) return false;
    const isAnswerDue = this.#leave();
    this.#close(end);
    return isAnswerDue;
  }

  #close({ reason, bytesIn, bytesOut }: SessionEnd): void {
    this.#isClosed = true;
    this.release();
    this.#list.identified(this.#user, undefined);
    this.#list.closed();
    if (this.#live === undefined) return;
    this.#options.logins.throttle.noteSession(this.info.peerAddress, -1);
    this.noteTraffic(bytesIn, bytesOut);
    const end = { reason, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut };
    for (const observer of this.#options.observers ?? []) observer.down?.(this.#live, end);
  }
}

function isSameUser(one: User, other: User): boolean {
  return foldUserName(one.name) === foldUserName(other.name);
}

import type { AttemptView } from '../../admin/index.ts';
import type { Hold, LoginReason } from '../../auth/index.ts';
import { type HeldBack, holdFields } from '../../auth/throttle/hold-text.ts';
import type { Clock, Instant, Log } from '../../core/index.ts';
import type { ProfileFacts } from '../../profile/index.ts';
import type { Users } from '../../store/index.ts';
import type { PortalAnswer, PortalQuestion } from '../site/index.ts';
import type { LoginAnswer, LoginDesk } from './login-desk.ts';
import { PortalSessions } from './portal-sessions.ts';
import { enterUser, type UserJudgement, type UserVerifier } from './user-login.ts';

export interface RefusedSignIn {
  readonly name: string;
  /** As it is stored, if it is a user's. */
  readonly user: string | undefined;
  readonly reason: LoginReason;
  readonly errorCode: number;
  /** What the operator should know besides: see `LoginResult`. */
  readonly remark: string | undefined;
}

/** What is written down of one sign-in; each record takes the place of the one before. */
export interface PortalRecord {
  /**
   * It has to wait for its turn.
   *
   * @param user whom it means; if it is nobody's name, that as it was typed
   */
  waits(user: string): AttemptView;
  /** Nobody looked at it. */
  heldBack(user: string, held: HeldBack): AttemptView;
  /** It was refused: with the VPN's password, so the VPN fails too. */
  refused(refused: RefusedSignIn): AttemptView;
  /** It could not be judged. */
  fault(user: string): AttemptView;
  /** For one that had to wait: others leave no record. */
  signedIn(user: string): AttemptView;
}

export interface PortalDeskOptions {
  readonly verifier: UserVerifier;
  /** The one of VPN logins: what fails here slows those, and the other way round. */
  readonly logins: LoginDesk;
  readonly users: Pick<Users, 'find' | 'passwordVersion' | 'browsers' | 'browserOfMeant'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly facts: (user: string) => ProfileFacts | undefined;
  /** @param address text form, without a port */
  readonly record: (address: string) => PortalRecord;
  /** Told of each sign-in that has to wait, and of what becomes of it; and of those that are refused at once. */
  readonly recorded?: (attempt: AttemptView) => void;
}

/** When to come again, if nobody looked at a sign-in: a place in line is kept for longer. */
const COME_AGAIN_S = 30;
const NOT_SIGNED_IN: PortalAnswer = { kind: 'refused', isDisabled: false };
const LATER: PortalAnswer = { kind: 'later', seconds: COME_AGAIN_S };

type SignIn = Extract<PortalQuestion, { kind: 'sign-in' }>;

interface Attempted {
  readonly record: PortalRecord;
  readonly address: string;
  /** As it was typed. */
  readonly name: string;
  /** As operators know it: of the user whom it means; if it is nobody's, as it was typed. */
  readonly user: string;
  /** If it had to wait. */
  readonly held: { readonly hold: Hold; readonly since: Instant } | undefined;
}

/** Answers the portal's questions, for the portals of all workers. */
export class PortalDesk {
  readonly #options: PortalDeskOptions;
  readonly #sessions: PortalSessions;

  constructor(options: PortalDeskOptions) {
    this.#options = options;
    this.#sessions = new PortalSessions(options.clock);
  }

  /** @param gone aborted once nobody waits for the answer any more: a sign-in gives up its place in line */
  async ask(question: PortalQuestion, gone?: AbortSignal): Promise<PortalAnswer> {
    try {
      switch (question.kind) {
        case 'sign-in':
          return await this.#signIn(question, gone);
        case 'look':
          return await this.#look(question.session);
        case 'sign-out':
          this.#sessions.end(question.session);
          return NOT_SIGNED_IN;
        default:
          return question satisfies never;
      }
    } catch (error) {
      this.#options.log.error('portal.fault', { error: error instanceof Error ? error.stack : String(error) });
      return { kind: 'fault' };
    }
  }

  async #signIn(asTyped: SignIn, gone: AbortSignal | undefined): Promise<PortalAnswer> {
    const { address, name, password } = asTyped;
    const { users, clock } = this.#options;
    if (gone?.aborted === true) return LATER;
    const browser = users.browsers.check(asTyped.browser, [await users.browserOfMeant(name)], Date.now());
    const record = this.#options.record(address);
    const answered = await new Promise<{ attempt: Attempted; answer: LoginAnswer<UserJudgement> } | undefined>(
      (resolve) => {
        /** While it waits. */
        let waiting: Attempted | undefined;
        const left = (): void => {
          if (waiting?.held === undefined) return;
          const { hold, since } = waiting.held;
          this.#heldBack(waiting, { hold, ms: Math.round(clock.now() - since), hasLeft: true });
          resolve(undefined);
        };
        const login = enterUser(this.#options, {
          ...{ proof: { method: 'pap', name, password }, place: 'portal', address, browser },
          held: (hold, user) => {
            waiting = { record, address, name, user, held: { hold, since: clock.now() } };
            this.#record(record.waits(user));
            // Nothing more is told of one that was left before it stood in line.
            if (gone?.aborted === true) left();
          },
          answer: (answer, user) => {
            const attempt = waiting ?? { record, address, name, user, held: undefined };
            waiting = undefined;
            resolve({ attempt, answer });
          },
        });
        const leave = (): void => {
          if (!login.leave()) left();
        };
        if (gone?.aborted === true) leave();
        else gone?.addEventListener('abort', leave, { once: true });
      },
    );
    return answered === undefined ? LATER : this.#answer(answered.attempt, answered.answer);
  }

  async #answer(attempt: Attempted, answer: LoginAnswer<UserJudgement>): Promise<PortalAnswer> {
    const { log } = this.#options;
    const { record, address: peer, name, held } = attempt;
    switch (answer.kind) {
      case 'judged': {
        const { verdict, reason, user, remark, version } = answer.result;
        const { delayMs } = answer;
        if (verdict.kind !== 'accept' || user === undefined) {
          log.warn('portal.refused', { user: name, peer, reason, delayMs });
          const errorCode = verdict.kind === 'reject' ? verdict.errorCode : 0;
          this.#record(record.refused({ name, user: user?.name, reason, errorCode, remark }));
          return { kind: 'refused', isDisabled: reason === 'disabled' };
        }
        log.info('portal.signed-in', { user: user.name, peer });
        if (held !== undefined) this.#record(record.signedIn(user.name));
        return this.#welcome(user.name, version);
      }
      case 'held-back':
        this.#heldBack(attempt, { hold: answer.hold, ms: answer.delayMs, hasLeft: false });
        return LATER;
      case 'continue':
        throw new Error('no question of a login can be shown here');
      case 'fault':
        log.error('portal.fault', { error: answer.error });
        if (held !== undefined) this.#record(record.fault(attempt.user));
        return { kind: 'fault' };
      default:
        return answer satisfies never;
    }
  }

  /** Nobody looked at the password. */
  #heldBack({ record, address: peer, user }: Attempted, held: HeldBack): void {
    this.#options.log.warn('portal.held-back', { user, peer, ...holdFields(held.hold, held.ms) });
    this.#record(record.heldBack(user, held));
  }

  #record(view: AttemptView): void {
    this.#options.recorded?.(view);
  }

  async #look(id: string): Promise<PortalAnswer> {
    const { users, facts } = this.#options;
    const session = this.#sessions.find(id);
    if (session === undefined) return NOT_SIGNED_IN;
    const user = await users.find(session.name);
    if (user?.enabled !== true) return NOT_SIGNED_IN;
    if ((await users.passwordVersion(session.name)) !== session.version) return NOT_SIGNED_IN;
    return { kind: 'welcome', user: user.name, facts: facts(user.name) };
  }

  /** @param version of the password that was given: session and cookie are good with that one alone */
  async #welcome(name: string, version: string | undefined): Promise<PortalAnswer> {
    const { users, facts } = this.#options;
    const of = await users.browserOfMeant(name);
    // Changed, or the user removed, meanwhile.
    if (version === undefined || (await users.passwordVersion(name)) !== version) return NOT_SIGNED_IN;
    const browser = users.browsers.issue({ ...of, version }, Date.now());
    const session = this.#sessions.begin({ name, version });
    return { kind: 'welcome', user: name, facts: facts(name), session, browser };
  }
}

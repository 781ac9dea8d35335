import type { AttemptView, PortalAnswer, PortalQuestion, PortalUser } from '../admin/index.ts';
import type { Authenticator, UserStore } from '../auth/index.ts';
import type { Log } from '../core/index.ts';
import type { ProfileFacts } from '../profile/index.ts';
import { portalAttempt } from './attempts/portal-attempt.ts';
import { holdFields } from './hold-text.ts';
import { judgeProof } from './judge-proof.ts';
import type { LoginAnswer, LoginDesk } from './login-desk.ts';

export interface PortalDeskOptions {
  readonly authenticator: Authenticator;
  /** The one of VPN logins: what fails here slows those, and the other way round. */
  readonly logins: LoginDesk;
  readonly store: Pick<UserStore, 'find' | 'passwordVersion' | 'browsers' | 'browsersOf'>;
  readonly log: Log;
  readonly facts: (user: string) => ProfileFacts | undefined;
  /** Told of each sign-in that was refused. */
  readonly refused?: (attempt: AttemptView) => void;
}

/** When to come again, if nobody looked at a sign-in: a place in line is kept for longer. */
const COME_AGAIN_S = 30;

/** Answers the portal's questions, for the portals of all workers. */
export class PortalDesk {
  readonly #options: PortalDeskOptions;
  constructor(options: PortalDeskOptions) {
    this.#options = options;
  }

  async ask(question: PortalQuestion): Promise<PortalAnswer> {
    try {
      return question.kind === 'look' ? this.#look(question.user) : await this.#signIn(question);
    } catch (error) {
      this.#options.log.error('portal.fault', { error: error instanceof Error ? error.stack : String(error) });
      return { kind: 'fault' };
    }
  }

  #signIn(attempt: Extract<PortalQuestion, { kind: 'sign-in' }>): Promise<PortalAnswer> {
    const { address, name, password } = attempt;
    const { authenticator, logins, store } = this.#options;
    const browser = store.browsers.check(attempt.browser, store.browsersOf(name), Date.now());
    const proof = { method: 'pap', name, password } as const;
    const readings = authenticator.readingsOf(proof);
    return new Promise((resolve, reject) => {
      logins.enter({
        ...{ realm: 'vpn', address, name, readings, method: 'portal', password, browser },
        judge: () => judgeProof(authenticator, proof, 'portal'),
        answer: (answer) => {
          try {
            resolve(this.#answer(attempt, answer));
          } catch (error) {
            reject(error);
          }
        },
      });
    });
  }

  #answer(
    { address: peer, name }: Extract<PortalQuestion, { kind: 'sign-in' }>,
    answer: LoginAnswer<ReturnType<typeof judgeProof>>,
  ): PortalAnswer {
    const { log, refused } = this.#options;
    switch (answer.kind) {
      case 'judged': {
        const { verdict, reason, user, remark } = answer.result;
        const { delayMs } = answer;
        if (verdict.kind !== 'accept' || user === undefined) {
          log.warn('portal.refused', { user: name, peer, reason, delayMs });
          const errorCode = verdict.kind === 'reject' ? verdict.errorCode : 0;
          const told = { address: peer, name, user: user?.name, reason, errorCode, remark, delayMs };
          refused?.(portalAttempt(told));
          return { kind: 'refused', isDisabled: reason === 'disabled' };
        }
        log.info('portal.signed-in', { user: user.name, peer });
        return this.#welcome(user.name, true);
      }
      case 'held-back':
        log.warn('portal.held-back', { user: name, peer, ...holdFields(answer.hold, answer.delayMs) });
        return { kind: 'later', seconds: COME_AGAIN_S };
      case 'fault':
        log.error('portal.fault', { error: answer.error });
        return { kind: 'fault' };
      default:
        return answer satisfies never;
    }
  }

  #look({ name, version }: PortalUser): PortalAnswer {
    const { store } = this.#options;
    const user = store.find(name);
    if (user?.enabled !== true || store.passwordVersion(name) !== version)
      return { kind: 'refused', isDisabled: false };
    return this.#welcome(user.name, false);
  }

  #welcome(name: string, isNew: boolean): PortalAnswer {
    const { store, facts } = this.#options;
    const version = store.passwordVersion(name);
    if (version === undefined) return { kind: 'refused', isDisabled: false }; // removed meanwhile
    const [of] = isNew ? store.browsersOf(name) : [];
    const browser = of === undefined ? undefined : store.browsers.issue(of, Date.now());
    return { kind: 'welcome', user: { name, version }, facts: facts(name), browser };
  }
}

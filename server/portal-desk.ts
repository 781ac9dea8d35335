import type { PortalAnswer, PortalQuestion, PortalUser } from '../admin/index.ts';
import { type Authenticator, addressKey, type LoginThrottle, type UserStore } from '../auth/index.ts';
import type { Clock, Log } from '../core/index.ts';
import type { ProfileFacts } from '../profile/index.ts';
import type { SessionObserver } from './session-observer.ts';

export interface PortalDeskOptions {
  readonly authenticator: Authenticator;
  /** The one of VPN logins: what fails here slows those, and the other way round. */
  readonly throttle: LoginThrottle;
  readonly store: Pick<UserStore, 'find' | 'passwordVersion'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly facts: (user: string) => ProfileFacts | undefined;
  readonly observers?: readonly SessionObserver[];
}

/** Attempts that wait for their turn at the same time; in all, and of one address. */
const MOST_WAITING = 64;
const MOST_WAITING_PER_ADDRESS = 4;
/** The throttle lets nobody wait for longer. */
const LONGEST_WAIT_S = 30;

/** Answers the portal's questions, for the portals of all workers. */
export class PortalDesk {
  readonly #options: PortalDeskOptions;
  readonly #waiting = new Map<string, number>();
  #waitingInAll = 0;

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

  /** As with the VPN: an attempt waits before it is judged, right or wrong. */
  async #signIn(attempt: Extract<PortalQuestion, { kind: 'sign-in' }>): Promise<PortalAnswer> {
    const { throttle, clock } = this.#options;
    const key = addressKey(attempt.address);
    const ofAddress = this.#waiting.get(key) ?? 0;
    if (this.#waitingInAll >= MOST_WAITING || ofAddress >= MOST_WAITING_PER_ADDRESS) {
      return { kind: 'later', seconds: LONGEST_WAIT_S };
    }
    const delayMs = throttle.delayMs(attempt.address, attempt.name, clock.now());
    if (delayMs > 0) {
      this.#waiting.set(key, ofAddress + 1);
      this.#waitingInAll += 1;
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
      this.#waitingInAll -= 1;
      const left = (this.#waiting.get(key) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(key);
      else this.#waiting.set(key, left);
    }
    return this.#judge(attempt, delayMs);
  }

  #judge({ address, name, password }: Extract<PortalQuestion, { kind: 'sign-in' }>, delayMs: number): PortalAnswer {
    const { authenticator, throttle, clock, log, observers = [] } = this.#options;
    const { verdict, reason, user } = authenticator.verify({ method: 'pap', name, password });
    for (const observer of observers) observer.judged?.({ peerAddress: address, name, method: 'portal', reason });
    if (verdict.kind !== 'accept' || user === undefined) {
      throttle.noteFailure(address, name, clock.now());
      log.warn('portal.refused', { user: name, peer: address, reason, delayMs });
      return { kind: 'refused', isDisabled: reason === 'disabled' };
    }
    throttle.noteSuccess(address, name, clock.now());
    log.info('portal.signed-in', { user: user.name, peer: address });
    return this.#welcome(user.name);
  }

  #look({ name, version }: PortalUser): PortalAnswer {
    const { store } = this.#options;
    const user = store.find(name);
    if (user?.enabled !== true || store.passwordVersion(name) !== version)
      return { kind: 'refused', isDisabled: false };
    return this.#welcome(user.name);
  }

  #welcome(name: string): PortalAnswer {
    const { store, facts } = this.#options;
    const version = store.passwordVersion(name);
    if (version === undefined) return { kind: 'refused', isDisabled: false }; // removed meanwhile
    return { kind: 'welcome', user: { name, version }, facts: facts(name) };
  }
}

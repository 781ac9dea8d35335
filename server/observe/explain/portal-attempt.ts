import { randomBytes } from 'node:crypto';
import type { AttemptView } from '../../../admin/index.ts';
import { explainHold, type HeldBack } from '../../../auth/throttle/hold-text.ts';
import type { PortalRecord, RefusedSignIn } from '../../control/index.ts';
import { explainAuthentication } from './diagnose-ppp.ts';
import { newFacts } from './facts.ts';

/** The records of one sign-in to the user portal, each of which takes the place of the one before. */
export class PortalAttempt implements PortalRecord {
  readonly #id = randomBytes(4).toString('hex');
  readonly #startedAt = new Date();
  readonly #peer: string;

  /** @param address text form, without a port */
  constructor(address: string) {
    this.#peer = address;
  }

  /**
   * It has to wait for its turn.
   *
   * @param user whom it means; if it is nobody's name, that as it was typed
   */
  waits(user: string): AttemptView {
    return this.#view({ state: 'under-way', user });
  }

  /** Nobody looked at it. */
  heldBack(user: string, held: HeldBack): AttemptView {
    return this.#failed(user, 'portal-held-back', explainHold(held, 'portal'));
  }

  /** It was refused: with the VPN's password, so this says why that fails too. */
  refused({ name, user, reason, errorCode, remark }: RefusedSignIn): AttemptView {
    const facts = { ...newFacts([]), user, auth: { reason, errorCode, remark } };
    return this.#failed(user ?? name, 'portal-refused', explainAuthentication(facts));
  }

  /** It could not be judged. */
  fault(user: string): AttemptView {
    const text = 'The server could not judge the login: portal.fault in its log says why.';
    return this.#failed(user, 'portal-fault', { text, fix: undefined });
  }

  /** For one that had to wait: others leave no record. */
  signedIn(user: string): AttemptView {
    return this.#view({ state: 'ended', user, endedAt: new Date(), reason: 'portal-signed-in' });
  }

  #failed(user: string, reason: string, why: { readonly text: string; readonly fix: string | undefined }): AttemptView {
    const explanation = { text: `Sign-in to the user portal: ${why.text}`, code: undefined, fix: why.fix };
    return this.#view({ state: 'failed', user, endedAt: new Date(), reason, explanation });
  }

  #view(known: {
    readonly state: AttemptView['state'];
    readonly user: string;
    readonly endedAt?: Date;
    readonly reason?: string;
    readonly explanation?: AttemptView['explanation'];
  }): AttemptView {
    const { state, user, endedAt, reason, explanation } = known;
    const ms = (endedAt ?? new Date()).getTime() - this.#startedAt.getTime();
    return {
      ...{ id: this.#id, peer: this.#peer, state, user, reason, explanation },
      startedAt: this.#startedAt.toISOString(),
      endedAt: endedAt?.toISOString(),
      stage: 'authentication',
      stages: [{ stage: 'authentication', ms }],
      options: [],
      ...{ correlationId: undefined, tls: undefined, sni: undefined, offered: undefined },
      ...{ alert: undefined, http: undefined },
    };
  }
}

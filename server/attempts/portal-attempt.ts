import { randomBytes } from 'node:crypto';
import type { AttemptView } from '../../admin/index.ts';
import type { LoginReason } from '../../auth/index.ts';
import { explainHold, type HeldBack } from '../hold-text.ts';
import { explainAuthentication } from './diagnose-ppp.ts';
import { newFacts } from './facts.ts';

export interface RefusedSignIn {
  readonly address: string;
  /** As it was typed. */
  readonly name: string;
  /** As it is stored, if it is a user's. */
  readonly user: string | undefined;
  readonly reason: LoginReason;
  readonly errorCode: number;
  /** What the operator should know besides: see `LoginResult`. */
  readonly remark: string | undefined;
  /** How long it was held back. */
  readonly delayMs: number;
}

/** What becomes of every sign-in that does not succeed. */
interface Ended {
  readonly address: string;
  readonly user: string;
  readonly ms: number;
  readonly reason: string;
  readonly text: string;
  readonly fix: string | undefined;
}

/** The record of a sign-in to the user portal at which nobody looked. */
export function heldPortalAttempt(attempt: {
  readonly address: string;
  /** Of the user whom it means; if it is nobody's, as it was typed. */
  readonly user: string;
  readonly held: HeldBack;
}): AttemptView {
  const { address, user, held } = attempt;
  const { text, fix } = explainHold(held, 'portal');
  return ended({ address, user, ms: held.ms, reason: 'portal-held-back', text, fix });
}

/** The record of a sign-in to the user portal that was refused: with the VPN's password, so it says why that fails too. */
export function portalAttempt(refused: RefusedSignIn): AttemptView {
  const { address, name, user, reason, errorCode, remark, delayMs } = refused;
  const facts = { ...newFacts([]), user, auth: { reason, errorCode, remark } };
  const { text, fix } = explainAuthentication(facts);
  return ended({ address, user: user ?? name, ms: delayMs, reason: 'portal-refused', text, fix });
}

function ended({ address, user, ms, reason, text, fix }: Ended): AttemptView {
  const endedAt = new Date();
  return {
    id: randomBytes(4).toString('hex'),
    peer: address,
    startedAt: new Date(endedAt.getTime() - ms).toISOString(),
    endedAt: endedAt.toISOString(),
    state: 'failed',
    user,
    stage: 'authentication',
    stages: [{ stage: 'authentication', ms }],
    options: [],
    reason,
    explanation: { text: `Sign-in to the user portal: ${text}`, code: undefined, fix },
    ...{
      correlationId: undefined,
      tls: undefined,
      sni: undefined,
      offered: undefined,
      alert: undefined,
      http: undefined,
    },
  };
}

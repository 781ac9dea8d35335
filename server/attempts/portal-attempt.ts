import { randomBytes } from 'node:crypto';
import type { AttemptView } from '../../admin/index.ts';
import type { LoginReason } from '../../auth/index.ts';
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

/** The record of a sign-in to the user portal that was refused: with the VPN's password, so it says why that fails too. */
export function portalAttempt(refused: RefusedSignIn): AttemptView {
  const { address, name, user, reason, errorCode, remark, delayMs } = refused;
  const endedAt = new Date();
  const facts = { ...newFacts([]), user, auth: { reason, errorCode, remark } };
  const { text, fix } = explainAuthentication(facts);
  return {
    id: randomBytes(4).toString('hex'),
    peer: address,
    startedAt: new Date(endedAt.getTime() - delayMs).toISOString(),
    endedAt: endedAt.toISOString(),
    state: 'failed',
    user: user ?? name,
    stage: 'authentication',
    stages: [{ stage: 'authentication', ms: delayMs }],
    options: [],
    reason: 'portal-refused',
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

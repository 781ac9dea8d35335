import type { Authenticator, LoginResult } from '../auth/index.ts';
import type { CredentialProof } from '../ppp/index.ts';
import type { Judged } from './login-desk.ts';

/** Has a proof looked at, and says what that means for the throttle. @param place see `Authenticator.verify` */
export function judgeProof(
  authenticator: Authenticator,
  proof: CredentialProof,
  place: 'vpn' | 'portal' = 'vpn',
): LoginResult & Judged {
  const result = authenticator.verify(proof, place);
  const { verdict, reason, isPrevious } = result;
  if (verdict.kind === 'accept') return { ...result, outcome: 'accepted' };
  // Who has the password, or had it, does not guess.
  const hasPassword = isPrevious || reason === 'disabled' || reason === 'domain-hashed';
  return { ...result, outcome: hasPassword ? 'stale' : 'refused' };
}

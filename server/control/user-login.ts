import type { Authenticator, Hold, LoginResult, ReadProof } from '../../auth/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';
import type { Judged, LoginAnswer, LoginDesk, PendingLogin } from './login-desk.ts';

/** What a proof turned out to be, and what that means for the throttle. */
export type UserJudgement = LoginResult & Judged;

/** A login with the password of a user, to the VPN or to the portal. */
export interface UserLogin {
  readonly proof: CredentialProof;
  /** See `Authenticator.read` and `verify`. */
  readonly place: 'vpn' | 'portal';
  /** Text form, as a socket gives it. */
  readonly address: string;
  /** Of a cookie that was found good. */
  readonly browser?: string | undefined;
  /** Told if it has to wait, and why. @param name as operators are to know it: of the user whom it means, or as sent */
  readonly held: (hold: Hold, name: string) => void;
  /** Told once, perhaps while `enterUser` runs; not after `leave`. @param name as with `held` */
  readonly answer: (answer: LoginAnswer<UserJudgement>, name: string) => void;
}

/**
 * Enters a login at the desk, under the name of the user whom it means: one user is counted and told as one, however the
 * name is spelt. Its name is read here, once for all that follows.
 */
export function enterUser(
  { authenticator, logins }: { readonly authenticator: Authenticator; readonly logins: LoginDesk },
  { proof, place, address, browser, held, answer }: UserLogin,
): PendingLogin {
  const read = authenticator.read(proof, place);
  const name = nameOf(authenticator, read) ?? proof.name;
  return logins.enter({
    ...{ realm: 'vpn', address, name, browser },
    readings: read.readings,
    method: place === 'portal' ? 'portal' : proof.method,
    // Of what is judged, and not of the text beside it, about which a worker may lie.
    password: proof.method === 'pap' ? (proof.passwordBytes ?? proof.password) : undefined,
    judge: (only) => judge(authenticator.verify(read, place, only)),
    held: (hold) => held(hold, name),
    answer: (given) => answer(given, name),
  });
}

function nameOf(authenticator: Authenticator, read: ReadProof): string | undefined {
  try {
    return authenticator.nameOf(read);
  } catch {
    return undefined; // A store that can't be read is a fault of the judgement, which comes.
  }
}

function judge(result: LoginResult): UserJudgement {
  const { verdict, reason, isPrevious } = result;
  if (verdict.kind === 'accept') return { ...result, outcome: 'accepted' };
  // Who has the password, or had it, does not guess.
  const hasPassword = isPrevious || reason === 'disabled' || reason === 'domain-hashed';
  return { ...result, outcome: hasPassword ? 'stale' : 'refused' };
}

import {
  type Hold,
  type LoginQuestion,
  type LoginResult,
  type LoginStep,
  MOST_QUESTION_BYTES,
  MOST_STATE_BYTES,
  type Verifier,
} from '../../auth/index.ts';
import type { CredentialProof, FinalVerdict } from '../../ppp/index.ts';
import type { Continued, Judged, LoginAnswer, LoginDesk, PendingLogin } from './login-desk.ts';
import type { Policy } from './policy.ts';

/** Who judges the logins of users. */
export type UserVerifier = Verifier<Policy>;

/** What a proof turned out to be, and what that means for the throttle. */
export type UserJudgement = LoginResult<Policy> & Judged;

/** Questions to the client in one login: what EAP takes with the longest chains of certificates, and then some. */
const MOST_ROUNDS = 64;
/** RFC 2759 §6. */
const ERROR_AUTHENTICATION_FAILURE = 691;

/** A login with the password of a user, to the VPN or to the portal. */
export interface UserLogin {
  readonly proof: CredentialProof;
  /** See `Verifier`. */
  readonly place: 'vpn' | 'portal';
  /** Text form, as a socket gives it. */
  readonly address: string;
  /** Of a cookie that was found good. */
  readonly browser?: string | undefined;
  /** Told if it has to wait, and why. @param name as operators are to know it: of the user whom it means, or as sent */
  readonly held: (hold: Hold, name: string) => void;
  /** As `LoginRequest.answer`. @param name as with `held` */
  readonly answer: (answer: LoginAnswer<UserJudgement>, name: string) => void;
}

/**
 * Enters a login at the desk, under the name of the user whom it means: one user is counted and told as one, however the
 * name is spelt. Its name is read here, once for all that follows. Who leaves before that is known stands in line all the
 * same, or guesses would leave no trace.
 */
export function enterUser(
  { verifier, logins }: { readonly verifier: UserVerifier; readonly logins: LoginDesk },
  { proof, place, address, browser, held, answer }: UserLogin,
): PendingLogin {
  const read = verifier.read(proof, place);
  let entered: PendingLogin | undefined;
  let isGone = false;
  const enter = (name: string, knownThere: readonly string[]): void => {
    entered = logins.enter({
      ...{ realm: 'vpn', address, name, browser },
      readings: read.readings,
      knownThere,
      method: place === 'portal' ? 'portal' : proof.method,
      // Of what is judged, and not of the text beside it, about which a worker may lie.
      password: proof.method === 'pap' ? (proof.passwordBytes ?? proof.password) : undefined,
      judge: async (only, gone) => stepOf(await verifier.verify(read, place, only, gone), 1),
      held: (hold) => held(hold, name),
      answer: (given) => answer(given, name),
    });
    if (isGone) entered.leave();
  };
  const stepOf = (step: LoginStep<Policy>, round: number): UserJudgement | Continued<UserJudgement> => {
    if (!('state' in step)) return judgementOf(step);
    const canAsk = place === 'vpn' && proof.method === 'eap';
    if (!canAsk) return unfinished(proof.name, CANNOT_ASK);
    if (round > MOST_ROUNDS) return unfinished(proof.name, `It asked for more than ${MOST_ROUNDS} answers.`);
    const { payload, state } = checked(step);
    return {
      ...{ outcome: 'continue', payload },
      respond: async (said, gone) => {
        if (verifier.respond === undefined) throw new Error('a question was asked whose answer nobody takes');
        return stepOf(await verifier.respond(read, { state, payload: said }, gone), round + 1);
      },
    };
  };
  // A store that can't be read is a fault of the judgement, which comes.
  const named = (async () => verifier.nameOf(read))().catch(() => undefined);
  void Promise.all([named, logins.knownAt(read.readings, address)]).then(([name, knownThere]) => {
    enter(name ?? proof.name, knownThere);
  });
  return {
    // Who has not been entered yet is told by `held` or `answer`, whichever comes.
    leave: () => {
      isGone = true;
      return entered === undefined || entered.leave();
    },
    respond: (payload) => entered?.respond(payload) === true,
  };
}

const CANNOT_ASK =
  'Whoever judges it asks for a second step, such as a code, which this way to log in cannot show: have it done by push, or put behind the password.';

/** It counts as a guess: that it does not would tell that the password is right. */
export function unfinished(name: string, remark: string): UserJudgement {
  const verdict: FinalVerdict = {
    kind: 'reject',
    errorCode: ERROR_AUTHENTICATION_FAILURE,
    retryAllowed: false,
    message: 'The login was not finished',
  };
  return { verdict, reason: 'unfinished', outcome: 'refused', user: undefined, name, remark, isPrevious: false };
}

function checked(question: LoginQuestion): LoginQuestion {
  const { payload, state } = question;
  if (payload.length > MOST_QUESTION_BYTES) throw new RangeError(`a question of ${payload.length} bytes`);
  if (state.length > MOST_STATE_BYTES) throw new RangeError(`a state of ${state.length} bytes`);
  return question;
}

function judgementOf(result: LoginResult<Policy>): UserJudgement {
  const { verdict, reason, isPrevious } = result;
  if (verdict.kind === 'accept') return { ...result, outcome: 'accepted' };
  // Who has the password, or had it, does not guess.
  const hasPassword = isPrevious || reason === 'disabled' || reason === 'domain-hashed';
  return { ...result, outcome: hasPassword ? 'stale' : 'refused' };
}

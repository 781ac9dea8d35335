/** The port behind which logins are judged: by the passwords of the store (`authenticator.ts`), or by another server. */
import type { CredentialProof, FinalVerdict } from '../ppp/index.ts';
import type { Account, User } from './credentials.ts';
import type { LoginReason } from './login-reason.ts';
import type { WireName } from './wire-name.ts';

/** A proof, and what its name may mean: read once for all who look at it. */
export interface ReadProof {
  readonly proof: CredentialProof;
  readonly wire: WireName;
  /** All texts that the name may be, the likeliest first. They follow from its bytes alone. */
  readonly readings: readonly string[];
}

export interface LoginResult<Policy = never> {
  readonly verdict: FinalVerdict;
  readonly reason: LoginReason;
  /** Whose name it was, also if the login failed. */
  readonly user: Account | undefined;
  /** All there is of that user, if the login was accepted. */
  readonly admitted?: User | undefined;
  /** Of the password by which it was accepted, which may be another one by now. Undefined: it was no password of the store. */
  readonly version?: string | undefined;
  /** What whoever judges has to say of the session, if the login was accepted. */
  readonly policy?: Policy | undefined;
  /** The name as it is best read, not checked for anything. */
  readonly name: string;
  /** What an operator should know of a login that failed, in whole sentences fit for a terminal. */
  readonly remark: string | undefined;
  /**
   * It is the wrong password, but it was the right one within the last 30 days: a client that was not told of the
   * change rather than somebody who guesses.
   */
  readonly isPrevious: boolean;
}

/** No result yet: the client has to say more. */
export interface LoginQuestion {
  /** For the client, at most `MOST_QUESTION_BYTES`. */
  readonly payload: Uint8Array;
  /**
   * What `respond` wants back with the answer, at most `MOST_STATE_BYTES`. Nobody but whoever judges reads it, no client and
   * no worker gets it, and it is good for this login alone.
   */
  readonly state: Uint8Array;
}

export type LoginStep<Policy = never> = LoginResult<Policy> | LoginQuestion;

export const MOST_STATE_BYTES = 1_024;
/** What an SSTP packet holds (MS-SSTP 2.2.1). */
export const MOST_QUESTION_BYTES = 4_095;

/**
 * Promises are rejected where nobody can judge, which is a fault of ours and no guess. After `gone` nobody waits any more,
 * but the outcome counts as long as there is one; without it, rejected with an `AbortError`, the login was a guess.
 */
export interface Verifier<Policy = never> {
  /** Reads the name in a proof. What is typed into a form means what it says: see `Authenticator.read`. */
  read(proof: CredentialProof, place?: 'vpn' | 'portal'): ReadProof;
  /** The name of the user whom a name means; undefined if it is nobody's. For what operators are shown before the verdict. */
  nameOf(read: ReadProof): Promise<string | undefined>;
  /**
   * @param place a login to the VPN is written down as the user's last one
   * @param only folded names of users whom alone the name means; whomever it may mean, if there are none
   */
  verify(
    read: ReadProof,
    place: 'vpn' | 'portal',
    only: readonly string[],
    gone: AbortSignal,
  ): Promise<LoginStep<Policy>>;
  /** The client's answer to a question. Absent where none is asked. */
  respond?(
    read: ReadProof,
    answer: { readonly state: Uint8Array; readonly payload: Uint8Array },
    gone: AbortSignal,
  ): Promise<LoginStep<Policy>>;
}

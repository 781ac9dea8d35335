/** Decides whether a proof that a client sent over PPP shows a user's password. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Log } from '../core/index.ts';
import type { AuthVerdict, CredentialProof } from '../ppp/index.ts';
import { hlakFromMsChapV2 } from './mppe-keys.ts';
import {
  type ChallengeInput,
  generateAuthenticatorResponse,
  generateNtResponse,
  hashNtPasswordHash,
  ntPasswordHash,
} from './mschapv2.ts';
import type { Secret } from './secret-seal.ts';
import type { Credentials, User } from './user-store.ts';
import { UserStoreError } from './user-store-error.ts';

/** For the log. A client learns only what is in the verdict. */
export type LoginReason = 'ok' | 'unknown-user' | 'wrong-password' | 'disabled' | 'method-needs-password';

export interface LoginResult {
  readonly verdict: AuthVerdict;
  readonly reason: LoginReason;
  /** Whose name it was, also if the login failed. */
  readonly user: User | undefined;
  /**
   * It is the wrong password, but it was the right one within the last 30 days: a client that was not told of the
   * change rather than somebody who guesses.
   */
  readonly isPrevious: boolean;
}

/** Where secrets come from; `UserStore` is one. For an unknown name it hands out secrets that nobody has. */
export interface CredentialSource {
  lookup(nameFromWire: string): Credentials;
  recordLogin(name: string): void;
}

/** The steps whose cost a client could measure. Tests count them. */
export interface ProofArithmetic {
  ntPasswordHash(password: string): Uint8Array;
  generateNtResponse(input: ChallengeInput, ntHash: Uint8Array): Uint8Array;
  /** RFC 1994 §4.1: MD5 over identifier, secret and challenge. */
  chapMd5(identifier: number, password: string, challenge: Uint8Array): Uint8Array;
  /** In constant time for equal lengths. */
  areEqual(a: Uint8Array, b: Uint8Array): boolean;
}

const ARITHMETIC: ProofArithmetic = {
  ntPasswordHash,
  generateNtResponse,
  chapMd5: (identifier, password, challenge) =>
    createHash('md5').update(Buffer.of(identifier)).update(password, 'utf8').update(challenge).digest(),
  areEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};

type NameOnWire = ChallengeInput['name'];

/** RFC 2759 §6. */
const ERROR_ACCT_DISABLED = 647;
const ERROR_AUTHENTICATION_FAILURE = 691;

export interface AuthenticatorOptions {
  readonly store: CredentialSource;
  readonly log?: Log;
  readonly arithmetic?: ProofArithmetic;
}

/**
 * An unknown user, a wrong password and, for CHAP-MD5, a user of whom only the hash is kept get the same verdict after
 * the same steps. That an account is disabled learns only who has its password.
 */
export class Authenticator {
  readonly #store: CredentialSource;
  readonly #log: Log | undefined;
  readonly #arithmetic: ProofArithmetic;

  constructor(options: AuthenticatorOptions) {
    this.#store = options.store;
    this.#log = options.log;
    this.#arithmetic = options.arithmetic ?? ARITHMETIC;
  }

  /**
   * @param proof as `ppp/` decoded it; challenges and responses of a wrong length are a wrong password
   * @param place a login to the VPN is written down as the user's last one
   * @throws {UserStoreError} ERR_USER_STORE if the store cannot be read: then nobody can log in and an operator must act
   */
  verify(proof: CredentialProof, place: 'vpn' | 'portal' = 'vpn'): LoginResult {
    const { user, secret, previous } = this.#store.lookup(proof.name);
    const nameOnWire = this.#prove(proof, secret);
    const fitsPrevious = this.#prove(proof, previous) !== undefined;
    const isOver = { user, isPrevious: false };
    if (user === undefined) return { verdict: denied(proof), reason: 'unknown-user', ...isOver };
    if (proof.method === 'chap' && secret.password === undefined) {
      return { verdict: denied(proof), reason: 'method-needs-password', ...isOver };
    }
    if (nameOnWire === undefined) {
      return { verdict: denied(proof), reason: 'wrong-password', user, isPrevious: fitsPrevious };
    }
    if (!user.enabled) return { verdict: disabled(), reason: 'disabled', ...isOver };
    if (place === 'vpn') this.#recordLogin(user.name);
    return { verdict: accepted(proof, secret, nameOnWire), reason: 'ok', ...isOver };
  }

  /**
   * All steps are taken also after one that fits: how long it took tells of the length of the name only.
   *
   * @returns undefined if the proof does not fit the secret, else the name as it entered the proof
   */
  #prove(proof: CredentialProof, secret: Secret): NameOnWire | undefined {
    const { areEqual, chapMd5, generateNtResponse, ntPasswordHash } = this.#arithmetic;
    switch (proof.method) {
      case 'pap':
        return areEqual(ntPasswordHash(proof.password), secret.ntHash) ? proof.name : undefined;
      case 'chap': {
        // Without a password there is nothing to prove, and the empty one that stands in for it opens nothing.
        const expected = chapMd5(proof.identifier, secret.password ?? '', proof.challenge);
        return areEqual(expected, proof.response) && secret.password !== undefined ? proof.name : undefined;
      }
      case 'mschapv2':
        if (proof.authenticatorChallenge.length !== 16 || proof.peerChallenge.length !== 16) return undefined;
        return possibleNames(proof.name).filter((name) =>
          areEqual(generateNtResponse({ ...proof, name }, secret.ntHash), proof.ntResponse),
        )[0];
      default:
        return proof satisfies never;
    }
  }

  /** A login does not fail because its time cannot be written. */
  #recordLogin(name: string): void {
    try {
      this.#store.recordLogin(name);
    } catch (error) {
      if (!(error instanceof UserStoreError)) throw error;
      this.#log?.error('users.login-not-recorded', { user: name, error: error.message });
    }
  }
}

/**
 * `ppp/` reads a name as UTF-8 or, where it is not that, as Latin-1, and the text does not tell which it was. The
 * challenge hash is over the bytes, so a name that can have been Latin-1 is tried as that too.
 */
function possibleNames(name: string): readonly NameOnWire[] {
  return /^[\0-\xff]*[\x80-\xff][\0-\xff]*$/.test(name) ? [name, Buffer.from(name, 'latin1')] : [name];
}

function accepted(proof: CredentialProof, secret: Secret, name: NameOnWire): AuthVerdict {
  switch (proof.method) {
    case 'pap':
    case 'chap':
      return { kind: 'accept', authenticatorResponse: undefined, innerAuth: { kind: 'no-keys' } };
    case 'mschapv2': {
      const ntHashHash = hashNtPasswordHash(secret.ntHash);
      return {
        kind: 'accept',
        authenticatorResponse: generateAuthenticatorResponse({ ...proof, name }, ntHashHash, proof.ntResponse),
        innerAuth: { kind: 'keys', hlak: hlakFromMsChapV2(ntHashHash, proof.ntResponse) },
      };
    }
    default:
      return proof satisfies never;
  }
}

/** The one answer to everything that is not the right proof of an existing user. Only MS-CHAPv2 can be tried again in place. */
function denied(proof: CredentialProof): AuthVerdict {
  return {
    kind: 'reject',
    errorCode: ERROR_AUTHENTICATION_FAILURE,
    retryAllowed: proof.method === 'mschapv2',
    message: 'Wrong user name or password',
  };
}

function disabled(): AuthVerdict {
  return { kind: 'reject', errorCode: ERROR_ACCT_DISABLED, retryAllowed: false, message: 'Account disabled' };
}

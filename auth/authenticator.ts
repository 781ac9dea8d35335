/** Decides whether a proof that a client sent over PPP shows a user's password. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Log } from '../core/index.ts';
import type { CredentialProof, FinalVerdict } from '../ppp/index.ts';
import { CODE_PAGES, type CodePage, Encoder, readingsOf } from './code-pages.ts';
import type { CredentialSource, Credentials, Secret } from './credentials.ts';
import type { LoginReason } from './login-reason.ts';
import { remarkOn } from './login-remark.ts';
import { hlakFromMsChapV2 } from './mppe-keys.ts';
import {
  type ChallengeInput,
  generateAuthenticatorResponse,
  generateNtResponse,
  hashNtPasswordHash,
  ntPasswordHash,
} from './mschapv2.ts';
import { leastTried } from './user-name.ts';
import { UserStoreError } from './user-store-error.ts';
import type { LoginResult, ReadProof, Verifier } from './verifier.ts';
import { type WireName, wireNameOf } from './wire-name.ts';

/** The steps whose cost a client could measure. Tests count them. */
export interface ProofArithmetic {
  ntPasswordHash(password: string): Uint8Array;
  generateNtResponse(input: ChallengeInput, ntHash: Uint8Array): Uint8Array;
  /** RFC 1994 §4.1: MD5 over identifier, secret and challenge. */
  chapMd5(identifier: number, secret: Uint8Array, challenge: Uint8Array): Uint8Array;
  /** In constant time for equal lengths. */
  areEqual(a: Uint8Array, b: Uint8Array): boolean;
}

const ARITHMETIC: ProofArithmetic = {
  ntPasswordHash,
  generateNtResponse,
  chapMd5: (identifier, secret, challenge) =>
    createHash('md5').update(Buffer.of(identifier)).update(secret).update(challenge).digest(),
  areEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};

/** RFC 2759 §6. */
const ERROR_ACCT_DISABLED = 647;
const ERROR_AUTHENTICATION_FAILURE = 691;

export interface AuthenticatorOptions {
  readonly store: CredentialSource;
  /** In which names and passwords that are not UTF-8 are read, besides Latin-1. */
  readonly codePages?: readonly CodePage[];
  readonly log?: Log;
  readonly arithmetic?: ProofArithmetic;
}

/** One user whom the name may mean, and which ways of writing fit the proof. */
interface Trial extends Credentials {
  /** For each of `WireName.hashed`; of methods that hash no name they are all alike. */
  readonly fits: readonly boolean[];
  readonly fitsPrevious: readonly boolean[];
  /** Which of `fits` counts: that of the name without the domain. */
  readonly bare: number;
}

/**
 * An unknown user, a wrong password and, for CHAP-MD5, a user of whom only the hash is kept get the same verdict after
 * the same steps: how many there are follows from what the client sent. That an account is disabled learns only who has
 * its password.
 */
export class Authenticator implements Verifier {
  readonly #store: CredentialSource;
  readonly #codePages: readonly CodePage[];
  readonly #encoder: Encoder;
  readonly #log: Log | undefined;
  readonly #arithmetic: ProofArithmetic;

  constructor(options: AuthenticatorOptions) {
    this.#store = options.store;
    this.#codePages = options.codePages ?? CODE_PAGES;
    this.#encoder = new Encoder(this.#codePages);
    this.#log = options.log;
    this.#arithmetic = options.arithmetic ?? ARITHMETIC;
  }

  /**
   * Reads the name in a proof, as `ppp/` decoded it, in all code pages. That of a form in the portal is text, and means what
   * it says: read in another way it would be another user's, for whom a cookie that comes with it was not made.
   */
  read(proof: CredentialProof, place: 'vpn' | 'portal' = 'vpn'): ReadProof {
    if (place === 'portal') {
      const { name } = proof;
      const readings = [{ encoding: 'utf-8', text: name, bare: 0 }] as const;
      return { proof, wire: { readings, hashed: [Buffer.from(name, 'utf8')] }, readings: [name] };
    }
    const wire = wireNameOf(proof.nameBytes ?? Buffer.from(proof.name, 'utf8'), this.#codePages);
    return { proof, wire, readings: wire.readings.map(({ text }) => text) };
  }

  /**
   * The name of the user whom a name means, however it is spelt and in whichever code page; undefined if it is nobody's.
   * For what operators are shown before the proof is judged.
   *
   * @throws {UserStoreError} ERR_USER_STORE
   */
  async nameOf({ readings }: ReadProof): Promise<string | undefined> {
    return this.#store.nameOf(readings);
  }

  /**
   * Challenges and responses of a wrong length are a wrong password.
   *
   * @param place a login to the VPN is written down as the user's last one
   * @param only folded names of users whom alone the name means; whomever it may mean, if there are none
   * @throws {UserStoreError} ERR_USER_STORE if the store cannot be read: then nobody can log in and an operator must act
   */
  async verify(
    { proof, wire, readings }: ReadProof,
    place: 'vpn' | 'portal' = 'vpn',
    only: readonly string[] = [],
  ): Promise<LoginResult> {
    const prove = this.#prover(proof, wire);
    const looked = await this.#store.lookupAny(readings, leastTried(readings), only);
    const trials = looked.map((credentials): Trial => {
      const fits = prove(credentials.secret);
      const fitsPrevious = prove(credentials.previous);
      return { ...credentials, fits, fitsPrevious, bare: wire.readings[credentials.reading ?? 0]?.bare ?? 0 };
    });
    const known = trials.filter(({ user }) => user !== undefined);
    return this.#judge({ proof, place, wire, trial: whoseProof(known) });
  }

  async #judge(login: {
    readonly proof: CredentialProof;
    readonly place: 'vpn' | 'portal';
    readonly wire: WireName;
    readonly trial: Trial | undefined;
  }): Promise<LoginResult> {
    const { proof, place, wire, trial } = login;
    const user = trial?.user;
    const result = (reason: LoginReason, verdict: FinalVerdict, isPrevious = false): LoginResult => {
      const remark = remarkOn({
        wire,
        proof,
        user,
        reading: trial?.reading,
        over: trial?.fits.indexOf(true),
        reason,
        isPrevious,
      });
      return { verdict, reason, user, isPrevious, name: user?.name ?? proof.name, remark };
    };
    if (trial === undefined || user === undefined) return result('unknown-user', denied(proof));
    if (proof.method === 'chap' && trial.secret.password === undefined) {
      return result('method-needs-password', denied(proof));
    }
    const { fits, fitsPrevious, bare, secret } = trial;
    if (!fits[bare]) {
      // RFC 2759 §4 and §8.2 leave the domain out: what else fits is told to the operator, and not let in.
      if (fits.some(Boolean)) return result('domain-hashed', denied(proof));
      return result('wrong-password', denied(proof), fitsPrevious[bare] === true);
    }
    if (!user.enabled) return result('disabled', disabled());
    const admitted = await this.#store.find(user.name);
    if (admitted === undefined) return result('unknown-user', denied(proof)); // removed meanwhile
    if (!admitted.enabled) return result('disabled', disabled());
    if (place === 'vpn') await this.#recordLogin(user.name);
    const verdict = accepted(user.name, proof, secret, wire.hashed[bare] ?? Buffer.alloc(0));
    return { ...result('ok', verdict), admitted, version: trial.version };
  }

  /**
   * All steps are taken also after one that fits, and what can be computed without the secret is computed once.
   *
   * @returns what tells of a secret, for each of `wire.hashed`, whether the proof fits it
   */
  #prover(proof: CredentialProof, { hashed }: WireName): (secret: Secret) => readonly boolean[] {
    const { areEqual, chapMd5, generateNtResponse, ntPasswordHash } = this.#arithmetic;
    const forAll = (results: readonly boolean[]): readonly boolean[] => hashed.map(() => results.includes(true));
    switch (proof.method) {
      case 'pap': {
        const bytes = proof.passwordBytes ?? Buffer.from(proof.password, 'utf8');
        const hashes = readingsOf(bytes, this.#codePages).map(({ text }) => ntPasswordHash(text));
        return (secret) => forAll(hashes.map((hash) => areEqual(hash, secret.ntHash)));
      }
      case 'chap':
        return ({ password }) => {
          // Without a password there is nothing to prove, and the empty one that stands in for it opens nothing.
          const results = this.#encoder
            .encodings(password ?? '')
            .map((text) => areEqual(chapMd5(proof.identifier, text, proof.challenge), proof.response));
          return forAll(password === undefined ? [] : results);
        };
      case 'mschapv2':
        if (proof.authenticatorChallenge.length !== 16 || proof.peerChallenge.length !== 16) return () => [];
        return ({ ntHash }) =>
          hashed.map((bare) => areEqual(generateNtResponse({ ...proof, name: { bare } }, ntHash), proof.ntResponse));
      case 'eap':
        throw new TypeError('EAP is not judged by the passwords of the store');
      default:
        return proof satisfies never;
    }
  }

  /** A login does not fail because its time cannot be written. */
  async #recordLogin(name: string): Promise<void> {
    try {
      await this.#store.recordLogin(name);
    } catch (error) {
      if (!(error instanceof UserStoreError)) throw error;
      this.#log?.error('users.login-not-recorded', { user: name, error: error.message });
    }
  }
}

/** What fits nobody plays no part before what fits somebody in some way: what follows would tell whether there is who comes first. */
function whoseProof(known: readonly Trial[]): Trial | undefined {
  return (
    known.find(({ fits, bare }) => fits[bare]) ??
    known.find(({ fits }) => fits.includes(true)) ??
    known.find(({ fitsPrevious, bare }) => fitsPrevious[bare]) ??
    known[0]
  );
}

function accepted(name: string, proof: CredentialProof, secret: Secret, bare: Uint8Array): FinalVerdict {
  switch (proof.method) {
    case 'pap':
    case 'chap':
      return { kind: 'accept', name, authenticatorResponse: undefined, innerAuth: { kind: 'no-keys' } };
    case 'mschapv2': {
      const ntHashHash = hashNtPasswordHash(secret.ntHash);
      return {
        kind: 'accept',
        name,
        authenticatorResponse: generateAuthenticatorResponse(
          { ...proof, name: { bare } },
          ntHashHash,
          proof.ntResponse,
        ),
        innerAuth: { kind: 'keys', hlaks: [hlakFromMsChapV2(ntHashHash, proof.ntResponse)] },
      };
    }
    case 'eap':
      throw new TypeError('EAP is not judged by the passwords of the store');
    default:
      return proof satisfies never;
  }
}

/** The one answer to everything that is not the right proof of an existing user. Only MS-CHAPv2 can be tried again in place. */
function denied(proof: CredentialProof): FinalVerdict {
  return {
    kind: 'reject',
    errorCode: ERROR_AUTHENTICATION_FAILURE,
    retryAllowed: proof.method === 'mschapv2',
    message: 'Wrong user name or password',
  };
}

function disabled(): FinalVerdict {
  return { kind: 'reject', errorCode: ERROR_ACCT_DISABLED, retryAllowed: false, message: 'Account disabled' };
}

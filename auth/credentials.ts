/** Users and what is known of their passwords, as any store hands it out. */
import type { Ipv4 } from '../core/index.ts';

export type SecretKind = 'password' | 'nt-hash';

export interface User {
  readonly name: string;
  readonly enabled: boolean;
  /** The fixed address, if the user has one. */
  readonly ipv4: Ipv4 | undefined;
  readonly createdAt: Date;
  readonly lastLoginAt: Date | undefined;
  /** 'nt-hash': only the hash is kept, so this user cannot log in with CHAP-MD5 until the password is set again. */
  readonly secretKind: SecretKind;
  /** Whether guessers try the password first; undefined if nobody can tell, where only its hash is kept. */
  readonly isWeak: boolean | undefined;
  /** In alphabetical order. */
  readonly groups: readonly string[];
}

/** What is read of a user before the proof is judged: all else that a user may have would show in how long that takes. */
export type Account = Pick<User, 'name' | 'enabled'>;

/** What a login is verified with. */
export interface Secret {
  /** 16 bytes, RFC 2759 §8.3. */
  readonly ntHash: Uint8Array;
  /** undefined if only the hash is kept: CHAP-MD5 cannot be verified then. */
  readonly password: string | undefined;
}

/** What a login is checked against. For a name that nobody has, `user` is undefined and the secrets are random ones. */
export interface Credentials {
  readonly user: Account | undefined;
  /** By which of the readings that were asked for. */
  readonly reading: number | undefined;
  readonly secret: Secret;
  /**
   * What the secret was before it was changed, for 30 days; a random one where it was not. It opens nothing: a client
   * that still has it is told from one that guesses.
   */
  readonly previous: Secret;
  /** Of the secret: another text for each password. What the login leads to is for that one alone. */
  readonly version: string;
}

/**
 * Where secrets come from, at once or from another machine. For an unknown name it hands out secrets that nobody has, after
 * the same steps. Promises are rejected with `UserStoreError` ERR_USER_STORE where the users can't be read or written.
 */
export interface CredentialSource {
  /**
   * Whom a name from the wire means that may be read in several ways, the first of which is the likeliest: in each the
   * whole name, then without `DOMAIN\`, then also without `@realm`.
   *
   * @param least so many come in any case, those that are missing with secrets that nobody has. All users come, if they
   *   are more: who would be left out for others tells, by his own password, whether there are those others.
   * @param only folded names of users; no others come. If it is empty, all do
   * @returns the likeliest first
   */
  lookupAny(readings: readonly string[], least: number, only?: readonly string[]): Promise<readonly Credentials[]>;
  /** The name of whom `lookupAny` finds first; undefined if there is nobody. */
  nameOf(readings: readonly string[]): Promise<string | undefined>;
  /** The user of exactly this name, without regard to case. */
  find(name: string): Promise<User | undefined>;
  /** Notes a successful login now. A user who was removed meanwhile is passed over. */
  recordLogin(name: string): Promise<void>;
}

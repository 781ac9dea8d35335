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
}

/** Where secrets come from; `UserStore` is one. For an unknown name it hands out secrets that nobody has. */
export interface CredentialSource {
  lookupAny(readings: readonly string[], least: number, only?: readonly string[]): readonly Credentials[];
  nameOf(readings: readonly string[]): string | undefined;
  find(name: string): User | undefined;
  recordLogin(name: string): void;
}

/**
 * What is asked of whatever keeps what lasts. Everything is answered later, by a promise: a file answers at once, a
 * database on another machine does not. A promise is rejected with `UserStoreError`: with the code that a method names, and
 * with ERR_USER_STORE if the store can't be read or written now.
 *
 * `test/store/port-suite.ts` is what an engine has to pass.
 */
import type { BrowserOf, CredentialSource, KnownBrowsers, NewPasswordOptions, User } from '../auth/index.ts';
import type { Ipv4, Scope } from '../core/index.ts';

export interface Store {
  readonly users: Users;
  readonly places: Places;
  readonly leases: LeaseBook;
  readonly admins: Admins;
  readonly tokens: Tokens;
  readonly settings: Settings;
  /** It must not be used afterwards; closing it again does nothing. */
  close(): Promise<void>;
}

export interface NewUserOptions extends NewPasswordOptions {
  readonly ipv4?: Ipv4 | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** What is absent stays as it is. */
export interface ChangeOfUser extends NewPasswordOptions {
  /** The one until now is kept for 30 days as the previous one. `weak` takes one too that guessers try first. */
  readonly password?: string | undefined;
  /** Null gives the fixed address back to the pool. */
  readonly ipv4?: Ipv4 | null | undefined;
  /** These and no others. */
  readonly groups?: readonly string[] | undefined;
  readonly enabled?: boolean | undefined;
}

/** Names are told apart as `foldUserName` writes them. A change that has been answered outlasts a loss of power. */
export interface Users extends CredentialSource {
  /**
   * @throws {UserStoreError} ERR_USER_NAME, ERR_USER_PASSWORD, ERR_USER_PASSWORD_WEAK, ERR_USER_ADDRESS, ERR_USER_GROUP,
   *   ERR_USER_EXISTS
   */
  add(name: string, password: string, options?: NewUserOptions): Promise<User>;
  /**
   * All of it, or nothing.
   *
   * @returns the user as it is then
   * @throws {UserStoreError} ERR_USER_UNKNOWN, ERR_USER_PASSWORD, ERR_USER_PASSWORD_WEAK, ERR_USER_ADDRESS, ERR_USER_GROUP
   */
  change(name: string, change: ChangeOfUser): Promise<User>;
  /** With all that is known of the user. @returns the user that was @throws {UserStoreError} ERR_USER_UNKNOWN */
  remove(name: string): Promise<User>;
  /** All of them by name. */
  list(): Promise<readonly User[]>;
  /** Whether there are any. */
  exist(): Promise<boolean>;
  /**
   * Another text after each change of the password, and for another user of the same name; it tells nothing of either.
   *
   * @returns undefined if there is no such user
   */
  passwordVersion(name: string): Promise<string | undefined>;
  /** Forgets previous passwords whose time is over. They are of no use any more, but they are still there. */
  forgetOldPasswords(): Promise<void>;
  /** Cookies of those who have signed in to the portal. */
  readonly browsers: KnownBrowsers;
  /**
   * For whom a cookie has to be made that comes with this name: for the user whom the login is about, and not for one of
   * another realm, who may be somebody else. Takes the same steps for a name that nobody has.
   */
  browserOfMeant(nameFromWire: string): Promise<BrowserOf>;
}

/** From where users have logged in. A place is an address as `originOf` counts it. */
export interface Places {
  /**
   * Of the users whom a name from the wire may mean, those who have logged in from there within 30 days, with the password
   * of now. Takes the same steps for a name that means nobody.
   *
   * @param readings of the name, the likeliest first
   * @returns folded names
   */
  usersKnownAt(readings: readonly string[], place: string): Promise<readonly string[]>;
  /**
   * The user has logged in from there.
   *
   * @param version of the password that the user had then, as `Users.passwordVersion`: with another one by now nothing is
   *   remembered, since what an old password says is trusted no more
   */
  rememberPlace(name: string, place: string, version?: string): Promise<void>;
  /** From where anybody has. */
  addresses(): Promise<KnownOrigins>;
}

/** In memory, for it is asked of each connection before there is any login; it stays as true as the store has it. */
export interface KnownOrigins {
  /** Whether anybody has logged in from there within 30 days. */
  isKnown(place: string): boolean;
}

/** The address that each user got last, by folded name. */
export interface LeaseBook {
  /** Whoever had it before loses the claim, so there are never more than addresses. */
  remember(name: string, ipv4: Ipv4): Promise<void>;
  /** The oldest first. */
  last(): Promise<ReadonlyMap<string, Ipv4>>;
}

/** An account that may do everything on the admin page. */
export interface AdminAccount {
  readonly id: string;
  readonly name: string;
  /** Grows with each new password: what was allowed with the old one is over. */
  readonly version: number;
  readonly createdAt: Date;
  readonly lastLoginAt: Date | undefined;
  /** Whether guessers try the password first; undefined until the next login of an account from before this was asked. */
  readonly isWeak: boolean | undefined;
}

export interface Admins {
  /** @throws {UserStoreError} ERR_USER_NAME, ERR_USER_PASSWORD, ERR_USER_PASSWORD_WEAK, ERR_ADMIN_EXISTS */
  add(name: string, password: string, options?: NewPasswordOptions): Promise<AdminAccount>;
  /**
   * Ends the account's logins, and the tokens that were made in them: whoever had the old password may have made them.
   *
   * @param options.keepTokens they go on
   * @returns how many tokens ended
   * @throws {UserStoreError} ERR_ADMIN_UNKNOWN, ERR_USER_PASSWORD, ERR_USER_PASSWORD_WEAK
   */
  setPassword(
    name: string,
    password: string,
    options?: NewPasswordOptions & { readonly keepTokens?: boolean | undefined },
  ): Promise<number>;
  /** With the tokens that were made in its logins. @returns how many @throws {UserStoreError} ERR_ADMIN_UNKNOWN */
  remove(name: string): Promise<number>;
  /** All of them by name. */
  list(): Promise<readonly AdminAccount[]>;
  /** Whether there are any. */
  exist(): Promise<boolean>;
  /** Whether the account is there, and its password the one of that version. */
  isCurrent(account: Pick<AdminAccount, 'id' | 'version'>): Promise<boolean>;
  /** Takes as long for an account that does not exist. @returns the account, if the password is its own */
  verify(name: string, password: string): Promise<AdminAccount | undefined>;
  recordLogin(account: Pick<AdminAccount, 'id'>): Promise<void>;
  /** Cookies of those who have logged in. */
  readonly browsers: KnownBrowsers;
  /** For whom a cookie may have been made that comes with this name. Takes the same steps for a name that nobody has. */
  browserOf(name: string): Promise<BrowserOf>;
}

/** What a program may ask the admin API with. The token itself is not kept, only its hash. */
export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  /** Undefined: never, which only who is on the machine can choose. */
  readonly expiresAt: Date | undefined;
  /** To some minutes. */
  readonly lastUsedAt: Date | undefined;
}

/** Who makes a token over the network. The token ends with its maker: the account, its password, or the other token. */
export type TokenMaker =
  | { readonly kind: 'account'; readonly id: string; readonly version: number }
  | { readonly kind: 'token'; readonly id: string };

export interface NewApiToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** 90 unless said. */
  readonly expiresInDays?: number | 'never' | undefined;
  /** Undefined: whoever is on the machine. */
  readonly maker?: TokenMaker | undefined;
}

export interface Tokens {
  /** @returns the token too, which nobody can read later @throws {UserStoreError} ERR_TOKEN */
  add(token: NewApiToken): Promise<ApiToken & { readonly token: string }>;
  /** The oldest first; those that have expired too. */
  list(): Promise<readonly ApiToken[]>;
  /** With those that were made by it. @throws {UserStoreError} ERR_TOKEN_UNKNOWN */
  remove(id: string): Promise<void>;
  /** The token by its text, if it is valid now. */
  find(token: string): Promise<ApiToken | undefined>;
  /** Notes the time of a use, now and then. */
  recordUse(token: ApiToken): Promise<void>;
}

/** What the server noted for itself, by name. */
export interface Settings {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
}

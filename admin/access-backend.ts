/** What the admin API asks of the server about those who ask it: accounts and tokens. */

import type { Scope } from '../core/index.ts';

/** An account as a session remembers it. */
export interface AdminIdentity {
  readonly id: string;
  readonly name: string;
  /** Another one after a new password. */
  readonly version: number;
}

/** An admin account as an operator sees it. */
export interface AdminView {
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly lastLoginAt: string | undefined;
}

export type LoginOutcome =
  | { readonly kind: 'accepted'; readonly account: AdminIdentity }
  /** No such account, or another password. */
  | { readonly kind: 'refused' }
  /** Too many have failed from there, or for that name: nothing was looked at. */
  | { readonly kind: 'slow-down'; readonly retryAfterS: number }
  /** There is no account at all. */
  | { readonly kind: 'no-account' };

export interface AdminAccountsBackend {
  /** Whether there is one. */
  exist(): boolean;
  list(): AdminView[];
  /** Takes its time where logins have failed before. @param peer `192.0.2.1:5000` */
  login(
    name: string,
    password: string,
    peer: { readonly address: string; readonly port: number },
  ): Promise<LoginOutcome>;
  /** Whether the account is there, with the password of its login. */
  isCurrent(account: AdminIdentity): boolean;
}

/** An API token as an operator sees it. Times are ISO 8601. */
export interface TokenView {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: string;
  readonly expiresAt: string | undefined;
  /** To some minutes. */
  readonly lastUsedAt: string | undefined;
}

export interface NewToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresInDays?: number;
}

/** Methods throw errors with the codes `ERR_TOKEN` and `ERR_TOKEN_UNKNOWN`. */
export interface TokensBackend {
  list(): TokenView[];
  /** @returns the token itself too, this once */
  add(token: NewToken): TokenView & { readonly token: string };
  remove(id: string): void;
  /** The token of this text, if it is valid; its use is noted. */
  find(text: string): TokenView | undefined;
}

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

export interface LoginRequest {
  readonly name: string;
  readonly password: string;
  readonly peer: { readonly address: string; readonly port: number };
  /** The cookie of an earlier login in the same browser, as it came. */
  readonly browser: string | undefined;
  /** When the client has gone. */
  readonly signal: AbortSignal;
}

export type LoginOutcome =
  /** `browser`: a cookie to keep, by which it is known next time. */
  | { readonly kind: 'accepted'; readonly account: AdminIdentity; readonly browser: string }
  /** No such account, or another password. */
  | { readonly kind: 'refused' }
  /** Others failed from there, or at that name, and its turn has not come: nothing was looked at. */
  | { readonly kind: 'slow-down'; readonly retryAfterS: number }
  /** There is no account at all. */
  | { readonly kind: 'no-account' };

export interface AdminAccountsBackend {
  /** Whether there is one. */
  exist(): Promise<boolean>;
  list(): Promise<AdminView[]>;
  /** Takes its time where logins have failed before. */
  login(request: LoginRequest): Promise<LoginOutcome>;
  /** Whether the account is there, with the password of its login. */
  isCurrent(account: AdminIdentity): Promise<boolean>;
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
  /** 90 unless said. */
  readonly expiresInDays?: number;
}

/** By whom a token is made, and with whom it ends; undefined: by somebody on the machine. */
export type TokenMaker =
  | ({ readonly kind: 'account' } & Pick<AdminIdentity, 'id' | 'version'>)
  | { readonly kind: 'token'; readonly id: string }
  | undefined;

/** Promises are rejected with errors of the codes `ERR_TOKEN` and `ERR_TOKEN_UNKNOWN`. */
export interface TokensBackend {
  list(): Promise<TokenView[]>;
  /** @returns the token itself too, this once */
  add(token: NewToken, maker: TokenMaker): Promise<TokenView & { readonly token: string }>;
  remove(id: string): Promise<void>;
  /** The token of this text, if it is valid; its use is noted. */
  find(text: string): Promise<TokenView | undefined>;
}

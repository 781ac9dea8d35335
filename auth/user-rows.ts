/** The rows of the user database and the statements that read and write them. */
import type { DatabaseSync } from 'node:sqlite';
import type { Ipv4 } from '../core/index.ts';
import { blob, type Columns, integer, optional, refuse, text, time, words } from './columns.ts';
import type { SealedSecret, SecretKind } from './secret-seal.ts';
import { prepareAll, type Statements } from './statements.ts';

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

/** A row of `users`. */
export interface UserRow {
  readonly user: User;
  readonly folded: string;
  /** `owner` is the row's id. */
  readonly sealed: SealedSecret;
}

/** Parameters have the names of the columns. */
const SQL = {
  insert: `INSERT INTO users (id, name, folded, enabled, ipv4, secret_kind, secret, strength, created_at)
           VALUES (:id, :name, :folded, 1, :ipv4, :secret_kind, :secret, :strength, :created_at)`,
  list: 'SELECT * FROM users_with_groups ORDER BY folded',
  find: 'SELECT * FROM users_with_groups WHERE folded = :folded',
  // One row in any case, of NULLs if there is no such user.
  secretOf: 'SELECT max(id) AS id, max(secret) AS secret FROM users WHERE folded = :folded',
  findByAddress: 'SELECT * FROM users_with_groups WHERE ipv4 = :ipv4',
  lookup: `SELECT users.*, previous.secret_kind AS previous_kind, previous.secret AS previous_secret
             FROM users_with_groups AS users
             LEFT JOIN previous_secrets AS previous ON previous.user_id = users.id AND previous.replaced_at > :since
            WHERE folded IN (SELECT value FROM json_each(:names))`,
  names: 'SELECT name, folded FROM users WHERE folded IN (SELECT value FROM json_each(:names))',
  setSecret: 'UPDATE users SET secret_kind = :secret_kind, secret = :secret WHERE id = :id',
  setStrength: 'UPDATE users SET strength = :strength WHERE id = :id',
  unexamined: 'SELECT * FROM users_with_groups WHERE strength IS NULL',
  setPrevious: `INSERT OR REPLACE INTO previous_secrets (user_id, secret_kind, secret, replaced_at)
                VALUES (:id, :secret_kind, :secret, :replaced_at)`,
  listPrevious: 'SELECT user_id, secret_kind, secret FROM previous_secrets',
  reseal: 'UPDATE previous_secrets SET secret_kind = :secret_kind, secret = :secret WHERE user_id = :id',
  forgetPrevious: 'DELETE FROM previous_secrets WHERE replaced_at <= :before',
  forgetPlaces: 'DELETE FROM known_places WHERE user_id = :id',
  setAddress: 'UPDATE users SET ipv4 = :ipv4 WHERE id = :id',
  setEnabled: 'UPDATE users SET enabled = :enabled WHERE id = :id',
  leaveGroups: 'DELETE FROM user_groups WHERE user_id = :id',
  joinGroup: 'INSERT INTO user_groups (user_id, name) VALUES (:id, :name)',
  remove: 'DELETE FROM users WHERE id = :id',
  recordLogin: 'UPDATE users SET last_login_at = :last_login_at WHERE folded = :folded',
  rememberLease: 'INSERT OR REPLACE INTO leases (folded, ipv4, leased_at) VALUES (:folded, :ipv4, :leased_at)',
  forgetLease: 'DELETE FROM leases WHERE folded = :folded',
  leases: 'SELECT folded, ipv4 FROM leases ORDER BY leased_at, folded',
} as const;

/** A row of `users`, and what it says of the previous password. */
export interface LookedUp extends UserRow {
  readonly previous: SealedSecret | undefined;
}

export type UserStatements = Statements<keyof typeof SQL>;

export function prepareStatements(database: DatabaseSync): UserStatements {
  return prepareAll(database, SQL);
}

/** @throws {UserStoreError} ERR_USER_STORE if a column holds what the schema does not allow */
export function readUser(columns: Columns): UserRow {
  const kind = secretKind(columns, 'secret_kind');
  return {
    user: {
      name: text(columns, 'name'),
      enabled: integer(columns, 'enabled') !== 0,
      ipv4: optional(columns, 'ipv4', integer),
      createdAt: time(columns, 'created_at'),
      lastLoginAt: optional(columns, 'last_login_at', time),
      secretKind: kind,
      isWeak: isWeak(columns),
      groups: words(columns, 'groups'),
    },
    folded: text(columns, 'folded'),
    sealed: { owner: text(columns, 'id'), kind, bytes: blob(columns, 'secret') },
  };
}

/** @throws {UserStoreError} ERR_USER_STORE if a column holds what the schema does not allow */
export function readLookedUp(columns: Columns): LookedUp {
  const row = readUser(columns);
  if (columns.previous_secret === null) return { ...row, previous: undefined };
  const kind = secretKind(columns, 'previous_kind');
  const owner = previousOwner(row.sealed.owner);
  return { ...row, previous: { owner, kind, bytes: blob(columns, 'previous_secret') } };
}

/** @throws {UserStoreError} ERR_USER_STORE if a column holds what the schema does not allow */
export function readPrevious(columns: Columns): { readonly id: string; readonly sealed: SealedSecret } {
  const id = text(columns, 'user_id');
  const kind = secretKind(columns, 'secret_kind');
  return { id, sealed: { owner: previousOwner(id), kind, bytes: blob(columns, 'secret') } };
}

/** For whom the previous secret of a user is sealed. */
export function previousOwner(id: string): string {
  return `${id} before`;
}

/** @throws {UserStoreError} ERR_USER_STORE if a column holds what the schema does not allow */
export function readLease(columns: Columns): [folded: string, ipv4: Ipv4] {
  return [text(columns, 'folded'), integer(columns, 'ipv4')];
}

/** Of an account of either kind. @throws {UserStoreError} ERR_USER_STORE if a column holds what the schema does not allow */
export function isWeak(columns: Columns): boolean | undefined {
  const strength = optional(columns, 'strength', text);
  return strength === 'weak' || strength === 'strong' ? strength === 'weak' : undefined;
}

function secretKind(columns: Columns, name: string): SecretKind {
  const value = columns[name];
  return value === 'password' || value === 'nt-hash' ? value : refuse(name);
}

/** The rows of the user database and the statements that read and write them. */

import type { DatabaseSync } from 'node:sqlite';
import type { Account, SecretKind, User } from '../../auth/index.ts';
import type { Ipv4 } from '../../core/index.ts';
import { blob, type Columns, integer, optional, refuse, text, time, words } from './columns.ts';
import { USERS_OR_NOBODY, WHO } from './nobody.ts';
import type { SealedSecret } from './secret-seal.ts';
import { prepareAll, type Statements } from './statements.ts';

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
  any: 'SELECT 1 FROM users LIMIT 1',
  find: 'SELECT * FROM users_with_groups WHERE folded = :folded',
  // One row in any case.
  secretOf: `SELECT users.id IS NOT NULL AS is_user, coalesce(users.id, 'nobody') AS id,
                    coalesce(users.secret, :no_secret) AS secret
               FROM (SELECT :folded AS folded) AS asked LEFT JOIN users ON users.folded = asked.folded`,
  findByAddress: 'SELECT * FROM users_with_groups WHERE ipv4 = :ipv4',
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
  setting: 'SELECT value FROM settings WHERE name = :name',
  setSetting: 'INSERT OR REPLACE INTO settings (name, value) VALUES (:name, :value)',
  rememberLease: 'INSERT OR REPLACE INTO leases (folded, ipv4, leased_at) VALUES (:folded, :ipv4, :leased_at)',
  forgetLease: 'DELETE FROM leases WHERE folded = :folded',
  leases: 'SELECT folded, ipv4 FROM leases ORDER BY leased_at, folded',
} as const;

const LOOK_UPS: Readonly<Record<'lookup' | 'names', string>> = {
  lookup: `SELECT ${WHO}, coalesce(users.id, 'nobody') AS id, coalesce(users.enabled, 0) AS enabled,
                  coalesce(users.secret_kind, 'nt-hash') AS secret_kind, coalesce(users.secret, :no_secret) AS secret,
                  coalesce(previous.secret_kind, 'none') AS previous_kind,
                  coalesce(previous.secret, :no_secret) AS previous_secret
             FROM ${USERS_OR_NOBODY}
             LEFT JOIN previous_secrets AS previous
                    ON previous.user_id = coalesce(users.id, 'nobody') AND previous.replaced_at > :since`,
  names: `SELECT ${WHO} FROM ${USERS_OR_NOBODY}`,
};

/** What a row of `users` says of an account, and what there is of the previous password. */
export interface LookedUp extends Omit<UserRow, 'user'> {
  readonly user: Account;
  readonly previous: SealedSecret | undefined;
}

export type UserStatements = Statements<keyof typeof SQL | keyof typeof LOOK_UPS>;

export function prepareStatements(database: DatabaseSync): UserStatements {
  return prepareAll(database, { ...SQL, ...LOOK_UPS });
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
  const id = text(columns, 'id');
  const bytes = blob(columns, 'previous_secret');
  const isNone = columns.previous_kind === 'none';
  return {
    user: { name: text(columns, 'name'), enabled: integer(columns, 'enabled') !== 0 },
    folded: text(columns, 'folded'),
    sealed: { owner: id, kind: secretKind(columns, 'secret_kind'), bytes: blob(columns, 'secret') },
    previous: isNone ? undefined : { owner: previousOwner(id), kind: secretKind(columns, 'previous_kind'), bytes },
  };
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

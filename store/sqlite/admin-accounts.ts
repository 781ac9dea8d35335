import { randomUUID } from 'node:crypto';
import {
  type BrowserOf,
  checkNewPassword,
  checkUserName,
  DUMMY_HASH,
  hashPassword,
  MOST_PASSWORD_LENGTH,
  type NewPasswordOptions,
  strengthOfText,
  UserStoreError,
  verifyPassword,
} from '../../auth/index.ts';
import { foldUserName } from '../../core/index.ts';
import type { AdminAccount } from '../ports.ts';
import type { StoreAccess } from './access.ts';
import { type Columns, integer, optional, text, time } from './columns.ts';
import { prepareAll, type Statements } from './statements.ts';
import { isWeak } from './user-rows.ts';

const SQL = {
  insert: `INSERT INTO admins (id, name, folded, hash, version, strength, created_at)
           VALUES (:id, :name, :folded, :hash, 1, :strength, :created_at)`,
  list: 'SELECT * FROM admins ORDER BY folded',
  count: 'SELECT count(*) AS count FROM admins',
  find: 'SELECT * FROM admins WHERE folded = :folded',
  version: 'SELECT version FROM admins WHERE id = :id',
  setHash: 'UPDATE admins SET hash = :hash, version = version + 1, strength = :strength WHERE folded = :folded',
  setStrength: 'UPDATE admins SET strength = :strength WHERE id = :id AND version = :version',
  recordLogin: 'UPDATE admins SET last_login_at = :last_login_at WHERE id = :id',
  remove: 'DELETE FROM admins WHERE folded = :folded',
  countTokens: 'SELECT count(*) AS count FROM tokens WHERE admin_id = (SELECT id FROM admins WHERE folded = :folded)',
  removeTokens: 'DELETE FROM tokens WHERE admin_id = (SELECT id FROM admins WHERE folded = :folded)',
} as const;

/** Methods throw `UserStoreError`: the code each names, and ERR_USER_STORE if the file cannot be read or written. */
export class AdminAccounts {
  readonly #access: StoreAccess;
  readonly #statements: Statements<keyof typeof SQL>;

  constructor(access: StoreAccess) {
    this.#access = access;
    this.#statements = access.run(() => prepareAll(access.database, SQL));
  }

  /**
   * @param options.weak takes a password too that guessers try first
   * @throws {UserStoreError} ERR_USER_NAME, ERR_USER_PASSWORD, ERR_USER_PASSWORD_WEAK, ERR_ADMIN_EXISTS
   */
  async add(name: string, password: string, { weak }: NewPasswordOptions = {}): Promise<AdminAccount> {
    checkUserName(name);
    const strength = checkNewPassword(password, { name, weak });
    const hash = await hashPassword(password);
    const { insert, find } = this.#statements;
    return this.#access.change(() => {
      const folded = foldUserName(name);
      if (find.get({ folded }) !== undefined) {
        throw new UserStoreError('ERR_ADMIN_EXISTS', `admin account '${name}' exists already`);
      }
      const id = randomUUID();
      insert.run({ id, name, folded, hash, strength, created_at: this.#access.now().getTime() });
      return readAccount(find.get({ folded }) ?? {});
    });
  }

  /**
   * Ends the account's logins, and the tokens that were made in them: whoever had the old password may have made them.
   *
   * @param options.weak takes a password too that guessers try first @param options.keepTokens they go on
   * @returns how many tokens ended
   * @throws {UserStoreError} ERR_ADMIN_UNKNOWN, ERR_USER_PASSWORD, ERR_USER_PASSWORD_WEAK
   */
  async setPassword(
    name: string,
    password: string,
    { weak, keepTokens }: NewPasswordOptions & { readonly keepTokens?: boolean | undefined } = {},
  ): Promise<number> {
    const strength = checkNewPassword(password, { name, weak });
    const hash = await hashPassword(password);
    const folded = foldUserName(name);
    return this.#access.change(() => {
      const { changes } = this.#statements.setHash.run({ folded, hash, strength });
      if (changes === 0) throw unknown(name);
      return keepTokens === true ? 0 : this.#removeTokens(folded);
    });
  }

  /**
   * With the tokens that were made in its logins.
   *
   * @returns how many tokens ended
   * @throws {UserStoreError} ERR_ADMIN_UNKNOWN
   */
  remove(name: string): number {
    const folded = foldUserName(name);
    return this.#access.change(() => {
      const tokens = this.#removeTokens(folded);
      if (this.#statements.remove.run({ folded }).changes === 0) throw unknown(name);
      return tokens;
    });
  }

  /** @returns how many, with those that tokens of the account made, which SQLite does not count */
  #removeTokens(folded: string): number {
    const { countTokens, removeTokens } = this.#statements;
    const count = integer(countTokens.get({ folded }) ?? {}, 'count');
    removeTokens.run({ folded });
    return count;
  }

  /** All accounts by name. */
  list(): AdminAccount[] {
    return this.#access.run(() => this.#statements.list.all().map(readAccount));
  }

  get count(): number {
    return this.#access.run(() => integer(this.#statements.count.get() ?? {}, 'count'));
  }

  /** Whether the account is there, and its password the one of that version. */
  isCurrent({ id, version }: Pick<AdminAccount, 'id' | 'version'>): boolean {
    return this.#access.run(() => this.#statements.version.get({ id })?.version === version);
  }

  /** For whom a cookie may have been made that comes with this name. */
  browserOf(name: string): BrowserOf {
    const folded = foldUserName(name.slice(0, MOST_PASSWORD_LENGTH));
    const columns = this.#access.run(() => this.#statements.find.get({ folded }));
    const version = columns === undefined ? undefined : `${text(columns, 'id')} ${integer(columns, 'version')}`;
    return { realm: 'admin', name: folded, version };
  }

  /**
   * Takes as long for an account that does not exist. What an older password is like is noted once it is given.
   *
   * @returns the account, if the password is its own
   */
  async verify(name: string, password: string): Promise<AdminAccount | undefined> {
    // No stored name is longer, and no password.
    const folded = foldUserName(name.slice(0, MOST_PASSWORD_LENGTH));
    const columns = this.#access.run(() => this.#statements.find.get({ folded }));
    const hash = columns === undefined ? DUMMY_HASH : text(columns, 'hash');
    const isRight = await verifyPassword(password.slice(0, MOST_PASSWORD_LENGTH + 1), hash);
    return columns !== undefined && isRight ? this.#examined(readAccount(columns), password) : undefined;
  }

  #examined(account: AdminAccount, password: string): AdminAccount {
    if (account.isWeak !== undefined) return account;
    const { id, version } = account;
    const strength = strengthOfText(password, account.name);
    try {
      this.#access.change(() => this.#statements.setStrength.run({ id, version, strength }));
    } catch (error) {
      // Nobody is kept out for that; the next login notes it.
      if (!(error instanceof UserStoreError)) throw error;
    }
    return { ...account, isWeak: strength === 'weak' };
  }

  recordLogin({ id }: Pick<AdminAccount, 'id'>): void {
    this.#access.change(() => this.#statements.recordLogin.run({ id, last_login_at: this.#access.now().getTime() }));
  }
}

function readAccount(columns: Columns): AdminAccount {
  return {
    id: text(columns, 'id'),
    name: text(columns, 'name'),
    version: integer(columns, 'version'),
    createdAt: time(columns, 'created_at'),
    lastLoginAt: optional(columns, 'last_login_at', time),
    isWeak: isWeak(columns),
  };
}

function unknown(name: string): UserStoreError {
  return new UserStoreError('ERR_ADMIN_UNKNOWN', `there is no admin account '${name}'`);
}

/**
 * Accounts of administrators and API tokens, in the database of the users.
 *
 * Every read asks the file, so what another process (the command line) writes takes effect at once.
 */
import type { DatabaseSync } from 'node:sqlite';
import { KnownBrowsers } from '../../auth/index.ts';
import type { StoreAccess } from './access.ts';
import { AdminAccounts } from './admin-accounts.ts';
import { ApiTokens } from './api-tokens.ts';
import { asStoreErrors, openUserDatabase, writeTransaction } from './user-database.ts';

export class AdminStore {
  /**
   * Opens the store, or makes it, as `UserStore.open` does.
   *
   * @throws {UserStoreError} ERR_USER_STORE, or ERR_USER_STORE_MODE if other users can read a file
   */
  static open(directory: string, now: () => Date = () => new Date()): AdminStore {
    const { database, seal } = openUserDatabase(directory);
    try {
      database.exec('PRAGMA synchronous = FULL');
      const browsers = new KnownBrowsers(seal.derive('known browsers of administrators'));
      return new AdminStore(directory, database, browsers, now);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  readonly accounts: AdminAccounts;
  readonly tokens: ApiTokens;
  /** Cookies of those who have logged in. */
  readonly browsers: KnownBrowsers;
  readonly #database: DatabaseSync;

  private constructor(directory: string, database: DatabaseSync, browsers: KnownBrowsers, now: () => Date) {
    const access: StoreAccess = {
      database,
      now,
      run: (action) => asStoreErrors(directory, action),
      change: (action) => asStoreErrors(directory, () => writeTransaction(database, action)),
    };
    this.#database = database;
    this.browsers = browsers;
    this.accounts = new AdminAccounts(access);
    this.tokens = new ApiTokens(access);
  }

  /** The store must not be used afterwards; closing it again does nothing. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

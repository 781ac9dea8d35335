import type { DatabaseSync } from 'node:sqlite';

/** How the parts of the store reach the file. */
export interface StoreAccess {
  readonly database: DatabaseSync;
  readonly now: () => Date;
  /** @throws {UserStoreError} ERR_USER_STORE for what SQLite throws */
  run<Result>(action: () => Result): Result;
  /** All of it happens and is on the disk, or nothing. @throws {UserStoreError} ERR_USER_STORE for what SQLite throws */
  change<Result>(action: () => Result): Result;
}

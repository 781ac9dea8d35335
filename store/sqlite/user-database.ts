/** The SQLite file behind the user store: how it is opened, its schema, and how that grows. */
import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { UserStoreError } from '../../auth/index.ts';
import { systemErrorCode, systemErrorWords } from '../../core/index.ts';
import { SEAL_KEY_LENGTH, SecretSeal } from './secret-seal.ts';
import { DATABASE_FILE, KEY_FILE, prepareStoreFiles, readKeyFile, writeKeyFile } from './store-files.ts';

/** How long a write waits for another process to finish its own. It blocks the event loop, so it is short. */
const BUSY_TIMEOUT_MS = 1_000;

/** `sstp` in ASCII; tells our file from any other SQLite file. */
const APPLICATION_ID = 0x73737470;

/**
 * Schema changes in order; entry n leads from version n to n + 1. Never change one that was released.
 * `folded` is the name as `foldUserName` writes it; times are milliseconds since 1970; `ipv4` is the address as a number.
 * `version` grows with each new password of an account; `scopes` are words with commas between. A previous secret is
 * sealed for an owner of its own (`previousOwner`), so that it does not open as the present one. `strength` is what
 * `password-rule.ts` says of the password, NULL before anybody looked. A known place
 * is a keyed hash of a user's name and an address. A setting is what the server noted for itself.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE users (
     id            TEXT    PRIMARY KEY,
     name          TEXT    NOT NULL,
     folded        TEXT    NOT NULL UNIQUE,
     enabled       INTEGER NOT NULL,
     ipv4          INTEGER UNIQUE,
     secret_kind   TEXT    NOT NULL CHECK (secret_kind IN ('password', 'nt-hash')),
     secret        BLOB    NOT NULL,
     created_at    INTEGER NOT NULL,
     last_login_at INTEGER
   ) STRICT;
   CREATE TABLE leases (
     folded        TEXT    PRIMARY KEY,
     ipv4          INTEGER NOT NULL UNIQUE,
     leased_at     INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE key_check (sealed BLOB NOT NULL) STRICT;`,
  `CREATE TABLE user_groups (
     user_id       TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
     name          TEXT    NOT NULL,
     PRIMARY KEY (user_id, name)
   ) STRICT, WITHOUT ROWID;
   CREATE VIEW users_with_groups AS
     SELECT users.*, (SELECT group_concat(user_groups.name, ',' ORDER BY user_groups.name)
                        FROM user_groups WHERE user_groups.user_id = users.id) AS groups
       FROM users;
   CREATE TABLE admins (
     id            TEXT    PRIMARY KEY,
     name          TEXT    NOT NULL,
     folded        TEXT    NOT NULL UNIQUE,
     hash          TEXT    NOT NULL,
     version       INTEGER NOT NULL,
     created_at    INTEGER NOT NULL,
     last_login_at INTEGER
   ) STRICT;
   CREATE TABLE tokens (
     id            TEXT    PRIMARY KEY,
     name          TEXT    NOT NULL,
     hash          BLOB    NOT NULL UNIQUE,
     scopes        TEXT    NOT NULL,
     created_at    INTEGER NOT NULL,
     expires_at    INTEGER,
     last_used_at  INTEGER
   ) STRICT;`,
  `CREATE TABLE previous_secrets (
     user_id       TEXT    PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
     secret_kind   TEXT    NOT NULL CHECK (secret_kind IN ('password', 'nt-hash')),
     secret        BLOB    NOT NULL,
     replaced_at   INTEGER NOT NULL
   ) STRICT;`,
  `ALTER TABLE users ADD COLUMN strength TEXT CHECK (strength IN ('strong', 'weak', 'unknown'));
   ALTER TABLE admins ADD COLUMN strength TEXT CHECK (strength IN ('strong', 'weak', 'unknown'));`,
  `CREATE TABLE known_places (
     place         BLOB    PRIMARY KEY,
     user_id       TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
     seen_at       INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX known_places_of_user ON known_places (user_id);`,
  `CREATE TABLE known_addresses (
     address       BLOB    PRIMARY KEY,
     seen_at       INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  // Whose session, and by which other token, it was made; without them on the machine itself.
  `ALTER TABLE tokens ADD COLUMN admin_id TEXT REFERENCES admins (id) ON DELETE CASCADE;
   ALTER TABLE tokens ADD COLUMN parent_id TEXT REFERENCES tokens (id) ON DELETE CASCADE;
   CREATE INDEX tokens_of_admin ON tokens (admin_id);
   CREATE INDEX tokens_of_token ON tokens (parent_id);`,
  `CREATE TABLE settings (
     name          TEXT    PRIMARY KEY,
     value         TEXT    NOT NULL
   ) STRICT, WITHOUT ROWID;`,
];

/**
 * In a store that is new, and in none from before: what a server does by default from then on, where older ones have done
 * otherwise and go on with it.
 */
const SETTINGS_OF_NEW: readonly (readonly [string, string])[] = [['host-access', 'icmp']];

/** Owner and secret of the sealed constant that tells whether key file and database belong together. */
const KEY_CHECK_OWNER = 'key-check';
const KEY_CHECK_SECRET = { ntHash: Buffer.alloc(16), password: undefined } as const;

export interface OpenDatabase {
  readonly database: DatabaseSync;
  readonly seal: SecretSeal;
}

/**
 * Opens or makes the store's files.
 *
 * @throws {UserStoreError} ERR_USER_STORE or ERR_USER_STORE_MODE; nothing stays open then
 */
export function openUserDatabase(directory: string): OpenDatabase {
  return asStoreErrors(directory, () => {
    const database = new DatabaseSync(prepareStoreFiles(directory), { timeout: BUSY_TIMEOUT_MS });
    try {
      // Deleted secrets are overwritten, and what the schema says is not trusted to call functions.
      database.exec(
        'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF',
      );
      const seal = writeTransaction(database, () => {
        migrate(database, directory);
        return openSeal(database, directory);
      });
      return { database, seal };
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Runs `change` with the write lock; all of it happens or, if it throws, nothing. */
export function writeTransaction<Result>(database: DatabaseSync, change: () => Result): Result {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = change();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite rolls back by itself if, say, the disk is full.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Turns what SQLite and the file system throw into the one class that callers know. Our own mistakes stay what they are.
 *
 * @throws {UserStoreError} ERR_USER_STORE
 */
export function asStoreErrors<Result>(directory: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (!isSqliteError(error) && !isSystemError(error)) throw error;
    throw new UserStoreError('ERR_USER_STORE', `the user store in ${directory} cannot be used: ${whyOf(error)}`, {
      cause: error,
    });
  }
}

/** Not the words of the system alone where root is all that is wanted. */
function whyOf(error: Error): string {
  if (isSqliteError(error)) return error.message;
  const isForbidden = ['EACCES', 'EPERM'].includes(systemErrorCode(error) ?? '');
  return `${systemErrorWords(error)}${isForbidden && process.geteuid?.() !== 0 ? ': run this as root' : ''}`;
}

function isSqliteError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

function migrate(database: DatabaseSync, directory: string): void {
  const applicationId = readPragma(database, 'application_id');
  const version = readPragma(database, 'user_version');
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || version !== 0)) {
    throw new UserStoreError('ERR_USER_STORE', `${DATABASE_FILE} in ${directory} is not a database of sstpd`);
  }
  if (version > MIGRATIONS.length) {
    throw new UserStoreError(
      'ERR_USER_STORE',
      `${DATABASE_FILE} in ${directory} was written by a newer sstpd (schema ${version}, this one knows ${MIGRATIONS.length})`,
    );
  }
  if (version === MIGRATIONS.length) return;
  for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
  if (version === 0) {
    const insert = database.prepare('INSERT INTO settings (name, value) VALUES (?, ?)');
    for (const [name, value] of SETTINGS_OF_NEW) insert.run(name, value);
  }
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`);
}

function readPragma(database: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** Reads the key file, or makes one for a store that has sealed nothing yet. */
function openSeal(database: DatabaseSync, directory: string): SecretSeal {
  const check = database.prepare('SELECT sealed FROM key_check').get()?.sealed;
  let key = readKeyFile(directory);
  if (key === undefined) {
    if (check !== undefined) {
      throw new UserStoreError(
        'ERR_USER_STORE',
        `${KEY_FILE} is missing in ${directory}: restore it; without it the passwords in ${DATABASE_FILE} cannot be read`,
      );
    }
    key = randomBytes(SEAL_KEY_LENGTH);
    writeKeyFile(directory, key);
  }
  if (key.length !== SEAL_KEY_LENGTH) {
    throw new UserStoreError(
      'ERR_USER_STORE',
      `${KEY_FILE} in ${directory} is damaged: it has ${key.length} bytes, not ${SEAL_KEY_LENGTH}; restore it`,
    );
  }
  const seal = new SecretSeal(key);
  if (check === undefined) {
    const sealed = seal.close(KEY_CHECK_OWNER, KEY_CHECK_SECRET);
    database.prepare('INSERT INTO key_check (sealed) VALUES (?)').run(sealed.bytes);
  } else if (!(check instanceof Uint8Array) || !opens(seal, check)) {
    throw new UserStoreError(
      'ERR_USER_STORE',
      `${KEY_FILE} and ${DATABASE_FILE} in ${directory} do not belong together: restore both from the same backup`,
    );
  }
  return seal;
}

function opens(seal: SecretSeal, keyCheck: Uint8Array): boolean {
  return seal.open({ owner: KEY_CHECK_OWNER, kind: 'nt-hash', bytes: keyCheck }) !== undefined;
}

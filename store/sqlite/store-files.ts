/** The files of the user store: made with narrow modes, checked before use. */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { UserStoreError } from '../../auth/index.ts';

export const DATABASE_FILE = 'users.db';
export const KEY_FILE = 'users.key';
const NEW_KEY_FILE = 'users.key.new';

/** Every name that the store may create in its directory. SQLite adds `-wal` and `-shm` with the database's mode. */
export const STORE_FILES: readonly string[] = [
  DATABASE_FILE,
  `${DATABASE_FILE}-wal`,
  `${DATABASE_FILE}-shm`,
  KEY_FILE,
  NEW_KEY_FILE,
];

/**
 * Makes the directory (0700) and an empty database file (0600) if they are new, then checks every file that is there.
 *
 * @returns the path of the database file
 * @throws {UserStoreError} ERR_USER_STORE_MODE if others can get at a file
 */
export function prepareStoreFiles(directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = join(directory, DATABASE_FILE);
  try {
    // SQLite would make it with mode 0644.
    closeSync(openSync(database, 'wx', 0o600));
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  }
  for (const name of STORE_FILES) checkFile(directory, name);
  return database;
}

/** @returns undefined if there is no key file */
export function readKeyFile(directory: string): Buffer | undefined {
  checkFile(directory, KEY_FILE);
  try {
    return readFileSync(join(directory, KEY_FILE));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Writes the key file whole or not at all. The caller holds the database's write lock, so nobody else does it now. */
export function writeKeyFile(directory: string, key: Uint8Array): void {
  const unfinished = join(directory, NEW_KEY_FILE);
  rmSync(unfinished, { force: true });
  const file = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(file, key);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, join(directory, KEY_FILE));
}

/** @throws {UserStoreError} ERR_USER_STORE_MODE if the file is there and others can get at it */
function checkFile(directory: string, name: string): void {
  const path = join(directory, name);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const fault = findFault(path, stats, allowedOwners(directory));
  if (fault !== undefined) throw new UserStoreError('ERR_USER_STORE_MODE', fault);
}

/** Whose files may be used, the owner to suggest first. */
function allowedOwners(directory: string): readonly number[] {
  const self = process.geteuid?.() ?? 0;
  return self === 0 ? [statSync(directory).uid, 0] : [self];
}

function findFault(path: string, stats: Stats, owners: readonly number[]): string | undefined {
  if (!stats.isFile()) return `${path} is not a regular file: move it away`;
  if (!owners.includes(stats.uid)) {
    return `${path} belongs to user id ${stats.uid}: run chown ${owners[0]} ${quote(path)}`;
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
    return `${path} is open to other users (mode ${mode}): run chmod 600 ${quote(path)}`;
  }
  return undefined;
}

/** `path` as one word of a POSIX shell. */
function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

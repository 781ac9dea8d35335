import {
  closeSync,
  constants,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { asUser, StartError, type UserIds } from '../../core/index.ts';
import { lockFile } from '../../tun/index.ts';

const OTHERS_MAY_SEARCH = 0o001;
const OTHERS = 0o077;

/** What sstpd makes in its data directory; SQLite puts its own endings behind `users.db`, a write in progress `.new`. */
const OUR_NAMES =
  /^(?:users\.(?:db|key)|ca\.(?:pem|key|next|lock)|server\.(?:pem|key)|acme\.json|acme-account\.key|lock|admin\.sock|first-user\.txt)(?:$|[.-])/;

/** The own authority's key, which a server that was started as root can't read. */
const ROOTS_OWN = /^ca\.(?:key|next)(?:$|\.)/;

/** A data directory that may be used. */
export interface ClaimedDirectory {
  /** Removes the directory with what we made in it, if it is new. */
  discard(): void;
}

/**
 * Makes the data directory if it is new, and sees to it that it belongs to `user`, for whom the server gives up root.
 *
 * What root owned, and nobody else could enter, is handed over with the files of ours in it, but for the authority's key; what already is the user's
 * is left alone, for root must not follow what somebody else may have put there.
 *
 * @returns what to do when the start fails: a directory that is new goes again
 * @throws {StartError} if it can't be made, is open to others, is somebody else's, or holds other things than ours
 */
export function claimDataDirectory(directory: string, user: UserIds): ClaimedDirectory {
  let isNew = false;
  try {
    mkdirSync(dirname(resolve(directory)), { recursive: true });
    mkdirSync(directory, { mode: 0o700 });
    isNew = true;
  } catch (error) {
    if (!isDirectory(directory)) {
      throw new StartError(
        `data directory ${directory} can't be made (${codeOf(error)}): choose another with --data DIR`,
      );
    }
  }
  const { mode, uid } = statSync(directory);
  if ((mode & OTHERS) !== 0) {
    throw new StartError(`data directory ${directory} is open to other users: chmod 700 ${directory}`);
  }
  const claimed = { discard: () => isNew && discard(directory) };
  if (uid === user.uid) return claimed;
  if (uid !== 0 || process.geteuid?.() !== 0) {
    throw new StartError(
      `data directory ${directory} belongs to user id ${uid}: chown -R ${user.uid}:${user.gid} ${directory}, or choose another with --data DIR`,
    );
  }
  handOver(directory, user);
  return claimed;
}

/**
 * Takes the lock of a data directory as `user`, and holds it until `release`.
 *
 * @throws {StartError} if it can't be written, or another instance holds the lock
 */
export function lockDataDirectory(directory: string, user: UserIds): { release(): void } {
  const descriptor = asUser(user, () => openLock(directory, 'lock'));
  if (!lockFile(descriptor)) {
    closeSync(descriptor);
    throw new StartError(
      `another sstpd runs with the data directory ${directory}: stop it, or choose another with --data DIR`,
    );
  }
  return { release: () => closeSync(descriptor) };
}

/**
 * Takes the lock of the own authority's files, and holds it until `release`.
 *
 * @param owner of the directory, if that is not who runs this
 * @throws {StartError} if it can't be written, or another process is issuing
 */
export function lockAuthority(directory: string, owner: UserIds | undefined): { release(): void } {
  const open = (): number => openLock(directory, 'ca.lock');
  const descriptor = owner === undefined ? open() : asUser(owner, open);
  if (!lockFile(descriptor)) {
    closeSync(descriptor);
    throw new StartError(`another process issues certificates in ${directory}: wait a moment, then try again`);
  }
  return { release: () => closeSync(descriptor) };
}

/**
 * Whether a user can reach `directory`, whatever its own mode, through its parents.
 *
 * @param top the last parent to look at
 * @returns the first parent that is closed to `uid`, or undefined
 */
export function closedParent(directory: string, uid: number, top = '/'): string | undefined {
  for (let parent = dirname(resolve(directory)); ; parent = dirname(parent)) {
    try {
      const { mode, uid: owner } = statSync(parent);
      if (owner !== uid && (mode & OTHERS_MAY_SEARCH) === 0) return parent;
    } catch {
      // It does not exist yet; it will be made with the data directory, for everybody to pass through.
    }
    if (parent === top || parent === dirname(parent)) return undefined;
  }
}

/** The path without links, also of a directory that is yet to be made. */
export function realDirectory(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return resolve(directory);
  }
}

/** Nobody but root can have put anything in here, so there is nothing to be led astray by. The directory comes last. */
function handOver(directory: string, user: UserIds): void {
  const names = readdirSync(directory);
  const ours = names.filter((name) => OUR_NAMES.test(name));
  if (names.length > 0 && ours.length === 0) {
    throw new StartError(
      `data directory ${directory} holds other things than sstpd's, and would be given to another user: choose a folder of its own with --data DIR`,
    );
  }
  for (const path of ours.filter((name) => !ROOTS_OWN.test(name)).map((name) => join(directory, name))) {
    if (mayBeGiven(lstatSync(path))) lchownSync(path, user.uid, user.gid);
  }
  lchownSync(directory, user.uid, user.gid);
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** A file with a second name lies somewhere else too. */
function mayBeGiven(stats: Stats): boolean {
  return stats.isSocket() || (stats.isFile() && stats.nlink === 1);
}

function discard(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (OUR_NAMES.test(name)) rmSync(join(directory, name), { force: true });
  }
  rmdirSync(directory);
}

function openLock(directory: string, name: string): number {
  try {
    // Neither a link nor, which would wait for a reader, a pipe.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const descriptor = openSync(join(directory, name), flags, 0o600);
    if (fstatSync(descriptor).isFile()) return descriptor;
    closeSync(descriptor);
    throw Object.assign(new Error('no regular file'), { code: 'EINVAL' });
  } catch (error) {
    throw new StartError(
      `data directory ${directory} can't be written (${name}: ${codeOf(error)}): run as root, or choose another with --data DIR`,
    );
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

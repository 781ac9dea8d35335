import { closeSync, lchownSync, lstatSync, mkdirSync, openSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { lockFile } from '../tun/index.ts';
import { StartError } from './start-error.ts';

const OTHERS_MAY_SEARCH = 0o001;
const OTHERS = 0o077;

/**
 * Makes the data directory if it is new, and holds its lock until `release`.
 *
 * @throws {StartError} if it can't be used, is open to others, or another instance holds the lock
 */
export function lockDataDirectory(directory: string): { release(): void } {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(
      `data directory ${directory} can't be made (${codeOf(error)}): choose another with --data DIR`,
    );
  }
  const { mode } = statSync(directory);
  if ((mode & OTHERS) !== 0) {
    throw new StartError(`data directory ${directory} is open to other users: chmod 700 ${directory}`);
  }
  let descriptor: number;
  try {
    descriptor = openSync(join(directory, 'lock'), 'a', 0o600);
  } catch (error) {
    throw new StartError(
      `data directory ${directory} can't be written (${codeOf(error)}): run as root, or choose another with --data DIR`,
    );
  }
  if (!lockFile(descriptor)) {
    closeSync(descriptor);
    throw new StartError(
      `another sstpd runs with the data directory ${directory}: stop it, or choose another with --data DIR`,
    );
  }
  return { release: () => closeSync(descriptor) };
}

/**
 * Whether a user can reach `directory`, whatever its own mode, through its parents.
 *
 * @returns the first parent that is closed to `uid`, or undefined
 */
export function closedParent(directory: string, uid: number): string | undefined {
  for (let parent = dirname(resolve(directory)); ; parent = dirname(parent)) {
    try {
      const { mode, uid: owner } = statSync(parent);
      if (owner !== uid && (mode & OTHERS_MAY_SEARCH) === 0) return parent;
    } catch {
      // It does not exist yet; it will be made with the data directory, for everybody to pass through.
    }
    if (parent === dirname(parent)) return undefined;
  }
}

/** Gives the data directory and the files in it to `uid`, so that the server can go on writing without root. */
export function giveDataDirectory(directory: string, uid: number, gid: number): void {
  if (process.getuid?.() !== 0) return; // nobody else can give files away, or needs to
  lchownSync(directory, uid, gid);
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (!lstatSync(path).isDirectory()) lchownSync(path, uid, gid);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

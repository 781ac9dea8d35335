/**
 * The key of the own authority, `ca.key`. Where a server starts as root it is root's, mode 0600, in a directory that is
 * the run user's: that one could put another file in its place, which no client trusts, but not read this one.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { CertificateError } from './certificate-error.ts';
import { guarded, MOST_BYTES } from './secure-file.ts';

export const KEY_FILE = 'ca.key';
/** An authority that is to take the place of `ca.pem` and `ca.key`: its certificate and its key, in one file. */
export const NEXT_FILE = 'ca.next';

/**
 * Sees to it that only who runs this can read the key: root gets it from whoever had it, anybody else closes it to
 * others. Nothing of it is read.
 *
 * @returns a line for the operator on each change
 * @throws {CertificateError} if it is no plain file: the run user may have put a link there
 */
export function guardAuthorityKey(directory: string): string[] {
  return [KEY_FILE, NEXT_FILE].flatMap((name) => {
    const file = join(directory, name);
    if (isRoots(file)) return [];
    return openPlain(file, 'cannot be closed to others', (descriptor) => guard(descriptor, file)) ?? [];
  });
}

/** Who can read the key; undefined if it is not there. @param uid of the running server @throws {CertificateError} */
export function authorityKeyReader(directory: string, uid: number): 'root' | 'server' | undefined {
  const file = join(directory, KEY_FILE);
  const stats = guarded(file, 'cannot be looked at', () => lstatSync(file, { throwIfNoEntry: false }));
  if (stats === undefined) return undefined;
  return uid !== 0 && stats.uid === 0 && (stats.mode & OTHERS) === 0 ? 'root' : 'server';
}

/** @returns undefined if there is none @throws {CertificateError} unless it is a plain file of who runs this */
export function readAuthorityFile(file: string): Buffer | undefined {
  if (isRoots(file)) {
    throw new CertificateError(
      `${file}: root's alone, and a certificate is to be issued: "sstpd ca issue", as root and with the same --host`,
    );
  }
  return openPlain(file, 'cannot be read', (descriptor, { size, uid }) => {
    if (size > MOST_BYTES) throw new CertificateError(`${file}: too large for a key`);
    // The run user's would be as good as known to it; guardAuthorityKey has taken what was there.
    if (process.geteuid?.() === 0 && uid !== 0) throw new CertificateError(`${file}: not root's: try again`);
    return readFileSync(descriptor);
  });
}

const OTHERS = 0o077;

/** And so none of ours to open. */
function isRoots(file: string): boolean {
  if (process.geteuid?.() === 0) return false;
  return guarded(file, 'cannot be looked at', () => lstatSync(file, { throwIfNoEntry: false }))?.uid === 0;
}

function guard(descriptor: number, file: string): string[] {
  const me = process.geteuid?.() ?? 0;
  const { uid, gid, mode } = fstatSync(descriptor);
  const isOpen = (mode & OTHERS) !== 0;
  if (me !== 0 && uid !== me) return [];
  if (me === 0 && (uid !== 0 || gid !== 0)) fchownSync(descriptor, 0, 0);
  if (isOpen) fchmodSync(descriptor, 0o600);
  const old = (mode & 0o777).toString(8);
  if (isOpen) return [`${file}: was open to other users (mode ${old}), now 600; replace it if one may have read it`];
  return uid === me ? [] : [`${file}: was the server's own (user id ${uid}), now it is root's alone`];
}

/** Neither by a link nor by a second name of a file that lies elsewhere. */
function openPlain<T>(file: string, what: string, use: (descriptor: number, stats: Stats) => T): T | undefined {
  return guarded(file, what, () => {
    const descriptor = openIfThere(file);
    if (descriptor === undefined) return undefined;
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile() || stats.nlink !== 1) throw notPlain(file);
      return use(descriptor, stats);
    } finally {
      closeSync(descriptor);
    }
  });
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw notPlain(file);
    throw error;
  }
}

function notPlain(file: string): CertificateError {
  return new CertificateError(`${file}: a link, or no file; put the key itself there, or remove it`);
}

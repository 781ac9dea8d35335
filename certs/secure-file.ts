import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CertificateError } from './certificate-error.ts';

/** Larger than any chain or key. */
export const MOST_BYTES = 1_048_576;

export interface ReadFile {
  readonly bytes: Buffer;
  /** Permission bits. */
  readonly mode: number;
}

/** @returns undefined if there is no such file @throws {CertificateError} unless it is a regular one of at most 1 MiB that we may read */
export function readIfThere(file: string): ReadFile | undefined {
  return guarded(file, 'cannot be read', () => {
    const fd = openIfThere(file);
    if (fd === undefined) return undefined;
    try {
      const status = fstatSync(fd);
      if (!status.isFile()) throw new CertificateError(`${file}: not a file`);
      if (status.size > MOST_BYTES) throw new CertificateError(`${file}: too large for a certificate or key`);
      return { bytes: readFileSync(fd), mode: status.mode & 0o777 };
    } finally {
      closeSync(fd);
    }
  });
}

/**
 * Replaces `file` so that a crash leaves the old one or the new one, whole, and a reader who is not allowed to never sees
 * a byte: the mode is there before the content.
 *
 * @throws {CertificateError}
 */
export function writeSecureFile(file: string, content: string, mode: 0o600 | 0o644): void {
  guarded(file, 'cannot be written', () => {
    const fresh = `${file}.new`;
    rmSync(fresh, { force: true });
    const fd = openSync(fresh, 'wx', mode);
    try {
      fchmodSync(fd, mode); // whatever the umask took away
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, file);
    syncDirectory(dirname(file));
  });
}

/** So that the rename itself outlasts a loss of power. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openIfThere(file: string): number | undefined {
  try {
    // Non-blocking: opening a pipe would otherwise wait for its writer.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Turns the errors of system calls into a line for the operator. */
export function guarded<T>(file: string, what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || code === 'ERR_CERTIFICATE') throw error;
    throw new CertificateError(`${file}: ${what} (${code}${remedy(code)})`, { cause: error });
  }
}

function remedy(code: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return ': not allowed; check owner and mode of the file and its folders';
    case 'ENOSPC':
    case 'EDQUOT':
      return ': the disk is full';
    case 'EROFS':
      return ': the file system is read-only';
    default:
      return '';
  }
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

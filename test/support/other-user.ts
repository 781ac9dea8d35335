/**
 * Programs of this clone as another user. A clone may be below folders that only their owner can enter, as in /root, so
 * the program gets a mount namespace of its own in which everybody can; all paths stay as they are. For root.
 */
// Needs: setpriv
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { packageFolder } from '../../core/index.ts';

const OTHERS_MAY_SEARCH = 0o001;

/** An empty folder covers the closed one; of what was below it there is the clone alone, with all mounts in it. */
const OPEN = `set -e
cd "$1"
mount -t tmpfs -o mode=0755 open "$2"
(umask 022 && mkdir -p "$1")
mount --no-canonicalize --rbind . "$1"
cd "$1"
shift 2
exec "$@"`;

/**
 * @param folder has to be open itself, and all in it
 * @returns a command that runs another one where everybody may enter all folders above `folder`
 */
export function openly(command: readonly string[], folder: string = packageFolder): string[] {
  const closed = topmostClosed(folder);
  if (closed === undefined) return [...command];
  return ['unshare', '--mount', 'sh', '-c', OPEN, 'sh', folder, closed, ...command];
}

/**
 * Words that run the program behind them as another user, who is in no group but his own.
 *
 * @param rights more flags of setpriv(1)
 */
export function asUser(id: number, ...rights: string[]): string[] {
  return openly(['setpriv', '--reuid', String(id), '--regid', String(id), '--clear-groups', ...rights]);
}

/** Such words as a shell script that ends in running its arguments. */
export function scriptOf(words: readonly string[]): string {
  return `exec ${words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')} "$@"`;
}

function topmostClosed(folder: string): string | undefined {
  const parent = dirname(folder);
  if (parent === '/') return undefined;
  const isClosed = (statSync(parent).mode & OTHERS_MAY_SEARCH) === 0;
  return topmostClosed(parent) ?? (isClosed ? parent : undefined);
}

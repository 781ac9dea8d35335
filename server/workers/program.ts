/** Where the program of a worker is, for a supervisor that may no longer go there. */
import { closeSync, openSync } from 'node:fs';
import { join, relative } from 'node:path';
import { packageFolder, programFile } from '../../core/index.ts';
import { closedParent } from '../data-directory.ts';
import { StartError } from '../start-error.ts';

/** The descriptor that a worker finds the folder of the program at. */
export const FOLDER_FD = 5;

export interface WorkerProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** To be inherited as descriptor `FOLDER_FD`. */
  readonly folder: number | undefined;
  close(): void;
}

const QUIET = '--disable-warning=ExperimentalWarning';
/** A debugger runs code for everybody on this machine. From the first instruction on, whatever NODE_OPTIONS says. */
const NO_DEBUGGER = ['--disable-sigusr1', '--no-inspect', '--no-inspect-brk', '--no-inspect-wait'];

/**
 * To be called before root gives up its rights. A clone under /root, say, can be read by nobody else, and a worker that
 * crashed has to be started again without root: it goes by way of a folder that is open already, past the closed ones.
 *
 * @param uid who will start it
 * @throws {StartError} if that user may not enter the folder itself
 */
export function locateWorker(uid: number): WorkerProgram {
  const main = programFile('server/workers/worker-main');
  if (closedParent(main, uid) === undefined && closedParent(process.execPath, uid) === undefined) {
    const args = [...process.execArgv, ...NO_DEBUGGER, QUIET, main];
    return { command: process.execPath, args, folder: undefined, close: () => {} };
  }
  const top = topFolder();
  const closed = closedParent(main, uid, top);
  if (closed !== undefined) {
    throw new StartError(
      `sstpd is installed below ${closed}, which is closed to the user that its workers run as (uid ${uid}): ` +
        `chmod o+x ${closed}, or install it elsewhere, or start with --workers 1`,
    );
  }
  const folder = openSync(top, 'r');
  // Node would go by the links' real names, through the closed folders.
  const flags = [...NO_DEBUGGER, QUIET, '--preserve-symlinks', '--preserve-symlinks-main'];
  const args = [...process.execArgv, ...flags, join(`/proc/self/fd/${FOLDER_FD}`, relative(top, main))];
  return { command: '/proc/self/exe', args, folder, close: () => closeSync(folder) };
}

/** The folder that holds all modules: the one of this package, or the one in whose node_modules it is installed. */
function topFolder(): string {
  const index = packageFolder.indexOf('/node_modules/');
  return index === -1 ? packageFolder : packageFolder.slice(0, index);
}

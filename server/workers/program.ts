/** Where the program of a worker is, for a supervisor that may no longer go there. */
import { closeSync, openSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { closedParent } from '../data-directory.ts';

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

/**
 * To be called before root gives up its rights. A clone under /root, say, can be read by nobody else, and a worker that
 * crashed has to be started again without root: it goes by way of a folder that is open already, past the closed ones.
 *
 * @param uid who will start it
 */
export function locateWorker(uid: number): WorkerProgram {
  const here = import.meta.filename;
  const main = join(dirname(here), `worker-main${extname(here)}`);
  if (closedParent(main, uid) === undefined && closedParent(process.execPath, uid) === undefined) {
    const args = [...process.execArgv, QUIET, main];
    return { command: process.execPath, args, folder: undefined, close: () => {} };
  }
  const top = topFolder(main);
  const folder = openSync(top, 'r');
  // Node would go by the links' real names, through the closed folders.
  const flags = [QUIET, '--preserve-symlinks', '--preserve-symlinks-main'];
  const args = [...process.execArgv, ...flags, join(`/proc/self/fd/${FOLDER_FD}`, relative(top, main))];
  return { command: '/proc/self/exe', args, folder, close: () => closeSync(folder) };
}

/** The folder that holds all modules: the one of this package, or the one in whose node_modules it is installed. */
function topFolder(main: string): string {
  const index = main.indexOf('/node_modules/');
  if (index !== -1) return main.slice(0, index);
  return dirname(dirname(dirname(main)));
}

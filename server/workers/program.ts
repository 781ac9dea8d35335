/** Where the program of a worker is, for a supervisor that may no longer go there, and the cage that it starts in. */

import { closeSync, openSync } from 'node:fs';
import { join, relative } from 'node:path';
import { packageFolder, programFile, StartError } from '../../core/index.ts';
import { type CageLayers, cageProgram } from '../../tun/index.ts';
import { type CagePlan, cageArguments, closedParent, pathsOfWorker } from '../host/index.ts';

/** The first descriptor that `WorkerProgram.descriptors` become in a worker. */
export const PROGRAM_FD = 5;
const FOLDER_FD = PROGRAM_FD;
const NODE_FD = PROGRAM_FD + 1;
const CAGE_FD = PROGRAM_FD + 2;

export interface WorkerProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** To be inherited as `PROGRAM_FD` and what follows. */
  readonly descriptors: readonly number[];
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
export function locateWorker(uid: number, cage: CagePlan): WorkerProgram {
  const main = programFile('server/workers/worker-main');
  if (closedParent(main, uid) === undefined && closedParent(process.execPath, uid) === undefined) {
    const args = [...process.execArgv, ...NO_DEBUGGER, QUIET, main];
    const paths = pathsOfWorker(process.execPath, cage.reads);
    return { ...inCage(cage.layers, cageProgram, process.execPath, args, paths), descriptors: [], close: () => {} };
  }
  const top = topFolder();
  const closed = closedParent(main, uid, top);
  if (closed !== undefined) {
    throw new StartError(
      `sstpd is installed below ${closed}, which is closed to the user that its workers run as (uid ${uid}): ` +
        `chmod o+x ${closed}, or install it elsewhere`,
    );
  }
  const isCaged = cage.layers.landlock > 0 || cage.layers.seccomp;
  const descriptors = [top, process.execPath, ...(isCaged ? [cageProgram] : [])].map((path) => openSync(path, 'r'));
  // Node would go by the links' real names, through the closed folders.
  const flags = [...NO_DEBUGGER, QUIET, '--preserve-symlinks', '--preserve-symlinks-main'];
  const throughFolder = (path: string): string => {
    const below = relative(top, path);
    return below.startsWith('..') ? path : join(`/proc/self/fd/${FOLDER_FD}`, below);
  };
  const args = [...process.execArgv, ...flags, throughFolder(main)];
  const { run, read } = pathsOfWorker(`/proc/self/fd/${NODE_FD}`, cage.reads);
  const paths = { run, read: read.map(throughFolder) };
  const node = `/proc/self/fd/${NODE_FD}`;
  const started = inCage(cage.layers, `/proc/self/fd/${CAGE_FD}`, node, args, paths, [NODE_FD, CAGE_FD]);
  return { ...started, descriptors, close: () => descriptors.forEach(closeSync) };
}

function inCage(
  layers: CageLayers,
  cage: string,
  node: string,
  args: readonly string[],
  paths: Parameters<typeof cageArguments>[1],
  drop: readonly number[] = [],
): Pick<WorkerProgram, 'command' | 'args'> {
  if (layers.landlock === 0 && !layers.seccomp) return { command: node, args };
  return { command: cage, args: [...cageArguments(layers, paths, drop), node, ...args] };
}

/** The folder that holds all modules: the one of this package, or the one in whose node_modules it is installed. */
function topFolder(): string {
  const index = packageFolder.indexOf('/node_modules/');
  return index === -1 ? packageFolder : packageFolder.slice(0, index);
}

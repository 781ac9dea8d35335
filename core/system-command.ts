import { join } from 'node:path';
import { fs } from './builtins.ts';

/**
 * Where programs of the system are; nobody but root writes there. PATH does not say: npm puts node_modules/.bin of each
 * parent folder in front of it, so whoever can write to one of them would choose what root runs.
 */
const FOLDERS = [
  ...['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'],
  '/run/current-system/sw/bin', // NixOS
];

export const SYSTEM_PATH: string = FOLDERS.join(':');

/** All that a program of the system gets to know of our environment. */
export const SYSTEM_ENVIRONMENT: Readonly<Record<string, string>> = { PATH: SYSTEM_PATH, LC_ALL: 'C' };

/** @returns the absolute path of a program of the system; one that leads nowhere if there is no such program */
export function systemCommand(name: string): string {
  const paths = FOLDERS.map((folder) => join(folder, name));
  return paths.find(isExecutable) ?? join('/nonexistent', name);
}

function isExecutable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The Debian packages in debian-packages.json, and which of them this machine lacks. The file has for each program, or
 * file (with `*` in it), the package that brings it: `build` to compile the addon, `run` to run the server, and under
 * `test` for each npm script beside these two what it needs.
 *
 * `node packaging/debian-packages.mjs build run` prints the packages of these groups in one line, `--all` those of all;
 * a script of `test` is a group by its name. Plain JavaScript for Node 18 and later, without a dependency: the install
 * script uses it before anything else is there.
 */
import { accessSync, constants, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { test, ...others } = JSON.parse(readFileSync(new URL('debian-packages.json', import.meta.url), 'utf8'));

/** By group, of each program or file its package. */
export const GROUPS = { ...others, ...test };

/** Where programs of the distribution are that an unprivileged user's PATH often lacks, and npm's own. */
export const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * @param {readonly string[]} groups
 * @returns {[string, string][]} program or file, and its package
 * @throws {Error} if there is no such group
 */
export function neededBy(groups) {
  return groups.flatMap((group) => {
    if (!Object.hasOwn(GROUPS, group)) throw new Error(`${group} is none of ${Object.keys(GROUPS).join(', ')}`);
    return Object.entries(GROUPS[group]);
  });
}

/** The packages of some groups, each once, in their order. @param {readonly string[]} groups */
export function packagesOf(groups) {
  return [...new Set(neededBy(groups).map(([, name]) => name))];
}

/**
 * What of some groups is not here.
 * @param {readonly string[]} groups
 * @param {readonly string[]} [folders] where programs may be
 * @returns {[string, string][]} program or file, and its package
 */
export function missingOf(groups, folders = searchedFolders()) {
  return neededBy(groups).filter(([what]) => !isThere(what, folders));
}

/** PATH, and behind it the system's folders. */
export function searchedFolders() {
  return [...(process.env.PATH ?? '').split(':').filter((folder) => folder !== ''), ...SYSTEM_FOLDERS];
}

/** @param {string} what a program, or a file whose folders and name may have `*` in them */
export function isThere(what, folders = searchedFolders()) {
  if (!what.startsWith('/')) return folders.some((folder) => isProgram(join(folder, what)));
  return matches('/', what.split('/').filter(Boolean));
}

/** node:fs has globSync since Node 22. */
function matches(folder, [first, ...rest]) {
  if (first === undefined) return true;
  const pattern = new RegExp(`^${first.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  let names = [];
  try {
    names = readdirSync(folder);
  } catch {} // no such folder, or no folder
  return names.some((name) => pattern.test(name) && matches(join(folder, name), rest));
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const groups = process.argv.includes('--all') ? Object.keys(GROUPS) : process.argv.slice(2);
  console.log(packagesOf(groups).join(' '));
}

/**
 * The install script of package.json, which `npm ci` runs: brings what a clone lacks to build and to run, and builds the
 * addon. In an installed package it only does the second, where the package has no addon that fits. Plain JavaScript for
 * Node 18 and later, because npm may run it with the machine's own Node.
 *
 * One line before packages are installed, one when all is well, one that names all that is missing.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAddon, missingTools } from '../tun/native/build.mjs';
import { missingOf, searchedFolders } from './debian-packages.mjs';
import { fetchPackages, remedy } from './fetch-packages.mjs';

/**
 * @param {object} [given] what a test replaces: of fetchPackages, `tools` as missingTools(), `build` as buildAddon()
 * @returns {number} exit status
 */
export function install(given = {}) {
  const { root = packageFolder(), folders = foldersOfPrograms(), complain = (line) => console.error(line) } = given;
  const { tools = missingTools, build = buildAddon } = given;
  if (process.platform !== 'linux' || !existsSync(join(root, 'cli/main.ts'))) return build();
  const wanted = () => [...tools(), ...missingOf(['run'], folders)];
  const { why } = fetchPackages(wanted(), { ...given, folders });
  const missing = wanted();
  if (missing.length === 0) return build();
  const names = missing.map(([what]) => what).join(', ');
  const line = `sstpd: ${names} not found (${why}): ${remedy(missing, given)}`;
  if (tools().length > 0) {
    complain(`${line}, then "npm ci" again`);
    return 1;
  }
  complain(`${line}; without them the server does not start or clients get no further than it`);
  return build();
}

function packageFolder() {
  return resolve(dirname(fileURLToPath(import.meta.url)), '..');
}

/** npm puts folders of packages first in PATH, where no program of the system is. */
function foldersOfPrograms() {
  return searchedFolders().filter((folder) => !folder.endsWith('/node_modules/.bin'));
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = install();
}

/** Where node_api.h is, and what binding.gyp says, for the checks of the native sources. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In the npm package `node`, which nests it, or beside the Node that runs this. */
export function findIncludeFolder() {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
  const nested = `node-${process.platform}-${process.arch}/include/node`;
  const found = [
    resolve(root, 'node_modules/node/node_modules', nested),
    resolve(root, 'node_modules', nested),
    resolve(dirname(process.execPath), '../include/node'),
  ].find((folder) => existsSync(resolve(folder, 'node_api.h')));
  if (found === undefined) throw new Error('no Node headers found: run "npm ci"');
  return found;
}

/** binding.gyp is JSON but for trailing commas. */
export function readGyp() {
  const file = resolve(dirname(fileURLToPath(import.meta.url)), 'binding.gyp');
  return JSON.parse(readFileSync(file, 'utf8').replaceAll(/,(\s*[\]}])/g, '$1'));
}

/** Sources and flags of the program `sstpd-cage`. */
export function cageTarget() {
  const [[, { targets }]] = readGyp().conditions;
  return targets[0];
}

/** Where node_api.h is: in the npm package `node`, which nests it, or beside the Node that runs this. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

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

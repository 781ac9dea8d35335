import { dirname, extname, join } from 'node:path';
import { fs } from './builtins.ts';

/**
 * The folder of the package that this file belongs to. Its package.json is one folder up in a clone, two where the
 * package was installed and this is dist/core/.
 */
export const packageFolder: string = findFolder();

/** Whether this is what the sources were compiled to: Node takes no TypeScript below node_modules. */
export const isCompiled: boolean = extname(import.meta.filename) === '.js';

/** Read once and early: a server that has dropped its rights may no longer be able to. */
export const version: string = readVersion();

function findFolder(): string {
  const above = dirname(import.meta.dirname);
  return fs.existsSync(join(above, 'package.json')) ? above : dirname(above);
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(fs.readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

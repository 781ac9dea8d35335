import { basename, dirname, extname, join } from 'node:path';
import { fs } from './builtins.ts';

/**
 * The folder of the package that this file belongs to. Its package.json is one folder up in a clone, two where the
 * package was installed and this is in dist/parts/.
 */
export const packageFolder: string = findFolder();

/** Whether this is what the sources were compiled to: Node takes no TypeScript below node_modules. */
export const isCompiled: boolean = extname(import.meta.filename) === '.js';

/** @param name of a program of ours, to be run by Node in a process of its own, by its path in a clone without extension */
export function programFile(name: string): string {
  return isCompiled ? join(packageFolder, 'dist/programs', `${basename(name)}.js`) : join(packageFolder, `${name}.ts`);
}

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

import { basename, extname, join } from 'node:path';
import { fs } from './builtins.ts';

/** Whether this is what the sources were compiled to: Node takes no TypeScript below node_modules. */
export const isCompiled: boolean = extname(import.meta.filename) === '.js';

/**
 * The folder of the package that this file belongs to: one up in a clone, two where the package was installed and this is in
 * dist/parts/. No file is asked, which would say no where only a capability lets this process in.
 */
export const packageFolder: string = join(import.meta.dirname, isCompiled ? '../..' : '..');

/** @param name of a program of ours, to be run by Node in a process of its own, by its path in a clone without extension */
export function programFile(name: string): string {
  return isCompiled ? join(packageFolder, 'dist/programs', `${basename(name)}.js`) : join(packageFolder, `${name}.ts`);
}

/** Read once and early: a server that has dropped its rights may no longer be able to. */
export const version: string = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(fs.readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

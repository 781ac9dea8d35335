import { readFileSync } from 'node:fs';

/**
 * The version of the package that this file belongs to: its package.json is one folder up in a clone, two when compiled
 * to dist/core/. Read once and early: a server that has dropped its rights may no longer be able to.
 */
export const version: string = readVersion();

function readVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8'));
      if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'unknown';
}

/**
 * What a test file needs of the machine, read without running it: a line `// Needs: openssl, root` in the file or in one
 * of test/ that it imports. What stands there is `root`, a device, or a program or file of
 * packaging/debian-packages.json.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GROUPS, isThere } from '../packaging/debian-packages.mjs';

/** What each file in these folders needs: network namespaces, the whole product, and pings through it. */
const OF_FOLDERS = /^test\/(?:e2e|browser)\//;
const USUAL = ['root', '/dev/net/tun', 'ip', 'nft', 'sysctl', 'ping'];

/** Programs and files of all groups, with their packages. */
const PACKAGES: ReadonlyMap<string, string> = new Map(Object.values(GROUPS).flatMap((group) => Object.entries(group)));

/**
 * @param file its path from the root of the repository
 * @throws {Error} if it names what nobody knows
 */
export function needsOf(file: string): string[] {
  const needs = new Set(OF_FOLDERS.test(file) ? USUAL : []);
  for (const path of withImports(file)) {
    for (const [, list = ''] of readFileSync(path, 'utf8').matchAll(/^\/\/ Needs: (.+)$/gm)) {
      for (const need of list.split(', ')) {
        if (!isKnown(need))
          throw new Error(`${path} needs ${need}, which packaging/debian-packages.json does not have`);
        needs.add(need);
      }
    }
  }
  return [...needs];
}

/** A file and those of test/ that it imports, directly or not. */
export function withImports(file: string): string[] {
  const found = new Set([file]);
  for (const path of found) {
    for (const [, specifier = ''] of readFileSync(path, 'utf8').matchAll(
      /^(?:import\b.*|export\b.*|\}) from '(\.[^']+)'/gm,
    )) {
      const imported = join(dirname(path), specifier);
      if (imported.startsWith('test/')) found.add(imported);
    }
  }
  return [...found];
}

/** Which of them are not here. */
export function lackingOf(needs: readonly string[]): string[] {
  return needs.filter((need) => !isHere(need));
}

/** Those that packages bring, with the package of each. */
export function packagesFor(needs: readonly string[]): [string, string][] {
  return needs.flatMap((need): [string, string][] => {
    const name = PACKAGES.get(need);
    return name === undefined ? [] : [[need, name]];
  });
}

function isKnown(need: string): boolean {
  return need === 'root' || need.startsWith('/dev/') || PACKAGES.has(need);
}

function isHere(need: string): boolean {
  if (need === 'root') return process.geteuid?.() === 0;
  return need.startsWith('/dev/') ? existsSync(need) : isThere(need);
}

/** What the files of a profile look like. `node test/profile/golden.ts` writes them anew: read the difference then. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProfileFacts, profileFiles } from '../../profile/index.ts';
import { FULL, PLAIN } from './facts.ts';

export const GOLDEN: string = join(import.meta.dirname, 'golden');

export const CASES: Readonly<Record<string, ProfileFacts>> = { plain: PLAIN, full: FULL };

if (import.meta.main) {
  for (const [name, facts] of Object.entries(CASES)) {
    mkdirSync(join(GOLDEN, name), { recursive: true });
    for (const file of profileFiles(facts)) writeFileSync(join(GOLDEN, name, file.name), file.text);
  }
}

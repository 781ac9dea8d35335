/** What test/container needs beside the packages of the other tests. */
import { missingOf } from '../../packaging/debian-packages.mjs';
import { tunMissing } from '../support/netns.ts';

/** Why these tests can't run here, or undefined if they can. */
export function containerMissing(): string | undefined {
  const missing = missingOf(['test:container']).map(([, name]) => name);
  return tunMissing() ?? (missing.length === 0 ? undefined : `needs: apt install ${missing.join(' ')}`);
}

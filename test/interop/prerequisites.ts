/** What the interop tests need of the machine. */
import { existsSync } from 'node:fs';
import { missingOf } from '../../packaging/debian-packages.mjs';
import { tunMissing } from '../support/netns.ts';

/** Why the tests can't run here, as one line with its remedy; undefined if they can. */
export function interopMissing(): string | undefined {
  const packages = new Set(missingOf(['run', 'test:interop']).map(([, name]) => name));
  if (packages.size > 0) return `missing Debian packages: apt install ${[...packages].join(' ')}`;
  if (!existsSync('/usr/lib/uml/modules')) return 'no /usr/lib/uml/modules: apt install --reinstall user-mode-linux';
  return tunMissing();
}

/** What the interop tests need of the machine. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { missingOf } from '../../packaging/debian-packages.mjs';
import { tunMissing } from '../support/netns.ts';

/** Why the tests can't run here, as one line with its remedy; undefined if they can. */
export function interopMissing(): string | undefined {
  const packages = new Set(missingOf(['run', 'test:interop']).map(([, name]) => name));
  if (packages.size > 0) return `missing Debian packages: apt install ${[...packages].join(' ')}`;
  if (!existsSync('/usr/lib/uml/modules')) return 'no /usr/lib/uml/modules: apt install --reinstall user-mode-linux';
  return tunMissing();
}

/** Where `nm-packages` keeps NetworkManager between runs; `nm-lab --packages` takes it from there. */
export const NM_PACKAGES: string = fileURLToPath(new URL('../../node_modules/.cache/network-manager', import.meta.url));

/** As `interopMissing`, for the tests of NetworkManager: fetches it, which takes some seconds. */
export function networkManagerMissing(): string | undefined {
  const missing = interopMissing();
  if (missing !== undefined) return missing;
  const program = fileURLToPath(new URL('./nm-packages', import.meta.url));
  const { status, stderr, error } = spawnSync(program, [NM_PACKAGES], { encoding: 'utf8', timeout: 300_000 });
  if (status === 0) return undefined;
  return `no NetworkManager: ${error?.message ?? stderr.trim().split('\n')[0]}`;
}

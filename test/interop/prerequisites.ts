/** What the interop tests need of the machine, by the Debian package that brings it. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { tunMissing } from '../support/netns.ts';

/** Each command that the tests, `sstpc-lab`, the guest or the server start, and its package. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  'linux.uml': 'user-mode-linux',
  sstpc: 'sstp-client',
  pppd: 'ppp',
  ip: 'iproute2',
  tc: 'iproute2',
  ss: 'iproute2',
  nft: 'nftables',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  flock: 'util-linux',
  perl: 'perl-base',
  gcc: 'g++',
  ping: 'iputils-ping',
  curl: 'curl',
};

/** Why the tests can't run here, as one line with its remedy; undefined if they can. */
export function interopMissing(): string | undefined {
  const packages = new Set<string>();
  for (const [command, name] of Object.entries(PACKAGE_OF)) {
    if (!isInstalled(command)) packages.add(name);
  }
  if (packages.size > 0) return `missing Debian packages: apt install ${[...packages].join(' ')}`;
  if (!existsSync('/usr/lib/uml/modules')) return 'no /usr/lib/uml/modules: apt install --reinstall user-mode-linux';
  return tunMissing();
}

function isInstalled(command: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => isExecutable(join(folder, command)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

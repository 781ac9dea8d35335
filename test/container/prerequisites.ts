/** What test/container needs beside the packages of the other tests, with the Debian package of each program. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { tunMissing } from '../support/netns.ts';

const PROGRAMS: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  'docker-compose': 'docker-compose',
  podman: 'podman',
  buildah: 'buildah',
  runc: 'runc',
  iptables: 'iptables',
  mmdebstrap: 'mmdebstrap',
};

/** Why these tests can't run here, or undefined if they can. */
export function containerMissing(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const missing = Object.entries(PROGRAMS)
    .filter(([program]) => !folders.some((folder) => existsSync(join(folder, program))))
    .map(([, name]) => name);
  return tunMissing() ?? (missing.length === 0 ? undefined : `needs: apt install ${missing.join(' ')}`);
}

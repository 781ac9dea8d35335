/**
 * What stands in for `node:24-bookworm-slim` where no registry of images can be asked: a Debian 12 of Debian's packages
 * with the Node of the npm package `node` and npm, laid out as in the official image.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The name in the product's Dockerfile, where its digest stands behind it. */
export const BASE_IMAGE = 'node:24-bookworm-slim';
/** Has the product's image built on what stands in, whose digest is another. */
export const ON_BASE: readonly string[] = ['--build-arg', `BASE=${BASE_IMAGE}`];
/** What the archive is imported as. */
export const DEBIAN_IMAGE = 'debian:bookworm-slim';

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** The machine's certificates are what npm needs where a proxy with an authority of its own stands before the registry. */
const DOCKERFILE = `FROM ${DEBIAN_IMAGE}
COPY node/ /usr/local/
COPY npm/ /usr/local/lib/node_modules/npm/
COPY ca-certificates.crt ${CERTIFICATES}
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
  && chmod 755 /usr/local/lib/node_modules/npm/bin/*.js \\
  && groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home node
ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}
`;

export interface BaseImage {
  /** A root file system of Debian 12. */
  readonly archive: string;
  /** Where the image on top of it is built. */
  readonly context: string;
}

/** @param folder that the parts go to */
export function makeBaseImage(folder: string): BaseImage {
  const archive = join(folder, 'debian.tar');
  const packages = '--include=ca-certificates,libstdc++6';
  execFileSync('mmdebstrap', ['--quiet', '--variant=minbase', packages, 'bookworm', archive], { stdio: 'pipe' });
  const context = join(folder, 'base');
  mkdirSync(join(context, 'node/bin'), { recursive: true });
  cpSync(process.execPath, join(context, 'node/bin/node'), { dereference: true });
  cpSync(includeFolder(), join(context, 'node/include'), { recursive: true });
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, 'npm@11'], { cwd: folder, stdio: 'pipe' });
  const tarball = readdirSync(folder).find((name) => name.startsWith('npm-')) ?? '';
  mkdirSync(join(context, 'npm'));
  execFileSync('tar', ['xzf', join(folder, tarball), '--strip-components=1', '-C', join(context, 'npm')]);
  cpSync(CERTIFICATES, join(context, 'ca-certificates.crt'), { dereference: true });
  writeFileSync(join(context, 'Dockerfile'), DOCKERFILE);
  return { archive, context };
}

/** Of the Node that runs this: the npm package nests the binary's folder, and may have linked it elsewhere. */
function includeFolder(): string {
  const nested = `node_modules/node/node_modules/node-${process.platform}-${process.arch}/include`;
  const beside = join(dirname(dirname(process.execPath)), 'include');
  const found = [beside, nested].find((folder) => existsSync(join(folder, 'node/node_api.h')));
  if (found === undefined) throw new Error('no Node headers found: run "npm ci"');
  return found;
}

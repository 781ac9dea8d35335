/**
 * What `npm pack` does first: compiles the sources to dist/, and puts the addon and the workers' cage, which install
 * scripts are not needed for then, into prebuilds/. `--clean` takes both away again.
 *
 * The sources become a few files, as each one more costs half a millisecond at every start; what they depend on does not.
 * All lie two folders below dist's parent, where core/package.ts looks for it.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const at = (path) => join(root, path);

for (const folder of ['dist', 'prebuilds']) rmSync(at(folder), { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  run(at('tun/native/build.mjs'));
  await build({
    entryPoints: [
      'cli/main.ts',
      'cli/demo-traffic.ts',
      'server/workers/worker-main.ts',
      'server/certificates/issuer-main.ts',
    ].map(at),
    entryNames: 'programs/[name]',
    chunkNames: 'parts/[name]-[hash]',
    outdir: at('dist'),
    platform: 'node',
    target: 'node24',
    format: 'esm',
    bundle: true,
    splitting: true,
    packages: 'external',
    logLevel: 'warning',
  });
  const folder = at(`prebuilds/${process.platform}-${process.arch}-${libc()}`);
  mkdirSync(folder, { recursive: true });
  for (const name of ['tun.node', 'sstpd-cage'].filter((one) => existsSync(at(`tun/native/build/Release/${one}`)))) {
    copyFileSync(at(`tun/native/build/Release/${name}`), join(folder, name));
  }
}

function run(program, ...args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

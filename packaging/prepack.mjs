/**
 * What `npm pack` does first: compiles the sources to dist/, and puts the addon and the workers' cage, which install
 * scripts are not needed for then, into prebuilds/; writes down what is in it. `--clean` takes all that away again.
 *
 * The same commit makes the same package, byte by byte, wherever and by whomever (packaging/reproduce.mjs).
 *
 * The sources become a few files, as each one more costs half a millisecond at every start; what they depend on does not.
 * All lie two folders below dist's parent, where core/package.ts looks for it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { SBOM_FILE, writeSbom } from './sbom.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const at = (path) => join(root, path);

for (const made of ['dist', 'prebuilds', SBOM_FILE]) rmSync(at(made), { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  run(at('tun/native/build.mjs'));
  await build({
    absWorkingDir: root,
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
  writeSbom(root);
  settleModes();
}

/** npm packs a file with the rights that it has, and those come from the umask of who cloned or built it. */
function settleModes() {
  const { files } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  const patterns = [...files, 'package.json', 'README.md', 'LICENSE'].map((name) =>
    name.endsWith('/') ? `${name}**` : name,
  );
  for (const name of globSync(patterns, { cwd: root })) {
    const stats = statSync(at(name));
    if (stats.isFile()) chmodSync(at(name), (stats.mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

function run(program, ...args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

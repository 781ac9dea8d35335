/**
 * What `npm pack` does first: compiles the sources to dist/, and puts the addon, which install scripts are not needed
 * for then, into prebuilds/. `--clean` takes both away again.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const at = (path) => join(root, path);

for (const folder of ['dist', 'prebuilds']) rmSync(at(folder), { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  run(at('tun/native/build.mjs'));
  run(at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json'));
  const place = at(`prebuilds/${process.platform}-${process.arch}-${libc()}/tun.node`);
  mkdirSync(dirname(place), { recursive: true });
  copyFileSync(at('tun/native/build/Release/tun.node'), place);
}

function run(program, ...args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

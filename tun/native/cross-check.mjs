/**
 * `npm run check:arm`: compiles every source of the addon for arm64 with Debian's cross compiler, warnings as errors, and
 * makes the program `sstpd-cage`, which needs no library. Nothing is run.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cageTarget, findIncludeFolder } from './headers.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const include = findIncludeFolder();
const compiler = process.env.CROSS_CXX ?? 'aarch64-linux-gnu-g++';

if (spawnSync(compiler, ['--version']).status !== 0) {
  console.log(`arm64: left out, needs ${compiler} (apt install g++-aarch64-linux-gnu)`);
  process.exitCode = process.env.CI === undefined ? 0 : 1;
} else {
  const sources = readdirSync(here).filter((file) => file.endsWith('.cc'));
  const flags = ['-std=c++17', '-O3', '-fPIC', '-Wall', '-Wextra', '-Werror', '-DNAPI_VERSION=8', `-I${include}`];
  const failed = sources.filter(
    (file) =>
      spawnSync(compiler, [...flags, '-c', join(here, file), '-o', '/dev/null'], { stdio: 'inherit' }).status !== 0,
  );
  console.log(`arm64: ${sources.length - failed.length} of ${sources.length} sources compiled`);
  const cage = cageTarget();
  const made = spawnSync(
    compiler,
    [...cage.cflags, ...cage.cflags_cc, ...cage.sources, ...cage.ldflags, '-o', '/dev/null'],
    { cwd: here, stdio: 'inherit' },
  );
  console.log(`arm64: sstpd-cage ${made.status === 0 ? 'linked' : 'did not link'}`);
  process.exitCode = failed.length === 0 && made.status === 0 ? 0 : 1;
}

/**
 * `npm run test:asan [files]`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and runs the tests
 * that load it. `SSTPD_ADDON` names the build to them.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findIncludeFolder, readGyp } from './headers.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const output = join(here, 'build-asan');
const compiler = process.env.CXX ?? 'g++';

process.exitCode = main();

function main() {
  const include = findIncludeFolder();
  mkdirSync(output, { recursive: true });
  const addon = join(output, 'tun.node');
  const gyp = readGyp();
  const sources = gyp.targets[0].sources.map((file) => join(here, file));
  const defines = gyp.targets[0].defines.map((name) => `-D${name}`);
  const flags = ['-std=c++17', '-O1', '-g', '-fno-omit-frame-pointer', '-shared', '-fPIC', '-fvisibility=hidden'];
  const warnings = ['-Wall', '-Wextra', '-Werror'];
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];
  const built = spawnSync(
    compiler,
    [...flags, ...warnings, ...sanitizers, ...defines, `-I${include}`, '-o', addon, ...sources],
    { stdio: 'inherit' },
  );
  if (built.status !== 0) return 1;

  const given = process.argv.slice(2);
  const tests = given.length > 0 ? given : globSync('test/{tun,datapath}/*.test.ts', { cwd: root }).sort();
  const run = spawnSync(process.execPath, ['--test', '--test-concurrency=2', ...tests], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      SSTPD_ADDON: addon,
      LD_PRELOAD: ['libasan.so', 'libubsan.so'].map(library).join(' '),
      // Node keeps a few bytes to its end, which would count as leaks.
      ASAN_OPTIONS: 'detect_leaks=0',
    },
  });
  return run.status === 0 ? 0 : 1;
}

function library(name) {
  return spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
}

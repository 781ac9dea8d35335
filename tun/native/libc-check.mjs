/**
 * `npm run check:libc`: the addon asks its C library for nothing that musl lacks (a glibc-only function would stop it on
 * Alpine). Compares what the built addon imports with what musl exports. And the program `sstpd-cage` asks for nothing at
 * all: one build of it is for every C library.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const release = join(dirname(fileURLToPath(import.meta.url)), 'build/Release');
const addon = join(release, 'tun.node');
const cage = join(release, 'sstpd-cage');
const [musl] = globSync('/lib/ld-musl-*.so.1');

process.exitCode = main();

function main() {
  if (!existsSync(addon)) return fail('the addon is not built: run "npm ci"');
  const loaded = spawnSync('readelf', ['--program-headers', '--dynamic', cage], { encoding: 'utf8' });
  if (loaded.status !== 0) return fail('sstpd-cage is not built: run "npm ci"');
  if (/INTERP|NEEDED/.test(loaded.stdout)) return fail('sstpd-cage wants a C library');
  console.log('libc: sstpd-cage needs none');
  if (musl === undefined) {
    console.log('libc: left out, needs musl (apt install musl)');
    return process.env.CI === undefined ? 0 : 1;
  }
  // name@GLIBC_2.2.5; those of Node and libuv have no version, those of libstdc++ another.
  const wanted = symbols(addon).filter((name) => /@GLIBC_/.test(name));
  const has = new Set(symbols(musl).map(bare));
  if (wanted.length < 10 || has.size < 1000) return fail('the symbols could not be read');
  const missing = wanted.map(bare).filter((name) => !has.has(name));
  if (missing.length > 0) return fail(`musl has no ${missing.join(', ')}`);
  console.log(`libc: all ${wanted.length} functions that the addon asks for are in musl, too`);
  return 0;
}

function symbols(file) {
  const { stdout, status } = spawnSync('nm', ['-D', file], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n').map((line) => line.split(' ').at(-1) ?? '') : [];
}

function bare(name) {
  return name.split('@')[0];
}

function fail(line) {
  console.error(`libc: ${line}`);
  return 1;
}

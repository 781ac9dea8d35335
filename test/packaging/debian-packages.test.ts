import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GROUPS, isThere, missingOf, neededBy, packagesOf } from '../../packaging/debian-packages.mjs';

test('the groups are what to build, what to run, and npm scripts', () => {
  const groups = Object.keys(GROUPS);
  assert.deepEqual(groups.slice(0, 3), ['build', 'run', 'test']);
  assert.deepEqual(packagesOf(['build', 'run']), ['g++', 'make', 'python3', 'iproute2', 'nftables']);
  assert.throws(() => neededBy(['constructor']), /^Error: constructor is none of build, run, test/);
});

test('names are packages, programs or absolute files', () => {
  for (const [what, name] of neededBy(Object.keys(GROUPS))) {
    assert.match(name, /^[a-z0-9][a-z0-9+.-]+$/);
    assert.match(what, /^(?:[a-z0-9][\w+.-]*|\/\S+)$/);
  }
});

test('the program prints the packages of groups in one line, each once', () => {
  const print = (...words: string[]): string =>
    execFileSync(process.execPath, ['packaging/debian-packages.mjs', ...words], { encoding: 'utf8' });
  assert.equal(print('build', 'run', 'build'), 'g++ make python3 iproute2 nftables\n');
  assert.deepEqual(print('--all').trim().split(' '), packagesOf(Object.keys(GROUPS)));
});

test('a program is one that may be run, in one of the folders; a file may have a * in each part', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-there-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'lib-14/x/nft'), { recursive: true });
  writeFileSync(join(folder, 'ip'), '', { mode: 0o755 });
  writeFileSync(join(folder, 'lib-14/x/lib.a+b'), '');
  writeFileSync(join(folder, 'ss'), '', { mode: 0o644 });
  assert.deepEqual(
    ['ip', 'ss', 'nft'].map((name) => isThere(name, [join(folder, 'lib-14/x'), folder])),
    [true, false, false],
  );
  const files = ['lib-*/x/lib.a+b', 'lib-*/*/*.a+b', 'lib-*/x/lib_a+b', 'lib-*/y/*', 'ip/*'];
  assert.deepEqual(
    files.map((name) => isThere(join(folder, name))),
    [true, true, false, false, false],
  );
  assert.deepEqual(missingOf(['run'], [folder]), [['nft', 'nftables']]);
});

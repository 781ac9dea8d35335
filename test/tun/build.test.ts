import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const MISSING =
  'g\\+\\+, make, python3 not found: (?:as root )?' +
  'run "apt-get update && apt-get install -y --no-install-recommends g\\+\\+ make python3"';

/** The sources in a folder of their own, as in a fresh clone without node_modules, or as a package without an addon. */
function copySources(t: TestContext, isClone = true): string {
  const root = mkdtempSync(join(tmpdir(), 'sstpd-build-'));
  t.after(() => rmSync(root, { recursive: true }));
  const folder = join(root, 'tun/native');
  if (isClone) {
    mkdirSync(join(root, 'cli'));
    writeFileSync(join(root, 'cli/main.ts'), '');
  }
  cpSync('tun/native', folder, { recursive: true, filter: (file) => !file.includes('/build/') });
  cpSync('packaging', join(root, 'packaging'), { recursive: true });
  return folder;
}

function build(folder: string, env: NodeJS.ProcessEnv): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [join(folder, 'build.mjs')], { env, encoding: 'utf8' });
}

test('without compiler, make and python3: one line with the Debian packages, exit 1', (t) => {
  const run = build(copySources(t), { PATH: '/nonexistent' });
  assert.match(run.stderr, new RegExp(`^sstpd: ${MISSING}, then "npm ci" again\n$`));
  assert.equal(run.stdout, '');
  assert.equal(run.status, 1);
});

test('a compiler that somebody planted where npm looks first is none', (t) => {
  const folder = copySources(t);
  const planted = join(folder, 'node_modules/.bin');
  mkdirSync(planted, { recursive: true });
  for (const name of ['g++', 'make', 'python3']) writeFileSync(join(planted, name), '#!/bin/sh\n', { mode: 0o755 });
  const { status, stderr } = build(folder, { PATH: `${planted}:.:/nonexistent` });
  assert.match(stderr, /^sstpd: g\+\+, make, python3 not found/);
  assert.equal(status, 1);
});

test('an installed package is told to run its own command', (t) => {
  const { stderr } = build(copySources(t, false), { PATH: '/nonexistent' });
  assert.match(stderr, new RegExp(`^sstpd: ${MISSING}, then "sstpd build-addon" again\n$`));
});

test('an addon newer than its sources is left alone', (t) => {
  const folder = copySources(t);
  mkdirSync(join(folder, 'build/Release'), { recursive: true });
  const addon = join(folder, 'build/Release/tun.node');
  writeFileSync(addon, '');
  const run = build(folder, { PATH: '/nonexistent' });
  assert.deepEqual([run.status, run.stdout, run.stderr], [0, '', '']);
  utimesSync(addon, 0, 0);
  assert.equal(build(folder, { PATH: '/nonexistent' }).status, 1);
});

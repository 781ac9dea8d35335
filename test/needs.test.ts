import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { GROUPS } from '../packaging/debian-packages.mjs';
import { lackingOf, needsOf, packagesFor, withImports } from './needs.ts';
import { describeLeftOut, lastLine } from './verdict.ts';

const FILES = globSync('test/**/*.test.ts', { exclude: ['test/{interop,container}/**'] });

/** Programs that each Debian has: its essential packages bring them. */
const ALWAYS = ['setpriv', 'unshare'];

test('each file that calls a program which Debian may lack says so: "// Needs: NAME"', () => {
  const programs = Object.keys(GROUPS.test ?? {})
    .map((what) => basename(what))
    .filter((name) => !ALWAYS.includes(name));
  const silent = FILES.filter((file) => /^test\/(?:e2e|browser)\//.test(file)).flatMap((file) => {
    const text = withImports(file)
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    const needs = needsOf(file).map((need) => basename(need));
    return programs
      .filter((name) => new RegExp(`(?:[(\\[] ?|, )'(?:/usr/s?bin/)?${name.replaceAll('.', '\\.')}'[,\\])]`).test(text))
      .filter((name) => !needs.includes(name))
      .map((name) => `${file}: ${name}`);
  });
  assert.deepEqual(silent, []);
});

test('a file of e2e/ or browser/ needs root, the TUN device, ip and nft; one of no folder needs nothing', () => {
  const usual = ['root', '/dev/net/tun', 'ip', 'nft', 'sysctl', 'ping'];
  assert.deepEqual(needsOf('test/e2e/stop.test.ts'), usual);
  assert.deepEqual(needsOf('test/browser/portal.test.ts').slice(0, 7), [...usual, 'chromium']);
  assert.deepEqual(needsOf('test/ppp/automaton.test.ts'), []);
});

test('what an imported file of test/ needs, the importing one needs', () => {
  assert.ok(needsOf('test/tls/listener.test.ts').includes('openssl'));
});

test('packages are known for programs and files, not for root and devices', () => {
  assert.deepEqual(packagesFor(['root', '/dev/net/tun', 'nft', 'promtool']), [
    ['nft', 'nftables'],
    ['promtool', 'prometheus'],
  ]);
  assert.deepEqual(lackingOf(['/dev/null', '/dev/no-such-device', 'sh-that-nobody-has']), [
    '/dev/no-such-device',
    'sh-that-nobody-has',
  ]);
});

test('the last line says how many passed, failed, were skipped and left out, and why', () => {
  const unit = { passed: 10, failed: 0, skipped: 1 };
  assert.equal(
    lastLine([unit, { passed: 5, failed: 2, skipped: 0 }], []),
    '15 passed, 2 failed, 1 skipped, 0 files left out',
  );
  const leftOut = [
    { file: 'a', lacking: ['nft'] },
    { file: 'b', lacking: ['root', 'nft'] },
    { file: 'c', lacking: ['nft'] },
  ];
  assert.equal(lastLine([unit], leftOut), '10 passed, 0 failed, 1 skipped, 3 files left out for want of nft, root');
  assert.equal(
    lastLine([unit], leftOut.slice(0, 1)),
    '10 passed, 0 failed, 1 skipped, 1 file left out for want of nft',
  );
  assert.deepEqual(describeLeftOut(leftOut), ['LEFT OUT for want of nft: a c', 'LEFT OUT for want of root, nft: b']);
});

/** sstpc.sh in a real shell, with programs in place of those that it starts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type ProfileFacts, profileFile } from '../../profile/index.ts';
import { FULL, PLAIN, userNames } from './facts.ts';

/** Debian's 1.0.18 has the option; 1.1.0 does not, and ends when it gets one that it does not know. */
const KINDS = { '1.0.18': '  --tls-ext                Enable TLS hostname extension', '1.1.0': '' } as const;

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-sstpc-'));
  mkdirSync(join(folder, 'tmp'));
  program('id', 'echo 0');
  program('pppd', 'exit 1');
  program('getent', 'echo "192.0.2.5 STREAM $2"; echo "2001:db8::5 STREAM"');
  for (const name of ['ip', 'resolvectl']) program(name, `echo ${name} "$@" >>${folder}/ran`);
  for (const [kind, help] of Object.entries(KINDS)) {
    mkdirSync(join(folder, kind));
    program(
      `${kind}/sstpc`,
      `[ "$1" = --help ] && { printf '%s\\n' 'Available sstp options:' '  --ca-cert <cert>' '${help}'; exit 0; }
printf '%s\\0' "$@" >${folder}/words
cat /proc/$$/cmdline >${folder}/process
for word in "$@"; do
  case $word in --tls-ext) [ -n '${help}' ] || exit 255 ;; esac
  case $last in file) cp "$word" ${folder}/options ;; --ca-cert) cp "$word" ${folder}/ca ;; esac
  last=$word
done`,
    );
  }
});
after(() => rmSync(folder, { recursive: true }));

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

interface Run {
  readonly status: number | null;
  readonly stderr: string;
  readonly words: readonly string[];
  /** As pppd reads its file of options. */
  readonly options: readonly string[];
}

function run(facts: ProfileFacts, input: string, kind: keyof typeof KINDS = '1.0.18', shell = '/bin/sh'): Run {
  for (const name of ['words', 'options', 'ca']) rmSync(join(folder, name), { force: true });
  writeFileSync(join(folder, 'sstpc.sh'), profileFile('sstpc', facts).text);
  const env = { PATH: `${join(folder, kind)}:${folder}:/usr/bin:/bin`, TMPDIR: join(folder, 'tmp') };
  const { status, stderr } = spawnSync(shell, [join(folder, 'sstpc.sh')], { env, input, encoding: 'utf8' });
  const read = (name: string): string =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '';
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [], 'nothing is left behind');
  return { status, stderr, words: read('words').split('\0').slice(0, -1), options: optionWords(read('options')) };
}

/** Words of a file of options, pppd(8) OPTIONS FILES: in quotes, where a backslash takes the next sign as it is. */
function optionWords(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/gs)].map(
    ([, quoted, plain]) => plain ?? (quoted ?? '').replace(/\\(.)/gs, '$1'),
  );
}

const texts = fc
  .oneof(userNames, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }))
  .filter((text) => !/[\p{Cc}\u2028\u2029]/u.test(text));

/** What a password may hold that a shell or pppd has its own mind about. */
const passwords = fc
  .oneof(texts, fc.string({ unit: fc.constantFrom(...' \t\\\'"$`#%-n\u2019\u201d'), minLength: 1, maxLength: 8 }))
  .filter((text) => !/[\p{Cc}\u2028\u2029]/u.test(text.replaceAll('\t', '')));

test('name and password come to pppd as they were, and stand on no command line', () => {
  const usual = run({ ...PLAIN, user: 'ann' }, 'SECRET\n').words;
  const place = usual[usual.indexOf('file') + 1] ?? '';
  const folderOf = (words: readonly string[]): readonly string[] =>
    words.map((word) => word.replace(/\/tmp\/tmp\.\w+\//, '/tmp/tmp.X/'));
  assert.match(place, /\/options$/);
  fc.assert(
    fc.property(texts, passwords, (user, password) => {
      const { status, stderr, words, options } = run({ ...PLAIN, user }, `${password}\n`);
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      assert.deepEqual(options, ['user', user, 'password', password]);
      assert.deepEqual(folderOf(words), folderOf(usual));
    }),
    { numRuns: 40 },
  );
});

test('a password without a line end is one, none is none', () => {
  assert.deepEqual(run(PLAIN, ' x').options, ['user', 'ann', 'password', ' x']);
  const { status, words } = run(PLAIN, '');
  assert.notEqual(status, 0);
  assert.deepEqual(words, []);
});

test('with either version of sstpc, and by each shell: --tls-ext where it is known', () => {
  for (const shell of ['/bin/sh', '/bin/bash']) {
    const old = run(PLAIN, 'x\n', '1.0.18', shell);
    assert.equal(old.status, 0, old.stderr);
    assert.equal(old.words[0], '--tls-ext');
    const newer = run(PLAIN, 'x\n', '1.1.0', shell);
    assert.equal(newer.status, 0, newer.stderr);
    assert.deepEqual(newer.words.slice(0, 1), ['--ca-cert']);
    assert.equal(newer.words.includes('vpn.example.com'), true);
  }
});

test('the authority goes along in the script; where the issuer is known there is none', () => {
  run(PLAIN, 'x\n');
  assert.equal(readFileSync(join(folder, 'ca'), 'utf8'), PLAIN.caPem);
  const { words } = run({ ...FULL, user: 'ann' }, 'x\n');
  assert.ok(!words.includes('--ca-cert'));
  assert.deepEqual(words.slice(0, 3), ['--tls-ext', '[2001:db8::5]:8443', 'file']);
});

test('what is missing is one line', () => {
  program('getent', 'exit 2');
  try {
    const unknown = run(PLAIN, 'x\n');
    assert.deepEqual([unknown.status, unknown.stderr], [1, 'vpn.example.com is not known in DNS\n']);
  } finally {
    program('getent', 'echo "192.0.2.5 STREAM $2"');
  }
  rmSync(join(folder, 'pppd'));
  const without = run(PLAIN, 'x\n');
  program('pppd', 'exit 1');
  if (existsSync('/usr/sbin/pppd')) return; // the script looks there, too
  assert.deepEqual([without.status, without.stderr], [1, 'pppd is missing: apt install sstp-client iproute2\n']);
});

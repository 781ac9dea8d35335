import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../../../server/config/index.ts';
import { type CheckedHooks, checkHooks } from '../../../../server/observe/hooks/check-hooks.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root: files of several owners';
const RUN_USER = { uid: 65_534, gid: 65_534 };
const ROOT = { uid: 0, gid: 0 };

function newFolder(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sstpd-hooks-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  return folder;
}

function script(folder: string, mode = 0o755, name = 'up'): string {
  const path = join(folder, name);
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, mode);
  return path;
}

function check(keys: Readonly<Record<string, string>>, user = RUN_USER): CheckedHooks {
  const flags = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`hooks.${key}`, value]));
  return checkHooks(loadConfig({ flags, env: {} }).config, user);
}

const refused = (pattern: RegExp) => (error: Error) => {
  assert.equal('code' in error && error.code, 'ERR_START');
  assert.match(error.message, pattern);
  assert.doesNotMatch(error.message, /\n/);
  return true;
};

test('without hooks there is nothing to look at', () => {
  assert.deepEqual(check({}), { up: undefined, down: undefined, secret: Buffer.alloc(0), findings: [] });
});

test('a script of root, which the server may run; a link is followed once and for all', { skip }, (t) => {
  const folder = newFolder(t);
  const path = script(folder);
  symlinkSync(path, join(folder, 'link'));
  assert.equal(check({ up: join(folder, 'link') }).up, path);
  assert.equal(check({ down: path }, ROOT).down, path);
});

test('what is missing, no file, or not for the server to run, is refused with what mends it', { skip }, (t) => {
  const folder = newFolder(t);
  assert.throws(() => check({ up: join(folder, 'none') }), refused(/^hooks\.up: .*ENOENT.*exists/));
  assert.throws(() => check({ down: folder }), refused(/^hooks\.down: .* is no file/));
  assert.throws(() => check({ up: script(folder, 0o700) }), refused(/user id 65534.*: chmod 755 /));
  assert.throws(() => check({ up: script(folder, 0o644) }), refused(/chmod 755 /));
  mkdirSync(join(folder, 'closed'), { mode: 0o700 });
  assert.throws(
    () => check({ up: script(join(folder, 'closed')) }),
    refused(/lies in .*closed, which is closed to user/),
  );
});

test('what others could change is refused, the script or a folder above it', { skip }, (t) => {
  const folder = newFolder(t);
  assert.throws(() => check({ up: script(folder, 0o775) }), refused(/can be changed by others .*chmod go-w /));
  assert.throws(() => check({ up: script(folder, 0o757) }), refused(/chmod go-w /));
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  assert.throws(
    () => check({ up: script(shared) }),
    refused(/can be changed by others .*shared\): chmod go-w .*shared$/),
  );
  chmodSync(shared, 0o1777);
  assert.ok(check({ up: join(shared, 'up') }).up, 'as in /tmp, only the owner may replace it');
});

test('what the server itself could change is refused', { skip }, (t) => {
  const path = script(newFolder(t));
  chownSync(path, RUN_USER.uid, RUN_USER.gid);
  assert.throws(() => check({ up: path }), refused(/can be changed by user id 65534, .*: chown root /));
});

test('the secret: long enough, without the line end, and for nobody else', { skip }, (t) => {
  const file = join(newFolder(t), 'secret');
  const write = (text: string | Uint8Array, mode = 0o600): string => {
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };
  assert.equal(check({ secretFile: write('0123456789abcdef\n') }).secret.toString(), '0123456789abcdef');
  assert.equal(check({ secretFile: write('\ufeff0123456789abcdéf\r\n') }).secret.toString(), '0123456789abcdéf');
  const notUtf8 = Buffer.from('0123456789abcdef\xa0', 'latin1');
  assert.throws(() => check({ secretFile: write(notUtf8) }), refused(/it is not UTF-8; openssl rand -hex 32/));
  assert.throws(() => check({ secretFile: write('0123456789abcdef\n0') }), refused(/more than one line/));
  assert.throws(() => check({ secretFile: write('short') }), refused(/^hooks\.secretFile: .* holds 5 bytes, 16 to/));
  assert.throws(() => check({ secretFile: write('0123456789abcdef', 0o644) }), refused(/open to everybody: chmod 600/));
  assert.throws(() => check({ secretFile: `${file}-none` }), refused(/ENOENT\): name a file that exists/));
});

test('a blank at an end of the secret counts, and is told with its file', { skip }, (t) => {
  const file = join(newFolder(t), 'secret');
  const findings = (text: string) => {
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    const { secret, findings } = check({ secretFile: file });
    assert.equal(secret.toString(), text.replace(/\r?\n$/, ''));
    return findings.map(({ result, text }) => `${result}: ${text}`);
  };
  const told = (ends: string) => [
    `warning: the secret in ${file} ${ends} with a blank, which is part of the key that signs`,
  ];
  for (const blank of [' ', '\t', '\u00a0', '  ']) {
    assert.deepEqual(findings(`0123456789abcdef${blank}\n`), told('ends'));
    assert.deepEqual(findings(`${blank}0123456789abcdef\r\n`), told('begins'));
    assert.deepEqual(findings(`${blank}0123456789abcdef${blank}`), told('begins and ends'));
  }
  assert.deepEqual(findings('0123456789 abcdef\n'), []);
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { newPassword } from '../../cli/new-password.ts';
import { askPassword, passwordFromFile, passwordFromVariable, readAll } from '../../cli/password.ts';
import { CliError } from '../../cli/terminal.ts';
import { systemErrorCode } from '../../core/index.ts';
import { fakeTerminal } from './support.ts';

test('on a terminal the password is asked for twice, on stderr, and shown nowhere', async () => {
  const { terminal, stdout, stderr } = fakeTerminal({ isTTY: true, typed: 'secret\rsecret\r' });
  assert.deepEqual(await newPassword(terminal, false), { password: 'secret', isGenerated: false });
  assert.equal(stdout(), '');
  assert.equal(stderr(), 'Password (empty for a random one): \nAgain: \n');
});

test('two different passwords are refused', async () => {
  const { terminal } = fakeTerminal({ isTTY: true, typed: 'one\rtwo\r' });
  await assert.rejects(newPassword(terminal, false), { message: 'the two passwords differ; nothing was changed' });
});

test('nothing typed means a random one, and is not asked for again', async () => {
  const { terminal, stderr } = fakeTerminal({ isTTY: true, typed: '\r' });
  const { password, isGenerated } = await newPassword(terminal, false);
  assert.ok(isGenerated && password.length >= 16);
  assert.doesNotMatch(stderr(), /Again/);
});

test('Ctrl-C and Ctrl-D end the question with exit status 130', async () => {
  for (const typed of ['se\x03', '\x04', 'secret\r\x03']) {
    const { terminal } = fakeTerminal({ isTTY: true, typed });
    await assert.rejects(newPassword(terminal, false), (error) => error instanceof CliError && error.exitCode === 130);
  }
});

test('asking once takes what was typed, corrections included', async () => {
  const { terminal, stderr } = fakeTerminal({ isTTY: true, typed: 'secrex\x7ft\r' });
  assert.equal(await askPassword(terminal, 'Password of ann: '), 'secret');
  assert.equal(stderr(), 'Password of ann: \n');
});

test('a password from a pipe or a file loses one line end and must be one line', async () => {
  for (const [bytes, password] of [
    ['a b\n', 'a b'],
    ['a b\r\n', 'a b'],
    [' a ', ' a '],
    ['zwölf\n', 'zwölf'],
    ['\ufeffzwölf\r\n', 'zwölf'], // as Windows' Notepad saves it
    ['tab\tin it', 'tab\tin it'],
  ] as const) {
    assert.equal(await readAll(PassThrough.from([Buffer.from(bytes)])), password);
    assert.equal(passwordFromFile(fileOf(bytes)), password);
  }
});

const folder = mkdtempSync(join(tmpdir(), 'sstpd-password-'));
after(() => rmSync(folder, { recursive: true }));

function fileOf(bytes: string | Uint8Array): string {
  const file = join(folder, 'password');
  writeFileSync(file, bytes);
  return file;
}

test('bytes that are no line of UTF-8 are no password, from a pipe, a file and the environment', async () => {
  const latin1 = Buffer.from('grüße1\n', 'latin1');
  for (const [bytes, fault] of [
    [latin1, 'it is not UTF-8'],
    [Buffer.from('caf\xe9', 'latin1'), 'it is not UTF-8'],
    [Buffer.from('c3', 'hex'), 'it is not UTF-8'],
    [Buffer.from('eda080', 'hex'), 'it is not UTF-8'],
    [Buffer.from('\ufeffsecret\r\n', 'utf16le'), 'it is not UTF-8 but UTF-16: save it as UTF-8'],
    [Buffer.from('\ufeffsecret', 'utf16le').swap16(), 'it is not UTF-8 but UTF-16: save it as UTF-8'],
    [Buffer.from('secret', 'utf16le'), 'it holds a control character, such as a zero byte'],
    [Buffer.from('a\0b\n'), 'it holds a control character, such as a zero byte'],
    [Buffer.from(''), 'it is empty'],
    [Buffer.from('\r\n'), 'it is empty'],
    [Buffer.from('\ufeff\n'), 'it is empty'],
    [Buffer.from('a\nb'), 'it has more than one line'],
    [Buffer.from('a\rb'), 'it has more than one line'],
    [Buffer.from('a\n\n'), 'it has more than one line'],
  ] as const) {
    const message = `the password cannot be used: ${fault}`;
    await assert.rejects(readAll(PassThrough.from([bytes])), { name: 'CliError', message });
    const file = fileOf(bytes);
    const inFile = { name: 'CliError', message: `the password in ${file} cannot be used: ${fault}` };
    assert.throws(() => passwordFromFile(file), inFile);
  }
  // A character that two chunks share is whole again.
  const cut = Buffer.from('zwölf');
  assert.equal(await readAll(PassThrough.from([cut.subarray(0, 3), cut.subarray(3)])), 'zwölf');
  assert.equal(passwordFromVariable('SSTPD_PASSWORD', 'grüße1'), 'grüße1');
  assert.throws(() => passwordFromVariable('SSTPD_PASSWORD', latin1.toString('utf8')), {
    message: 'the password in SSTPD_PASSWORD cannot be used: it is not UTF-8',
  });
  const typed = fakeTerminal({ isTTY: true, typed: Buffer.from('gr\xfc\xdfe1\r', 'latin1') });
  await assert.rejects(askPassword(typed.terminal, '?'), {
    message: 'the password cannot be used: what was typed is not UTF-8',
  });
  assert.throws(
    () => passwordFromFile(join(folder, 'none')),
    (error: CliError) => /none cannot be read$/.test(error.message) && systemErrorCode(error.cause) === 'ENOENT',
  );
});

test('white space at an end of a password is kept and warned of, typed or piped; elsewhere it is nothing to say', async () => {
  const warning = 'sstpd: warning: the password begins or ends with white space, which is part of it\n';
  for (const password of [' a', 'a ', '\ta', 'a\u00a0', ' ']) {
    const piped = fakeTerminal({ typed: `${password}\n` });
    assert.equal((await newPassword(piped.terminal, true)).password, password);
    assert.equal(piped.stderr(), warning);
    if (password.includes('\t')) continue; // readline's own key
    const typed = fakeTerminal({ isTTY: true, typed: `${password}\r${password}\r` });
    assert.equal((await newPassword(typed.terminal, false)).password, password);
    assert.ok(typed.stderr().endsWith(`Again: \n${warning}`));
  }
  for (const password of ['a b', 'a']) {
    const { terminal, stderr } = fakeTerminal({ typed: `${password}\n` });
    assert.equal((await newPassword(terminal, true)).password, password);
    assert.equal(stderr(), '');
  }
});

test('what is far too long for a password is refused before it fills the memory', async () => {
  const endless = new PassThrough();
  endless.write('x'.repeat(65_537));
  await assert.rejects(readAll(endless), { message: 'the password is too long' });
});

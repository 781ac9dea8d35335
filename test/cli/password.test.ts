import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { newPassword } from '../../cli/new-password.ts';
import { askPassword, oneLine, readAll } from '../../cli/password.ts';
import { CliError } from '../../cli/terminal.ts';
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
  assert.equal(oneLine('a b\n'), 'a b');
  assert.equal(oneLine('a b\r\n'), 'a b');
  assert.equal(oneLine(' a '), ' a ');
  for (const text of ['', '\n', 'a\nb', 'a\n\n']) assert.throws(() => oneLine(text), CliError);
  const { terminal } = fakeTerminal({ typed: 'zwölf\n' });
  assert.equal(await readAll(terminal.stdin), 'zwölf');
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

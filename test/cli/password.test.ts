import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { askPassword, newPassword, oneLine, readAll } from '../../cli/password.ts';
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

test('what is far too long for a password is refused before it fills the memory', async () => {
  const endless = new PassThrough();
  endless.write('x'.repeat(65_537));
  await assert.rejects(readAll(endless), { message: 'the password is too long' });
});

import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { closedParent, giveDataDirectory, lockDataDirectory } from '../../server/data-directory.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

function tempDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-data-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

const startError = (expected: RegExp) => (error: Error) => {
  assert.equal('code' in error && error.code, 'ERR_START');
  assert.match(error.message, expected);
  assert.ok(!error.message.includes('\n'), 'one line');
  return true;
};

test('a new data directory is for its owner alone, and so is the lock', (t) => {
  const directory = join(tempDirectory(t), 'a', 'b');
  const lock = lockDataDirectory(directory);
  assert.equal(modeOf(directory), '700');
  assert.equal(modeOf(join(directory, 'lock')), '600');
  lock.release();
});

test('one server per data directory: the second is told so, after the first has gone it may', (t) => {
  const directory = tempDirectory(t);
  const lock = lockDataDirectory(directory);
  assert.throws(() => lockDataDirectory(directory), startError(/another sstpd runs .*--data DIR/));
  lock.release();
  lockDataDirectory(directory).release();
});

test('a directory that others can look into is refused with the command that mends it', (t) => {
  const directory = tempDirectory(t);
  for (const mode of [0o750, 0o701, 0o770]) {
    chmodSync(directory, mode);
    assert.throws(() => lockDataDirectory(directory), startError(/chmod 700 \//), mode.toString(8));
  }
});

test('a path that cannot be a directory is one line with the reason', (t) => {
  const file = join(tempDirectory(t), 'file');
  writeFileSync(file, '');
  assert.throws(() => lockDataDirectory(join(file, 'data')), startError(/can't be made \(ENOTDIR\).*--data DIR/));
});

test('a directory that cannot be written is one line with the reason', (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'lock')); // even root can't open a directory for writing
  assert.throws(() => lockDataDirectory(directory), startError(/can't be written \(EISDIR\).*--data DIR/));
});

test('closedParent: the parent nearest to the directory that the user may not pass', (t) => {
  const top = tempDirectory(t);
  const inner = join(top, 'inner');
  mkdirSync(inner);
  chmodSync(top, 0o700);
  chmodSync(inner, 0o711);
  const owner = statSync(top).uid;
  assert.equal(closedParent(join(inner, 'data'), owner + 1), top);
  assert.equal(closedParent(join(inner, 'data'), owner), undefined);
  chmodSync(inner, 0o710);
  assert.equal(closedParent(join(inner, 'data'), owner + 1), inner);
  chmodSync(top, 0o711);
  chmodSync(inner, 0o701);
  assert.equal(closedParent(join(inner, 'data'), owner + 1), undefined);
});

test('closedParent: the mode of the directory itself and parents that are yet to be made do not matter', (t) => {
  const top = tempDirectory(t);
  chmodSync(top, 0o700);
  const uid = statSync(top).uid + 1;
  assert.equal(closedParent(top, uid), undefined);
  assert.equal(closedParent(join(top, 'new', 'data'), uid), top);
});

test('giveDataDirectory: the directory and its files, no deeper, and never through a link', { skip: !isRoot }, (t) => {
  const directory = join(tempDirectory(t), 'data');
  mkdirSync(join(directory, 'folder'), { recursive: true });
  const outside = join(directory, '..', 'outside');
  for (const file of [outside, join(directory, 'users.db'), join(directory, 'folder', 'deep')]) writeFileSync(file, '');
  symlinkSync(outside, join(directory, 'link'));
  chownSync(outside, 0, 0);
  giveDataDirectory(directory, NOBODY, NOBODY);
  const ownerOf = (...path: string[]): number => statSync(join(directory, ...path)).uid;
  assert.equal(ownerOf(), NOBODY);
  assert.equal(ownerOf('users.db'), NOBODY);
  assert.equal(ownerOf('folder'), 0);
  assert.equal(ownerOf('folder', 'deep'), 0);
  assert.equal(statSync(outside).uid, 0);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { claimDataDirectory, closedParent, lockDataDirectory } from '../../../server/host/data-directory.ts';

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

const SELF = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const OTHER = { uid: NOBODY, gid: NOBODY };

test('a new data directory is for its owner alone, and so is the lock; its parents are for all to pass through', (t) => {
  const directory = join(tempDirectory(t), 'a', 'b');
  claimDataDirectory(directory, SELF);
  const lock = lockDataDirectory(directory, SELF);
  assert.equal(modeOf(directory), '700');
  assert.equal(modeOf(dirname(directory)), '755');
  assert.equal(modeOf(join(directory, 'lock')), '600');
  lock.release();
  claimDataDirectory(directory, SELF);
});

test('a directory that was made for a start that failed goes again, one that was there stays', (t) => {
  const directory = join(tempDirectory(t), 'data');
  const made = claimDataDirectory(directory, SELF);
  for (const name of ['ca.pem', 'users.db-wal', 'lock']) writeFileSync(join(directory, name), '');
  claimDataDirectory(directory, SELF).discard();
  assert.ok(existsSync(join(directory, 'ca.pem')));
  made.discard();
  assert.equal(existsSync(directory), false);
});

test('one server per data directory: the second is told so, after the first has gone it may', (t) => {
  const directory = tempDirectory(t);
  const lock = lockDataDirectory(directory, SELF);
  assert.throws(() => lockDataDirectory(directory, SELF), startError(/another sstpd runs .*--data DIR/));
  lock.release();
  lockDataDirectory(directory, SELF).release();
});

test('a directory that others can look into is refused with the command that mends it', (t) => {
  const directory = tempDirectory(t);
  for (const mode of [0o750, 0o701, 0o770]) {
    chmodSync(directory, mode);
    assert.throws(() => claimDataDirectory(directory, SELF), startError(/chmod 700 \//), mode.toString(8));
  }
});

test('a path that cannot be a directory is one line with the reason', (t) => {
  const file = join(tempDirectory(t), 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'data')]) {
    assert.throws(() => claimDataDirectory(path, SELF), startError(/can't be made \(E[A-Z]+\).*--data DIR/));
  }
});

test('a lock that is no regular file is refused at once: a folder, a link, a pipe that nobody reads', (t) => {
  const directory = tempDirectory(t);
  const lock = join(directory, 'lock');
  const outside = join(directory, 'outside');
  const kinds: readonly (() => void)[] = [
    () => mkdirSync(lock),
    () => symlinkSync(outside, lock),
    () => execFileSync('mkfifo', [lock]),
  ];
  for (const make of kinds) {
    make();
    assert.throws(() => lockDataDirectory(directory, SELF), startError(/lock: E[A-Z]+\).*--data DIR/));
    rmSync(lock, { recursive: true });
  }
  assert.equal(existsSync(outside), false);
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

const ownerOf = (...path: string[]): number => lstatSync(join(...path)).uid;

test("root's directory is handed over with our files in it, but no link, nothing deeper, nothing with a second name", {
  skip: !isRoot,
}, (t) => {
  const top = tempDirectory(t);
  const directory = join(top, 'data');
  mkdirSync(join(directory, 'folder'), { recursive: true });
  chmodSync(directory, 0o700);
  const outside = join(top, 'outside');
  for (const file of [
    outside,
    ...['users.db', 'users.db-wal', 'notes', 'folder/deep'].map((name) => join(directory, name)),
  ]) {
    writeFileSync(file, '');
  }
  symlinkSync(outside, join(directory, 'server.key'));
  linkSync(outside, join(directory, 'ca.key'));
  claimDataDirectory(directory, OTHER);
  assert.deepEqual(
    ['.', 'users.db', 'users.db-wal', 'notes', 'folder', 'folder/deep', 'server.key', '../outside'].map((name) =>
      ownerOf(directory, name),
    ),
    [NOBODY, NOBODY, NOBODY, 0, 0, 0, 0, 0],
  );
});

test("a directory of root's with other things than ours is not given away", { skip: !isRoot }, (t) => {
  const directory = tempDirectory(t);
  chownSync(directory, 0, 0);
  writeFileSync(join(directory, '.bashrc'), '');
  assert.throws(() => claimDataDirectory(directory, OTHER), startError(/holds other things .*--data DIR/));
  assert.equal(ownerOf(directory), 0);
});

test("a stranger's directory is refused; what is in the user's own is left as it is", { skip: !isRoot }, (t) => {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'users.db'), '');
  chownSync(directory, 1234, 1234);
  assert.throws(
    () => claimDataDirectory(directory, OTHER),
    startError(/belongs to user id 1234: chown -R 65534:65534/),
  );
  assert.throws(() => claimDataDirectory(directory, { uid: 0, gid: 0 }), startError(/belongs to user id 1234/));
  chownSync(directory, NOBODY, NOBODY);
  claimDataDirectory(directory, OTHER);
  assert.equal(ownerOf(directory, 'users.db'), 0);
});

test('the lock is made by the user, not by root', { skip: !isRoot }, (t) => {
  const directory = tempDirectory(t);
  chownSync(directory, NOBODY, NOBODY);
  lockDataDirectory(directory, OTHER).release();
  assert.equal(ownerOf(directory, 'lock'), NOBODY);
  assert.equal(process.geteuid?.(), 0);
});

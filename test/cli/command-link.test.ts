import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { commandName, type LinkPlaces, makeLink, removeLink } from '../../cli/command-link.ts';

// The rules are about what is root's.
const skip = process.geteuid?.() === 0 ? false : 'needs root';

interface Machine {
  readonly places: LinkPlaces;
  readonly top: string;
  readonly file: string;
}

/** A root folder of its own, so that what lies above (/tmp, which all may write to) is not looked at. */
function makeMachine(t: TestContext, name = 'sstpd'): Machine {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'sstpd-link-')));
  t.after(() => rmSync(top, { recursive: true }));
  const places = { top, clone: join(top, 'srv', name), bin: join(top, 'bin'), marks: [join(top, 'mark')], uid: 0 };
  mkdirSync(places.bin, { mode: 0o755 });
  makeClone(places.clone);
  return { places, top, file: join(places.bin, 'sstpd') };
}

/** Its Node prints its arguments. */
function makeClone(clone: string): void {
  for (const folder of ['bin', 'cli', '.git', 'node_modules/node/bin']) {
    mkdirSync(join(clone, folder), { recursive: true, mode: 0o755 });
  }
  for (const file of ['bin/sstpd.js', 'cli/main.ts']) writeFileSync(join(clone, file), '', { mode: 0o644 });
  writeFileSync(join(clone, 'node_modules/node/bin/node'), `#!/bin/sh\nprintf '[%s]' "$@"\n`, { mode: 0o755 });
}

test('the command is two lines of sh that start the clone with its own Node', { skip }, (t) => {
  const { places, file } = makeMachine(t);
  assert.equal(makeLink(places), undefined);
  const { clone, bin } = places;
  const text = `#!/bin/sh\nexec '${clone}/node_modules/node/bin/node' '${clone}/bin/sstpd.js' "$@"\n`;
  assert.equal(readFileSync(file, 'utf8'), text);
  assert.equal(lstatSync(file).mode & 0o7777, 0o755);
  assert.deepEqual(readdirSync(bin), ['sstpd'], 'no draft is left');
  const output = execFileSync(file, ['user', 'add', 'a b', "c'd"], { encoding: 'utf8', cwd: '/' });
  assert.equal(output, `[${clone}/bin/sstpd.js][user][add][a b][c'd]`);
  assert.equal(makeLink(places), undefined, 'again');
  assert.deepEqual(commandName(true, `/x:${bin}`, places), { words: 'sstpd', remark: undefined });
});

for (const name of ['a b', 'it\'s $(x) `y` "z" \\', '-n', '日本']) {
  test(`a clone in a folder named ${name}`, { skip }, (t) => {
    const { places, file } = makeMachine(t, name);
    assert.equal(makeLink(places), undefined);
    assert.equal(execFileSync(file, ['x'], { encoding: 'utf8', cwd: '/' }), `[${places.clone}/bin/sstpd.js][x]`);
    assert.match(removeLink(places), / removed$/);
  });
}

test('a path that would break the line is refused', { skip }, (t) => {
  const { places, file } = makeMachine(t, 'a\nrm -rf x');
  assert.match(makeLink(places) ?? '', /control character/);
  assert.ok(!existsSync(file));
});

test('the umask has no say in its mode', { skip }, (t) => {
  const { places, file } = makeMachine(t);
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  assert.equal(makeLink(places), undefined);
  assert.equal(lstatSync(file).mode & 0o7777, 0o755);
});

for (const path of [
  ...['srv', 'srv/sstpd', 'srv/sstpd/bin', 'srv/sstpd/cli', 'srv/sstpd/.git', 'srv/sstpd/node_modules'],
  ...['srv/sstpd/node_modules/node', 'bin', '.'],
]) {
  test(`${path} must be root's, and nobody else may write to it`, { skip }, (t) => {
    const { places, top, file } = makeMachine(t);
    const folder = join(top, path);
    for (const mode of [0o775, 0o757, 0o1777]) {
      chmodSync(folder, mode);
      assert.equal(makeLink(places), `others may write to ${realpathSync(folder)} (mode ${mode.toString(8)})`);
    }
    chmodSync(folder, 0o755);
    chownSync(folder, 1000, 0);
    assert.equal(makeLink(places), `${realpathSync(folder)} is not root's`);
    assert.ok(!existsSync(file));
    chownSync(folder, 0, 0);
    assert.equal(makeLink(places), undefined);
  });
}

test("a Node behind a link is named by its real path: no link leads through somebody's folder", { skip }, (t) => {
  const { places, top, file } = makeMachine(t);
  const [theirs, real] = [join(top, 'theirs'), join(top, 'real-node')];
  mkdirSync(theirs, { mode: 0o755 });
  writeFileSync(real, `#!/bin/sh\nprintf '[%s]' "$@"\n`, { mode: 0o755 });
  symlinkSync(real, join(theirs, 'node'));
  chownSync(theirs, 1000, 0);
  const folder = join(places.clone, 'node_modules/node/bin');
  rmSync(folder, { recursive: true });
  symlinkSync(theirs, folder);
  assert.equal(makeLink(places), undefined);
  assert.match(readFileSync(file, 'utf8'), new RegExp(`^exec '${real}' `, 'm'));
});

test('a command that cannot be there is not printed', { skip }, (t) => {
  const { places } = makeMachine(t, 'a\nb');
  const { words } = commandName(false, places.bin, places);
  assert.match(words, /bin\/sstpd\.js'$/);
});

test('a folder of commands that is a symbolic link is left alone', { skip }, (t) => {
  const { places, top } = makeMachine(t);
  symlinkSync('bin', join(top, 'elsewhere'));
  assert.match(makeLink({ ...places, bin: join(top, 'elsewhere') }) ?? '', /symbolic link/);
  assert.match(makeLink({ ...places, bin: join(top, 'none') }) ?? '', /none is missing$/);
});

for (const [what, make] of Object.entries<(file: string, top: string) => void>({
  'another program': (file) => writeFileSync(file, '#!/bin/sh\necho mine\n'),
  'a symbolic link that leads nowhere': (file, top) => symlinkSync(join(top, 'victim'), file),
  'a symbolic link to a file': (file, top) => {
    writeFileSync(join(top, 'victim'), 'x');
    symlinkSync(join(top, 'victim'), file);
  },
  'a folder': (file) => mkdirSync(file),
  'a pipe': (file) => void execFileSync('mkfifo', [file]),
})) {
  test(`${what} in its place stays as it is, and is not taken away`, { skip }, (t) => {
    const { places, top, file } = makeMachine(t);
    make(file, top);
    const before = lstatSync(file);
    assert.match(makeLink(places) ?? '', /^another .*\/bin\/sstpd is there already$/);
    assert.throws(() => removeLink(places), /stays: another/);
    assert.deepEqual([lstatSync(file).ino, lstatSync(file).mode], [before.ino, before.mode]);
    if (existsSync(join(top, 'victim'))) assert.equal(readFileSync(join(top, 'victim'), 'utf8'), 'x');
    const { words, remark } = commandName(true, places.bin, places);
    assert.equal(words, `'${places.clone}/bin/sstpd.js'`.replace(/^'([\w./-]+)'$/, '$1'));
    assert.match(remark ?? '', /^no command .*: another /);
  });
}

test("another clone's command stays, until that clone is gone", { skip }, (t) => {
  const { places, top, file } = makeMachine(t);
  const other = { ...places, clone: join(top, 'srv/other') };
  makeClone(other.clone);
  assert.equal(makeLink(other), undefined);
  const text = readFileSync(file, 'utf8');
  assert.equal(makeLink(places), `it belongs to the clone in ${other.clone}`);
  assert.throws(() => removeLink(places), /stays: it belongs to the clone/);
  assert.equal(readFileSync(file, 'utf8'), text);
  rmSync(other.clone, { recursive: true });
  assert.equal(removeLink(places), `${file} removed`);
  assert.equal(removeLink(places), `there is no ${file}`);
});

test('what an earlier start of the same clone made is put right', { skip }, (t) => {
  const { places, file } = makeMachine(t);
  writeFileSync(file, `#!/bin/sh\nexec '/usr/bin/node' '${places.clone}/bin/sstpd.js' "$@"\n`);
  assert.equal(makeLink(places), undefined);
  assert.match(readFileSync(file, 'utf8'), /node_modules\/node\/bin\/node/);
});

test('in a container there is none, and one line says so', { skip }, (t) => {
  const { places, top, file } = makeMachine(t);
  writeFileSync(join(top, 'mark'), '');
  const { words, remark } = commandName(true, places.bin, places);
  assert.deepEqual([words, remark], [join(places.clone, 'bin/sstpd.js'), `no command ${file}: this is a container`]);
});

test('an installed package has its command from npm, sources without .git none', { skip }, (t) => {
  const { places, file } = makeMachine(t);
  rmSync(join(places.clone, '.git'), { recursive: true });
  const { words, remark } = commandName(true, places.bin, places);
  assert.deepEqual(
    [words, remark?.split(': ')[1]],
    [join(places.clone, 'bin/sstpd.js'), 'these sources are no clone of the repository'],
  );
  rmSync(join(places.clone, 'cli'), { recursive: true });
  assert.deepEqual(commandName(true, places.bin, places), { words: 'sstpd', remark: undefined });
  assert.ok(!existsSync(file));
});

test('with run.link false, and for another user than root, nothing is made and nothing said', { skip }, (t) => {
  const { places, file } = makeMachine(t);
  const program = join(places.clone, 'bin/sstpd.js');
  assert.deepEqual(commandName(false, places.bin, places), { words: program, remark: undefined });
  assert.deepEqual(commandName(true, places.bin, { ...places, uid: 1000 }), {
    words: `sudo ${program}`,
    remark: undefined,
  });
  assert.ok(!existsSync(file));
});

test('where PATH leads to another sstpd, or not to this one, the whole path is said', { skip }, (t) => {
  const { places, top, file } = makeMachine(t);
  assert.equal(commandName(true, '/nonexistent', places).words, file);
  mkdirSync(join(top, 'first'));
  writeFileSync(join(top, 'first/sstpd'), '', { mode: 0o755 });
  assert.equal(commandName(true, `${top}/first:${places.bin}`, places).words, file);
});

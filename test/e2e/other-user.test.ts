/** test/support/other-user.ts: it opens folders to those whom it starts, and to nobody else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageFolder } from '../../core/index.ts';
import { netnsMissing } from '../support/netns.ts';
import { asUser, openly, scriptOf } from '../support/other-user.ts';

const skip = netnsMissing() ?? false;
const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

/** A clone below two closed folders and an open one, with a script that prints who runs it and where. */
function makeClone(t: TestContext): { top: string; clone: string; program: string } {
  const top = mkdtempSync(join(tmpdir(), "sstpd-it's closed-"));
  t.after(() => rmSync(top, { recursive: true }));
  chmodSync(top, 0o755);
  const clone = join(top, 'closed/open/closed to others/clone');
  mkdirSync(clone, { recursive: true });
  chmodSync(join(top, 'closed'), 0o700);
  chmodSync(join(top, 'closed/open/closed to others'), 0o750);
  const program = join(clone, 'program');
  writeFileSync(program, '#!/bin/sh\nid -u\npwd\ncat "$0.text"\n', { mode: 0o755 });
  writeFileSync(`${program}.text`, 'all of it\n');
  return { top, clone, program };
}

const run = ([command = '', ...args]: readonly string[], umask = '022'): ReturnType<typeof spawnSync> =>
  spawnSync('sh', ['-c', `umask ${umask} && exec "$@"`, 'sh', command, ...args], { encoding: 'utf8' });

test('another user runs what is below closed folders, by its own path, whatever the umask', { skip }, (t) => {
  const { top, clone, program } = makeClone(t);
  assert.match(String(run([...NOBODY, 'cat', program]).stderr), /Permission denied/);
  for (const umask of ['022', '077']) {
    const { status, stdout, stderr } = run(openly([...NOBODY, program], clone), umask);
    assert.equal(status, 0, String(stderr));
    assert.equal(stdout, `65534\n${clone}\nall of it\n`);
  }
  // Nothing of it is left, and it is as closed as before.
  assert.deepEqual(readdirSync(join(top, 'closed/open')), ['closed to others']);
  assert.match(String(run([...NOBODY, 'cat', program]).stderr), /Permission denied/);
});

test('what is beside the clone stays closed', { skip }, (t) => {
  const { top, clone } = makeClone(t);
  writeFileSync(join(top, 'closed/secret'), 'x');
  const { status } = run(openly([...NOBODY, 'cat', join(top, 'closed/secret')], clone));
  assert.notEqual(status, 0);
});

test('where no folder is closed, the command stays as it is', { skip }, (t) => {
  const { top, clone } = makeClone(t);
  chmodSync(join(top, 'closed'), 0o711);
  chmodSync(join(top, 'closed/open/closed to others'), 0o755);
  assert.deepEqual(openly(['a', 'b'], clone), ['a', 'b']);
});

test('as a script the words are the same, whatever is in them', () => {
  const words = ['printf', '[%s]', "it's", '$HOME "x"', ''];
  const { stdout } = spawnSync('sh', ['-c', scriptOf(words), 'sh', 'behind', '*'], { encoding: 'utf8' });
  assert.equal(stdout, `[it's][$HOME "x"][][behind][*]`);
});

test('a program of this clone runs as another user, in no group of root', { skip }, () => {
  const core = new URL('../../core/index.ts', import.meta.url).href;
  const script = `import { packageFolder } from ${JSON.stringify(core)};
    console.log(packageFolder, process.getuid(), process.getgroups());`;
  const { status, stdout, stderr } = run([
    ...asUser(61_000, '--inh-caps=-all'),
    ...[process.execPath, '--input-type=module', '--eval', script],
  ]);
  assert.equal(status, 0, String(stderr));
  assert.equal(stdout, `${packageFolder} 61000 [ 61000 ]\n`);
});

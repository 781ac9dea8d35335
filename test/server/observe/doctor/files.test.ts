import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { examineClock } from '../../../../server/observe/doctor/clock.ts';
import { examineData } from '../../../../server/observe/doctor/files.ts';

const SELF = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** A data directory as a server leaves it. */
function makeData(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-doctor-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  for (const name of ['users.db', 'users.key', 'ca.key', 'server.key'])
    writeFileSync(join(data, name), '', { mode: 0o600 });
  for (const name of ['ca.pem', 'server.pem']) writeFileSync(join(data, name), '', { mode: 0o644 });
  return data;
}

const summary = (data: string) => examineData(data, SELF).findings.map(({ check, result }) => `${check}: ${result}`);

test('a data directory as it should be, and one that is yet to be made', (t) => {
  const data = makeData(t);
  assert.deepEqual(summary(data), ['data directory: ok']);
  assert.deepEqual(summary(join(data, 'new')), ['data directory: ok']);
});

test('a directory that is open, and one that is none', (t) => {
  const data = makeData(t);
  chmodSync(data, 0o755);
  const [open] = examineData(data, SELF).findings;
  assert.equal(open?.result, 'problem');
  assert.equal(open?.fix, `chmod 700 ${data}`);
  chmodSync(data, 0o700);
  assert.deepEqual(summary(join(data, 'ca.pem')), ['data directory: problem']);
});

test('files that are open: those of the users stop a start, keys are warned of, certificates are public', (t) => {
  const data = makeData(t);
  chmodSync(join(data, 'ca.key'), 0o640);
  assert.deepEqual(summary(data), ['file modes: warning']);
  chmodSync(join(data, 'users.key'), 0o644);
  const findings = examineData(data, SELF).findings;
  assert.deepEqual(
    findings.map(({ result, fix }) => [result, fix]),
    [
      ['warning', `chmod 600 ${join(data, 'ca.key')}`],
      ['problem', `chmod 600 ${join(data, 'users.key')}`],
    ].sort((a, b) => findings.findIndex(({ fix }) => fix === a[1]) - findings.findIndex(({ fix }) => fix === b[1])),
  );
});

test('the directory of another user, and one behind a closed door', { skip: SELF.uid !== 0 }, (t) => {
  const data = makeData(t);
  chmodSync(join(data, '..'), 0o755);
  const other = { uid: 65_533, gid: 65_533 };
  assert.equal(examineData(data, other).findings[0]?.result, 'ok', 'what root made is handed over');
  chmodSync(join(data, '..'), 0o700);
  assert.match(examineData(data, other).findings[0]?.text ?? '', /closed to user id 65533/);
});

test('the clock: right as far as can be told, before the certificate, and before the newest file', (t) => {
  const now = new Date();
  const data = makeData(t);
  const { newest } = examineData(data, SELF);
  const day = 86_400_000;
  const at = (offset: number): Date => new Date(now.getTime() + offset);
  assert.equal(examineClock({ now, notBefore: at(-day), newest }).result, 'ok');
  assert.match(examineClock({ now, notBefore: undefined, newest: undefined }).text, /nobody was asked/);
  assert.equal(examineClock({ now, notBefore: at(day), newest }).result, 'problem');
  utimesSync(join(data, 'users.db'), at(day), at(day));
  const gone = examineClock({ now, notBefore: at(-day), newest: examineData(data, SELF).newest });
  assert.equal(gone.result, 'warning');
  assert.match(gone.text, /users\.db was written at/);
});

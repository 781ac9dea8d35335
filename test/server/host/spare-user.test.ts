import assert from 'node:assert/strict';
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { spareId, type Taken } from '../../../server/host/spare-user.ts';
import { examineSharing, type Process } from '../../../server/observe/doctor/user-sharing.ts';

const folder = mkdtempSync(join(tmpdir(), 'sstpd-spare-'));
after(() => rmSync(folder, { recursive: true }));
const isRoot = process.geteuid?.() === 0;

const taken =
  (...owners: number[]) =>
  (): Taken => ({ passwd: 'root:x:0:0:root:/root:/bin/bash\n', owners: new Set(owners) });

test('the id is of a range that nobody hands out, the same each time, and another for another directory', () => {
  const ids = Array.from({ length: 200 }, (_, i) => spareId(join(folder, `data-${i}`), taken()));
  for (const id of ids) assert.ok(id >= 70_000 && id <= 99_999 && id !== 88_443, `${id}`);
  assert.ok(new Set(ids).size > 195);
  assert.equal(spareId(join(folder, 'data-7'), taken()), ids[7]);
  assert.equal(spareId(`${folder}/./x/../data-7/`, taken()), ids[7], 'however it is written');
});

test('one that an account, a group, a directory around or a process has is left out', () => {
  const data = join(folder, 'new');
  const wanted = spareId(data, taken());
  const next = spareId(data, taken(wanted));
  assert.notEqual(next, wanted);
  const passwd = `root:x:0:0::/root:/bin/sh\nx:x:${wanted}:1::/:\ny:x:2:${next}::/:\n`;
  const third = spareId(data, () => ({ passwd, owners: new Set() }));
  assert.ok(![wanted, next].includes(third));
  const all = Array.from({ length: 30_000 }, (_, i) => 70_000 + i);
  assert.equal(spareId(data, taken(...all.filter((id) => id !== 77_777))), 77_777, 'the only one that is left');
});

test('what a directory belongs to stays: of a version before, and of an earlier start', { skip: !isRoot }, () => {
  for (const owner of [88_443, 71_234]) {
    const data = mkdtempSync(join(folder, 'old-'));
    chownSync(data, owner, owner);
    assert.equal(spareId(data, taken(owner)), owner);
  }
  // Root's is yet to be given away; a user's is not ours to keep.
  for (const owner of [0, 1000, 69_999, 100_000]) {
    const data = mkdtempSync(join(folder, 'others-'));
    chownSync(data, owner, owner);
    assert.notEqual(spareId(data, taken()), owner);
  }
});

test('by itself it looks at the directories beside', { skip: !isRoot }, () => {
  const place = mkdtempSync(join(folder, 'place-'));
  const data = join(place, 'second');
  const wanted = spareId(data);
  mkdirSync(join(place, 'first'));
  chownSync(join(place, 'first'), wanted, wanted);
  symlinkSync('nowhere', join(place, 'broken'));
  assert.notEqual(spareId(data), wanted);
});

test('who else runs as the same user is named, with what separates them; children of the server are no others', () => {
  const user = { name: 'uid 88443', uid: 88_443, gid: 88_443 };
  const of = (pid: number, parent: number, uid: number, name = 'node'): Process => ({ pid, parent, uid, name });
  const server = [of(1, 0, 0, 'init'), of(10, 1, 88_443), of(11, 10, 88_443), of(12, 11, 88_443, 'script')];
  const judge = (more: Process[], servers = [10], as = user): string[] =>
    examineSharing(as, '/data', servers, [...server, ...more]).map(
      ({ result, text, fix }) => `${result}: ${text} ${fix}`,
    );
  assert.deepEqual(judge([]), ['ok: nobody else runs as uid 88443 undefined']);
  const [line = ''] = judge([of(20, 1, 88_443, 'other')]);
  assert.match(line, /^warning: other \(pid 20\) runs as uid 88443 too: .* chown -R 0:0 \/data, and start it/);
  assert.match(judge([], [])[0] ?? '', /pid 10/, 'the server of another directory');
  const account = { ...user, name: 'sstpd' };
  assert.match(judge([], [], account)[0] ?? '', /run\.user with an account for each/);
  assert.deepEqual(judge([], [], { name: 'root', uid: 0, gid: 0 }), []);
  assert.match(judge([of(30, 31, 88_443, 'ring'), of(31, 30, 1)])[0] ?? '', /pid 30/, 'a ring of parents ends');
});

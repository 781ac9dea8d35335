import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type AdminServer, adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { ErrorLog, FakeBackend } from '../admin/fake-backend.ts';
import { inProcess } from './support.ts';

let data: string;
let backend: FakeBackend;
let server: AdminServer;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'sstpd-throttle-'));
  backend = new FakeBackend();
  server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
});
afterEach(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

test('who is slowed is listed for people and, with --json, for scripts', async () => {
  assert.equal((await inProcess(['throttle', 'list', '--data', data])).stdout, 'Nobody is slowed.\n');
  const ann = {
    kind: 'name',
    realm: 'vpn',
    limit: 'strangers',
    at: undefined,
    of: 'an\u202en',
    failures: 31,
    waiting: 2,
    delayMs: undefined,
    others: 4,
  } as const;
  const home = {
    kind: 'address',
    realm: undefined,
    limit: undefined,
    at: undefined,
    of: '192.0.2.7',
    failures: 3,
    waiting: 0,
    delayMs: 2_040,
    others: 1,
  } as const;
  backend.slowed.push(
    { ...ann, isAttacked: true, liftedMs: undefined },
    { ...home, isAttacked: false, liftedMs: 59_500 },
  );
  const { stdout } = await inProcess(['throttle', 'list', '--data', data]);
  assert.match(stdout, /^WHAT +OF +FAILURES +FROM +WAITING +NEXT WAITS +STATE\n/);
  assert.match(stdout, /\nname +an\?n +31 +4 networks +2 +by lot +under attack\n/);
  assert.match(stdout, /\naddress +192\.0\.2\.7 +3 +1 name +0 +2\.0 s +lifted for 1 min\n$/);
  const entries = JSON.parse((await inProcess(['throttle', 'list', '--json', '--data', data])).stdout);
  assert.deepEqual(entries[1], {
    kind: 'address',
    of: '192.0.2.7',
    failures: 3,
    waiting: 0,
    delayMs: 2040,
    others: 1,
    isAttacked: false,
    liftedMs: 59500,
  });
});

for (const [args, request, said] of [
  [['ann'], { target: 'ann', seconds: 600 }, 'ann passes for 10 min.\n'],
  [['ann', '--for', '90s'], { target: 'ann', seconds: 90 }, 'ann passes for 90 s.\n'],
  [['2001:db8::1', '--for', '2h'], { target: '2001:db8::1', seconds: 7200 }, '2001:db8::1 passes for 2 h.\n'],
  [[], { target: undefined, seconds: 600 }, 'All failures are forgotten.\n'],
] as const) {
  test(`throttle lift ${args.join(' ')}`, async () => {
    assert.deepEqual(await inProcess(['throttle', 'lift', ...args, '--data', data]), {
      code: 0,
      stdout: said,
      stderr: '',
    });
    assert.deepEqual(backend.calls.at(-1), ['lift', request]);
  });
}

for (const args of [
  ['ann', '--for', '10'],
  ['ann', '--for', '0s'],
  ['ann', '--for', '25h'],
  ['ann', '--for', '-1m'],
  ['--for', '10m'],
]) {
  test(`throttle lift ${args.join(' ')} is used wrongly`, async () => {
    const { code, stderr } = await inProcess(['throttle', 'lift', ...args, '--data', data]);
    assert.equal(code, 2);
    assert.match(stderr, /--for/);
    assert.equal(backend.calls.length, 0);
  });
}

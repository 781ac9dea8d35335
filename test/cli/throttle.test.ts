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
  const row = { ...ann, of: 'eve', isAttacked: true, liftedMs: undefined };
  backend.slowed.splice(
    ...[0, 2],
    { ...row, limit: 'known-address', at: '198.51.100.7' },
    { ...row, limit: 'lifted-name', at: '203.0.113.9', realm: 'admin' },
    { ...row, limit: 'known-browser' },
    { ...row, limit: 'loopback-name', at: '127.0.0.1' },
    { ...row, kind: 'loopback', limit: 'loopback', at: '127.0.0.1', of: '127.0.0.1', others: 300 },
    { ...row, kind: 'loopback', realm: 'admin', limit: 'loopback', at: '127.0.0.1', of: '127.0.0.1', others: 1 },
  );
  const limits = (await inProcess(['throttle', 'list', '--data', data])).stdout;
  for (const line of [
    /\nname +eve +31 +198\.51\.100\.7 \(known\) +2 +by lot +under attack\n/,
    /\nadmin +eve +31 +203\.0\.113\.9 +2 /,
    /\nname +eve +31 +a known browser +2 /,
    /\nname +eve +31 +loopback +2 /,
    /\nloopback +127\.0\.0\.1 +31 +300 names +2 +by lot +under attack\n/,
    /\nadmin loopback +127\.0\.0\.1 +31 +1 name +2 /,
  ]) {
    assert.match(limits, line);
  }
  const told = JSON.parse((await inProcess(['throttle', 'list', '--json', '--data', data])).stdout);
  assert.deepEqual([told[0].limit, told[0].at, told[4].kind], ['known-address', '198.51.100.7', 'loopback']);
});

test('what is printed with --json is what the API says', async () => {
  backend.slowed.push(
    {
      ...{ kind: 'name', realm: 'vpn', limit: 'strangers', at: undefined, of: 'ann', failures: 31, waiting: 2 },
      ...{ delayMs: undefined, others: 4, isAttacked: true, liftedMs: undefined },
    },
    {
      ...{
        kind: 'address',
        realm: undefined,
        limit: undefined,
        at: undefined,
        of: '192.0.2.7',
        failures: 3,
        waiting: 0,
      },
      ...{ delayMs: 2_040, others: 1, isAttacked: false, liftedMs: 59_500 },
    },
  );
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

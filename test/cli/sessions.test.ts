import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type AdminServer, adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { ErrorLog, FakeBackend, SESSION } from '../admin/fake-backend.ts';
import { inProcess } from './support.ts';

let data: string;
let backend: FakeBackend;
let server: AdminServer;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'sstpd-sessions-'));
  backend = new FakeBackend();
  server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
});
afterEach(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

test('sessions are listed for people and, with --json, for scripts', async () => {
  assert.equal((await inProcess(['sessions', '--data', data])).stdout, 'No sessions.\n');
  backend.open.push(SESSION);
  const { stdout } = await inProcess(['sessions', '--data', data]);
  const [headings, row] = stdout.split('\n');
  assert.match(headings ?? '', /^ID +USER +ADDRESS +PEER +STAGE +METHOD +TLS +SINCE +IN +OUT$/);
  assert.match(
    row ?? '',
    /^7 +ann +10\.0\.0\.2 +192\.0\.2\.1:5000 +up +mschapv2 +TLSv1\.3 \S+ +2026-01-01T00:00:00Z +4\.7 GiB +17 B$/,
  );
  const { ipv6: _, correlationId: __, ...known } = SESSION;
  assert.deepEqual(JSON.parse((await inProcess(['sessions', '--json', '--data', data])).stdout), [known]);
});

test('what a peer chose cannot move the cursor or turn the writing round', async () => {
  backend.open.push({ ...SESSION, user: 'a\x1b[2J\n\u202eb' });
  const { stdout } = await inProcess(['sessions', '--data', data]);
  assert.match(stdout, /\n7 +a\?\[2J\?\?b /);
});

test('a session is ended by its id, wherever --data stands; an unknown id is exit status 1', async () => {
  backend.open.push(SESSION);
  assert.deepEqual(await inProcess(['sessions', 'kill', '7', '--data', data]), {
    code: 0,
    stdout: 'Session 7 ended.\n',
    stderr: '',
  });
  assert.equal((await inProcess(['sessions', '--data', data, 'kill', '7'])).code, 0);
  assert.deepEqual(await inProcess(['sessions', 'kill', '8', '--data', data]), {
    code: 1,
    stdout: '',
    stderr: 'sstpd: no session 8\n',
  });
});

test('without a running server there is nothing to list: exit status 1', async () => {
  await server.close();
  assert.deepEqual(await inProcess(['sessions', '--data', data]), {
    code: 1,
    stdout: '',
    stderr: `sstpd: no server runs on ${data} (--data DIR names another)\n`,
  });
});

test('config shows what the running server has, and, with flags or a file, what they would make', async () => {
  const { stdout, stderr } = await inProcess(['config', '--json', '--data', data]);
  assert.deepEqual(JSON.parse(stdout), backend.config());
  assert.equal(stderr, 'sstpd: as the running server has it (pid 42)\n');
  const local = await inProcess(['config', '--json', '--data', data, '--mtu', '1300', '--no-nat']);
  const rows = JSON.parse(local.stdout) as { key: string; value: unknown; origin: string }[];
  assert.deepEqual(
    rows.filter((row) => row.origin !== 'default'),
    [
      { key: 'data', value: data, origin: 'flag --data' },
      { key: 'network.mtu', value: 1300, origin: 'flag --mtu' },
      { key: 'network.nat', value: false, origin: 'flag --no-nat' },
    ],
  );
});

test('config shows the keys that begin as asked', async () => {
  const none = join(data, 'none');
  const keys = async (...words: string[]): Promise<string[]> => {
    const { stdout } = await inProcess(['config', ...words, '--json', '--data', none]);
    return (JSON.parse(stdout) as { key: string }[]).map(({ key }) => key);
  };
  assert.deepEqual(await keys('pool.ip'), ['pool.ipv4', 'pool.ipv6']);
  assert.deepEqual(await keys('pool.ip', '--keys'), ['pool.ipv4', 'pool.ipv6']);
  assert.deepEqual(await keys('pool.ip', '--mtu', '1300'), ['pool.ipv4', 'pool.ipv6']);
  assert.deepEqual(await keys('dns6'), ['dns6']);
  assert.deepEqual(await inProcess(['config', 'pol.ipv4', '--data', data]), {
    code: 2,
    stdout: '',
    stderr: "sstpd: no configuration key begins with 'pol.ipv4', the nearest is pool.ipv4\n",
  });
});

test('config --keys documents each key', async () => {
  const { stdout } = await inProcess(['config', '--keys']);
  assert.match(
    stdout,
    /\nnetwork\.mtu\n {4}MTU of the TUN device.*\n {4}a whole number of bytes .*; default 1400\n {4}takes effect at the next start\n {4}SSTPD_NETWORK_MTU, --mtu N\n/,
  );
});

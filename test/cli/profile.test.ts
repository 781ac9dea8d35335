import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type AdminServer, adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { profileFile, profileFiles } from '../../profile/index.ts';
import { CERTIFICATE, ErrorLog, FakeBackend, storeError } from '../admin/fake-backend.ts';
import { PLAIN } from '../profile/facts.ts';
import { inProcess } from './support.ts';

let data: string;
let backend: FakeBackend;
let server: AdminServer;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'sstpd-profile-'));
  backend = new FakeBackend();
  server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
});
afterEach(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

test('all files go into a folder; the one for NetworkManager is its owner’s alone', async () => {
  const out = join(data, 'new', 'ann');
  const { code, stdout } = await inProcess(['profile', 'ann', '--out', out, '--data', data]);
  assert.equal(code, 0);
  const files = profileFiles(PLAIN);
  assert.deepEqual(
    stdout.split('\n').slice(0, -1),
    files.map(({ name }) => join(out, name)),
  );
  assert.deepEqual(readdirSync(out).sort(), files.map(({ name }) => name).sort());
  for (const { name, text } of files) {
    assert.equal(readFileSync(join(out, name), 'utf8'), text, name);
    const mode = name === 'sstpd.nmconnection' ? 0o600 : 0o644;
    assert.equal(statSync(join(out, name)).mode & 0o777, mode, name);
  }
});

test('one file is printed, for the host that was asked for', async () => {
  const args = ['profile', 'ann', '--format', 'ps1', '--host', '192.0.2.5', '--data', data];
  const { code, stdout, stderr } = await inProcess(args);
  assert.equal(code, 0);
  assert.match(stderr, /^sstpd: 192\.0\.2\.5 is not in the server's certificate, .* --host 192\.0\.2\.5 too\n$/);
  assert.equal(stdout, profileFile('ps1', { ...PLAIN, host: '192.0.2.5' }).text);
  assert.deepEqual(backend.calls, [['profile', 'ann', '192.0.2.5']]);
});

test('a host that the certificate has is nothing to warn of', async () => {
  for (const host of CERTIFICATE.names) {
    const { code, stderr } = await inProcess(['profile', 'ann', '--format', 'pbk', '--host', host, '--data', data]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, host);
  }
});

test('what can not be is one line', async () => {
  const at = ['--data', data];
  assert.deepEqual(await inProcess(['profile', 'ann', ...at]), {
    code: 2,
    stdout: '',
    stderr: 'sstpd: give --out DIR for all files, or --format to print one\n',
  });
  assert.equal((await inProcess(['profile', 'ann', '--format', 'eap', ...at])).code, 2);
  backend.failure = storeError('ERR_USER_UNKNOWN', "there is no user 'bob'");
  assert.deepEqual(await inProcess(['profile', 'bob', '--format', 'pbk', ...at]), {
    code: 1,
    stdout: '',
    stderr: "sstpd: there is no user 'bob'\n",
  });
  const nowhere = await inProcess(['profile', 'ann', '--format', 'pbk', '--data', join(data, 'none')]);
  assert.match(nowhere.stderr, /^sstpd: no server runs on /);
});

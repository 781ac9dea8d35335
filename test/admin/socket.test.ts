import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { adminSocketPath, listenPrivately } from '../../admin/socket.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-socket-'));
  path = adminSocketPath(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the socket has mode 0600, the umask is as before, and the file goes when the server closes', async () => {
  const umask = process.umask();
  const server = createServer();
  await listenPrivately(server, path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(process.umask(), umask);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(existsSync(path), false);
});

test('a socket that a killed process left behind is replaced', async () => {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL');
  assert.ok(statSync(path).isSocket());
  const server = createServer();
  await listenPrivately(server, path);
  await new Promise((resolve) => server.close(resolve));
});

test('a socket that answers stays, and the second server is refused', async () => {
  const first = createServer();
  await listenPrivately(first, path);
  await assert.rejects(listenPrivately(createServer(), path), {
    code: 'ERR_ADMIN_SOCKET',
    message: `another sstpd is running: ${path} answers`,
  });
  assert.ok(first.listening && existsSync(path));
  await new Promise((resolve) => first.close(resolve));
});

test('a file of another kind is never removed', async () => {
  writeFileSync(path, 'mine');
  await assert.rejects(listenPrivately(createServer(), path), { code: 'ERR_ADMIN_SOCKET' });
  assert.ok(statSync(path).isFile());
});

test('a path too long for sun_path (unix(7), 108 bytes) and a missing directory are one clear line', async () => {
  const long = join(folder, 'x'.repeat(100), 'admin.sock');
  await assert.rejects(listenPrivately(createServer(), long), {
    code: 'ERR_ADMIN_SOCKET',
    message: `${long} is too long for a unix socket (107 bytes at most); choose a shorter --data DIR`,
  });
  await assert.rejects(listenPrivately(createServer(), join(folder, 'no', 'admin.sock')), { code: 'ERR_ADMIN_SOCKET' });
});

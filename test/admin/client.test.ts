import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { AdminClient, AdminClientError, adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { ErrorLog, FakeBackend, SESSION } from './fake-backend.ts';

let folder: string;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-client-'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(folder, { recursive: true });
});

async function running(): Promise<{ client: AdminClient; backend: FakeBackend }> {
  const backend = new FakeBackend();
  const server = await startAdminServer({ socketPath: adminSocketPath(folder), backend, log: new ErrorLog() });
  closers.push(() => server.close());
  const client = await AdminClient.connect(folder);
  assert.ok(client !== undefined);
  return { client, backend };
}

async function stranger(answer: RequestListener): Promise<void> {
  const server: Server = createServer(answer);
  closers.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  await new Promise<void>((resolve) => server.listen(adminSocketPath(folder), resolve));
}

test('no socket, no directory and a dead socket all mean that no server runs', async () => {
  assert.equal(await AdminClient.connect(folder), undefined);
  assert.equal(await AdminClient.connect(join(folder, 'missing')), undefined);
});

test('each method reaches its route', async () => {
  const { client, backend } = await running();
  backend.open.push(SESSION);
  assert.equal(client.status.pid, 42);
  assert.deepEqual(await client.config(), backend.config());
  assert.equal((await client.sessions())[0]?.bytesIn, 5_000_000_000);
  await client.killSession('7');
  assert.equal((await client.addUser({ name: 'a b/c?', password: 'pw', ipv4: '10.0.0.9' })).ipv4, '10.0.0.9');
  assert.equal((await client.addUser({ name: 'plain', password: 'pw' })).ipv4, undefined);
  assert.equal((await client.users()).length, 2);
  assert.equal((await client.setUser('a b/c?', { enabled: false })).enabled, false);
  await client.removeUser('a b/c?');
  assert.deepEqual(backend.calls, [
    ['killSession', '7'],
    ['add', { name: 'a b/c?', password: 'pw', ipv4: '10.0.0.9' }],
    ['add', { name: 'plain', password: 'pw' }],
    ['set', 'a b/c?', { enabled: false }],
    ['remove', 'a b/c?'],
  ]);
});

test("a refusal carries the API's code and message", async () => {
  const { client } = await running();
  await assert.rejects(client.removeUser('eve'), {
    name: 'AdminClientError',
    code: 'ERR_USER_UNKNOWN',
    message: "there is no user 'eve'",
  });
  await assert.rejects(client.killSession('9'), { code: 'ERR_SESSION_UNKNOWN', message: 'no session 9' });
});

test('a server that is gone in the meantime is an error, not a hang', async () => {
  const { client } = await running();
  await closers.pop()?.();
  await assert.rejects(client.sessions(), AdminClientError);
});

test('answers that are not of this API are errors of one line', async () => {
  await stranger((request, response) => {
    if (request.url === '/v1/status') response.end('{}');
    else if (request.url === '/v1/config') response.end('<html>');
    else if (request.url === '/v1/users') response.writeHead(502).end('{"a":1}');
    else response.socket?.destroy();
  });
  const client = await AdminClient.connect(folder);
  assert.ok(client !== undefined);
  await assert.rejects(client.config(), { message: 'the server answered with HTTP 200 and something other than JSON' });
  await assert.rejects(client.users(), { message: 'the server answered with HTTP 502' });
  await assert.rejects(client.sessions(), { code: 'ERR_ADMIN_CLIENT', message: /socket hang up/ });
});

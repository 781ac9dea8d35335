import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type AdminServer, adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { PLAIN } from '../profile/facts.ts';
import { ErrorLog, FakeBackend, SESSION, storeError } from './fake-backend.ts';

let folder: string;
let backend: FakeBackend;
let log: ErrorLog;
let server: AdminServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-admin-'));
  backend = new FakeBackend();
  log = new ErrorLog();
  server = await startAdminServer({ socketPath: adminSocketPath(folder), backend, log });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function call(method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json' };
    const outgoing = request(
      { socketPath: adminSocketPath(folder), method, path, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, body: answer === '' ? undefined : JSON.parse(answer) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

test('status, configuration and sessions are what the backend says', async () => {
  backend.open.push(SESSION);
  assert.deepEqual(await call('GET', '/v1/status'), { status: 200, body: backend.status() });
  assert.deepEqual(await call('GET', '/v1/config'), { status: 200, body: backend.config() });
  const { ipv6: _, correlationId: __, ...known } = SESSION;
  assert.deepEqual(await call('GET', '/v1/sessions'), { status: 200, body: [known] });
});

test('attempts: all, or what the query wants; one by its id', async () => {
  assert.deepEqual(await call('GET', '/v1/attempts'), { status: 200, body: { last: 7, attempts: [] } });
  assert.equal((await call('GET', '/v1/attempts?user=a%20nn&after=3&limit=5')).status, 200);
  assert.deepEqual(backend.calls, [
    ['attempts', {}],
    ['attempts', { user: 'a nn', after: 3, limit: 5 }],
  ]);
  for (const query of ['after=-1', 'after=x', 'limit=0', 'limit=1e3', 'what=1', 'user=']) {
    assert.equal((await call('GET', `/v1/attempts?${query}`)).status, 400, query);
  }
  assert.equal((await call('GET', '/v1/attempts/deadbeef')).status, 404);
});

test('a session is ended by its id; an unknown one is 404', async () => {
  backend.open.push(SESSION);
  assert.deepEqual(await call('DELETE', '/v1/sessions/7'), { status: 204, body: undefined });
  assert.deepEqual(await call('DELETE', '/v1/sessions/8'), {
    status: 404,
    body: { error: 'ERR_SESSION_UNKNOWN', message: 'no session 8' },
  });
  assert.deepEqual(backend.calls, [
    ['killSession', '7'],
    ['killSession', '8'],
  ]);
});

test('users are added, listed, changed and removed; no answer contains a password', async () => {
  const added = await call('POST', '/v1/users', { name: 'ann', password: 'secret', ipv4: '10.0.0.9' });
  const ann = {
    name: 'ann',
    enabled: true,
    ipv4: '10.0.0.9',
    secretKind: 'password',
    weak: false,
    createdAt: '2026-01-01T00:00:00.000Z',
    groups: [],
    sessions: 0,
  };
  assert.deepEqual(added, { status: 201, body: ann });
  assert.deepEqual(await call('GET', '/v1/users'), { status: 200, body: [ann] });
  assert.deepEqual(await call('PATCH', '/v1/users/ann', { enabled: false }), {
    status: 200,
    body: { ...ann, enabled: false },
  });
  const { ipv4: _, ...withoutAddress } = ann;
  assert.deepEqual(await call('PATCH', '/v1/users/ann', { ipv4: null, enabled: true }), {
    status: 200,
    body: withoutAddress,
  });
  assert.deepEqual(await call('DELETE', '/v1/users/ann'), { status: 204, body: undefined });
  assert.deepEqual(backend.calls, [
    ['add', { name: 'ann', password: 'secret', ipv4: '10.0.0.9' }],
    ['set', 'ann', { enabled: false }],
    ['set', 'ann', { ipv4: null, enabled: true }],
    ['remove', 'ann'],
  ]);
});

test('names come through as they are, whatever characters they have', async () => {
  const name = 'Zoë Ünal 100% #1 é\u{1f511}';
  await call('POST', '/v1/users', { name, password: 'x' });
  assert.equal((await call('DELETE', `/v1/users/${encodeURIComponent(name)}`)).status, 204);
});

test("the user store's refusals have a status each and keep code and message", async () => {
  for (const [code, status] of [
    ['ERR_USER_UNKNOWN', 404],
    ['ERR_USER_EXISTS', 409],
    ['ERR_USER_ADDRESS', 409],
    ['ERR_USER_NAME', 400],
    ['ERR_USER_PASSWORD', 400],
    ['ERR_USER_STORE', 503],
  ] as const) {
    backend.failure = storeError(code, `because of ${code}`);
    assert.deepEqual(await call('PATCH', '/v1/users/ann', { enabled: true }), {
      status,
      body: { error: code, message: `because of ${code}` },
    });
  }
  assert.equal(log.errors.length, 1);
});

test('a fault of ours is logged and says nothing of its cause', async () => {
  backend.failure = new TypeError('x is undefined');
  assert.deepEqual(await call('POST', '/v1/users', { name: 'ann', password: 'x' }), {
    status: 500,
    body: { error: 'ERR_INTERNAL', message: 'internal error, see the log' },
  });
  assert.deepEqual(log.errors, [['admin.failed', { method: 'POST', route: '/v1/users', error: backend.failure }]]);
});

test('bodies that do not fit their schema are 400 and never reach the backend', async () => {
  const bodies: readonly [string, string, unknown][] = [
    ['POST', '/v1/users', {}],
    ['POST', '/v1/users', { name: 'ann' }],
    ['POST', '/v1/users', { name: 1, password: 'x' }],
    ['POST', '/v1/users', { name: 'ann', password: 'x', admin: true }],
    ['POST', '/v1/users', { name: 'ann', password: 'x'.repeat(1025) }],
    ['POST', '/v1/users', { name: 'ann', password: 'x', ipv4: null }],
    ['POST', '/v1/users', []],
    ['POST', '/v1/users', '{"name":'],
    ['POST', '/v1/users', '{"name":"a","password":"b","__proto__":{"x":1}}'],
    ['PATCH', '/v1/users/ann', {}],
    ['PATCH', '/v1/users/ann', { enabled: 'true' }],
    ['PATCH', '/v1/users/ann', { name: 'eve' }],
    ['PATCH', '/v1/users/ann', null],
  ];
  for (const [method, path, body] of bodies) {
    const answer = await call(method, path, body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal((answer.body as { error: string }).error, 'ERR_BAD_REQUEST');
    assert.equal(typeof (answer.body as { message: string }).message, 'string');
  }
  const huge = await call('POST', '/v1/users', { name: 'ann', password: 'x'.repeat(20_000) });
  assert.equal(huge.status, 413);
  assert.deepEqual(backend.calls, []);
});

test('anything else is 404 in the same form', async () => {
  for (const [method, path] of [
    ['GET', '/none'],
    ['GET', '/v1/users/ann'],
    ['PUT', '/v1/users'],
    ['DELETE', '/v1/sessions'],
  ] as const) {
    assert.deepEqual(await call(method, path), {
      status: 404,
      body: { error: 'ERR_NOT_FOUND', message: `${method} ${path} is not part of this API` },
    });
  }
});

test('what is no HTTP, or no path, is refused in the same form', async () => {
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(adminSocketPath(folder));
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk))).on('close', () => resolve(text));
    socket.write('\u001b[31m nonsense\r\n\r\n');
  });
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.deepEqual(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''), {
    error: 'ERR_BAD_REQUEST',
    message: 'this is no HTTP request',
  });
  assert.deepEqual(await call('GET', '/v1/attempts/%zz'), {
    status: 400,
    body: { error: 'ERR_BAD_REQUEST', message: "'/v1/attempts/%zz' is not a valid url component" },
  });
});

test('close ends connections that are open', async () => {
  const socket = connect(adminSocketPath(folder));
  await new Promise((resolve) => socket.once('connect', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.write('GET /v1/status HTTP/1.1\r\nHost: x\r\n');
  await server.close();
  await closed;
});

test('the facts of a profile, for the best name or another', async () => {
  const { caPem, dnsSuffix: _, ...facts } = PLAIN;
  assert.deepEqual(await call('GET', '/v1/users/bob/profile'), { status: 200, body: { ...facts, caPem, user: 'bob' } });
  const other = (await call('GET', '/v1/users/bob/profile?host=192.0.2.5')).body as { readonly host: string };
  assert.equal(other.host, '192.0.2.5');
  for (const query of ['?host=', '?hosts=a', `?host=${'a'.repeat(254)}`]) {
    assert.equal((await call('GET', `/v1/users/bob/profile${query}`)).status, 400, query);
  }
  backend.failure = storeError('ERR_PROFILE_HOST', 'there is no name');
  assert.equal((await call('GET', '/v1/users/bob/profile')).status, 409);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import type { LightMyRequestResponse } from 'fastify';
import { pathOf } from '../../admin/access.ts';
import { createAdminApp } from '../../admin/app.ts';
import type { LoginOutcome, LoginRequest } from '../../admin/index.ts';
import { ErrorLog, FakeBackend, SESSION } from './fake-backend.ts';
import { ACCOUNT, HOST, Network } from './network.ts';

function refused(answer: LightMyRequestResponse, status: number, error: string): void {
  assert.deepEqual([answer.statusCode, answer.json<{ error: string }>().error], [status, error]);
}

const MINUTE_MS = 60_000;

test('a login sets a cookie that no script reads and no other site sends, and gives the token for changes', async (t) => {
  const network = await Network.open(t);
  const answer = await network.login();
  assert.equal(answer.statusCode, 200);
  const { name, csrf, expiresAt } = answer.json<Record<string, string>>();
  assert.equal(name, 'ann');
  assert.match(csrf ?? '', /^[\w-]{43}$/);
  assert.ok(Math.abs(Date.parse(expiresAt ?? '') - Date.now() - 30 * MINUTE_MS) < 5000);
  const [session, browser] = [answer.headers['set-cookie']].flat();
  assert.match(session ?? '', /^__Host-sstpd=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
  assert.match(
    browser ?? '',
    /^__Host-sstpd-known=known; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  assert.notEqual(answer.cookies[0]?.value, csrf);
});

test('who is logged in: nobody, somebody, nobody again after the logout', async (t) => {
  const network = await Network.open(t);
  assert.deepEqual((await network.ask('GET', '/v1/login')).json(), { needsSetup: false });
  const headers = await network.session();
  const { name, csrf } = (await network.ask('GET', '/v1/login', { headers })).json<Record<string, string>>();
  assert.deepEqual([name, csrf], ['ann', headers['x-csrf-token']]);
  const left = await network.ask('DELETE', '/v1/login', { headers });
  assert.equal(left.statusCode, 204);
  assert.match(
    String(left.headers['set-cookie']),
    /^__Host-sstpd=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure/,
  );
  assert.deepEqual((await network.ask('GET', '/v1/login', { headers })).json(), { needsSetup: false });
  refused(await network.ask('GET', '/v1/status', { headers }), 401, 'ERR_UNAUTHENTICATED');
});

test('a new login ends the one before it in the same browser', async (t) => {
  const network = await Network.open(t);
  const { cookie } = await network.session();
  const again = await network.ask('POST', '/v1/login', {
    payload: { name: ACCOUNT.name, password: ACCOUNT.password },
    headers: { cookie, 'x-csrf-token': (await network.ask('GET', '/v1/login', { headers: { cookie } })).json().csrf },
  });
  assert.equal(again.statusCode, 200);
  refused(await network.ask('GET', '/v1/status', { headers: { cookie } }), 401, 'ERR_UNAUTHENTICATED');
});

test('what a login can be refused for', async (t) => {
  const network = await Network.open(t);
  refused(await network.login({ name: 'ann', password: 'wrong' }), 401, 'ERR_LOGIN');
  refused(await network.login({ name: 'eve', password: ACCOUNT.password }), 401, 'ERR_LOGIN');
  network.backend.outcome = { kind: 'slow-down', retryAfterS: 7 };
  const slow = await network.login();
  refused(slow, 429, 'ERR_SLOW_DOWN');
  assert.equal(slow.headers['retry-after'], '7');
  network.backend.outcome = undefined;
  network.backend.account = undefined;
  refused(await network.login(), 409, 'ERR_SETUP');
  assert.deepEqual((await network.ask('GET', '/v1/login')).json(), { needsSetup: true });
});

test('a session ends when it is idle for 30 minutes, and after 12 hours in any case', async (t) => {
  const network = await Network.open(t);
  const headers = await network.session();
  const status = async (): Promise<number> => (await network.ask('GET', '/v1/status', { headers })).statusCode;
  for (let i = 0; i < 24; i += 1) {
    assert.equal(await status(), 200);
    network.nowMs += 29.9 * MINUTE_MS;
  }
  network.nowMs += 3 * MINUTE_MS;
  assert.equal(await status(), 401);
  const idle = await network.session();
  network.nowMs += 30 * MINUTE_MS;
  refused(await network.ask('GET', '/v1/status', { headers: idle }), 401, 'ERR_UNAUTHENTICATED');
});

test('a session ends when the account gets another password, or is removed', async (t) => {
  const network = await Network.open(t);
  const first = await network.session();
  network.backend.account = { ...ACCOUNT, version: 2 };
  refused(await network.ask('GET', '/v1/status', { headers: first }), 401, 'ERR_UNAUTHENTICATED');
  const second = await network.session();
  network.backend.account = undefined;
  refused(await network.ask('GET', '/v1/status', { headers: second }), 401, 'ERR_UNAUTHENTICATED');
});

test('of too many sessions the one that was used longest ago ends', async (t) => {
  const network = await Network.open(t);
  const first = await network.session();
  const second = await network.session();
  for (let i = 0; i < 254; i += 1) await network.login();
  assert.equal((await network.ask('GET', '/v1/status', { headers: first })).statusCode, 200);
  await network.login();
  refused(await network.ask('GET', '/v1/status', { headers: second }), 401, 'ERR_UNAUTHENTICATED');
  assert.equal((await network.ask('GET', '/v1/status', { headers: first })).statusCode, 200);
});

test('a change by cookie needs the CSRF token of this very session', async (t) => {
  const network = await Network.open(t);
  network.backend.open.push(SESSION);
  const { cookie, 'x-csrf-token': csrf } = await network.session();
  const other = await network.session();
  const kill = (headers: Record<string, string>): Promise<LightMyRequestResponse> =>
    network.ask('DELETE', '/v1/sessions/7', { headers: { cookie, ...headers } });
  for (const wrong of [{}, { 'x-csrf-token': '' }, { 'x-csrf-token': other['x-csrf-token'] }]) {
    refused(await kill(wrong), 403, 'ERR_CSRF');
  }
  refused(await network.ask('DELETE', '/v1/login', { headers: { cookie } }), 403, 'ERR_CSRF');
  assert.deepEqual(network.backend.calls, []);
  assert.equal((await kill({ 'x-csrf-token': csrf })).statusCode, 204);
});

test('a request from a page of another origin is refused, whatever it has', async (t) => {
  const network = await Network.open(t);
  const session = await network.session();
  for (const origin of ['https://evil.example', 'http://vpn.example:8443', 'https://vpn.example', 'null', '']) {
    refused(await network.ask('GET', '/v1/status', { headers: { ...session, origin } }), 403, 'ERR_ORIGIN');
  }
  const own = { ...session, origin: `https://${HOST}` };
  assert.equal((await network.ask('GET', '/v1/status', { headers: own })).statusCode, 200);
});

test('a host that is no name of the server is refused (DNS rebinding)', async (t) => {
  const network = await Network.open(t);
  const ask = async (host: string): Promise<LightMyRequestResponse> =>
    network.ask('GET', '/v1/login', { headers: { host } });
  for (const host of [
    'vpn.example:8443',
    'VPN.example',
    'vpn.example.:8443',
    '127.0.0.1:8443',
    '192.0.2.1',
    '[::1]:8443',
    '[2001:db8::1]',
    'localhost:9000',
    'a.localhost',
  ]) {
    assert.equal((await ask(host)).statusCode, 200, host);
  }
  for (const host of [
    'evil.example',
    'vpn.example.evil.example',
    'a.vpn.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'vpn.example@evil.example',
    'vpn.example:8443:1',
    'evil.example, vpn.example',
    '[::1',
    '::1',
    '<script>alert(1)</script>',
    'vpn.example/../x',
  ]) {
    refused(await ask(host), 421, 'ERR_HOST');
  }
});

test('a token may do what its scopes say, and needs no CSRF token', async (t) => {
  const network = await Network.open(t);
  network.backend.open.push(SESSION);
  const read = await network.token('read');
  assert.equal((await network.ask('GET', '/v1/sessions', { headers: read })).statusCode, 200);
  refused(await network.ask('DELETE', '/v1/sessions/7', { headers: read }), 403, 'ERR_SCOPE');
  refused(await network.ask('GET', '/v1/tokens', { headers: read }), 403, 'ERR_SCOPE');
  const sessions = await network.token('sessions');
  assert.equal((await network.ask('DELETE', '/v1/sessions/7', { headers: sessions })).statusCode, 204);
  refused(await network.ask('GET', '/v1/sessions', { headers: sessions }), 403, 'ERR_SCOPE');
});

test('a bad token is refused, also beside a good cookie', async (t) => {
  const network = await Network.open(t);
  const { cookie } = await network.session();
  const { authorization } = await network.token('read');
  for (const wrong of ['Bearer x', 'Bearer', '', `${authorization}x`, authorization.replace('Bearer', 'Basic')]) {
    const answer = await network.ask('GET', '/v1/status', { headers: { cookie, authorization: wrong } });
    refused(answer, 401, 'ERR_UNAUTHENTICATED');
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="sstpd"');
  }
  network.backend.issued.clear();
  refused(await network.ask('GET', '/v1/status', { headers: { authorization } }), 401, 'ERR_UNAUTHENTICATED');
});

test('tokens are made with the scopes of their maker at most, shown once, and removed', async (t) => {
  const network = await Network.open(t);
  const admin = await network.token('admin');
  const make = (headers: object, payload: object): Promise<LightMyRequestResponse> =>
    network.ask('POST', '/v1/tokens', { headers: { ...headers }, payload });
  refused(await make(admin, { name: 'x', scopes: ['read'] }), 403, 'ERR_SCOPE');
  assert.equal((await make(admin, { name: 'x', scopes: ['admin'] })).statusCode, 201);
  const session = await network.session();
  const made = await make(session, { name: 'y', scopes: ['read', 'metrics'], expiresInDays: 30 });
  assert.equal(made.json<{ token: string }>().token, 'sstpd_y');
  assert.equal((await make(session, { name: 'z', scopes: ['read'] })).statusCode, 201);
  const account = { kind: 'account', id: 'ann', version: 1 };
  const calls = network.backend.calls.filter(([call, , scopes]) => call === 'addToken' && scopes !== undefined);
  assert.deepEqual(calls.slice(-3), [
    ['addToken', 'x', ['admin'], 90, { kind: 'token', id: 'admin' }],
    ['addToken', 'y', ['read', 'metrics'], 30, account],
    ['addToken', 'z', ['read'], 90, account],
  ]);
  const listed = await network.ask('GET', '/v1/tokens', { headers: session });
  assert.ok(!listed.body.includes('sstpd_'));
  assert.equal((await network.ask('DELETE', '/v1/tokens/y', { headers: session })).statusCode, 204);
  refused(await network.ask('DELETE', '/v1/tokens/y', { headers: session }), 404, 'ERR_TOKEN_UNKNOWN');
  for (const payload of [
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['root'] },
    { name: 'x', scopes: ['read', 'read'] },
    { name: 'x', scopes: ['read'], expiresInDays: 0 },
    { name: 'x', scopes: ['read'], expiresInDays: 367 },
    { name: 'x', scopes: ['read'], expiresInDays: 'never' },
    { name: 'x', scopes: ['read'], expiresInDays: null },
    { name: 'x', scopes: ['read'], expiresInDays: 1.5 },
    { name: 'x', scopes: 'read' },
    { name: 'x', scopes: ['read'], token: 'mine' },
  ]) {
    refused(await make(session, payload), 400, 'ERR_BAD_REQUEST');
  }
});

test('without a login nothing but the login is answered, and no body is looked at', async (t) => {
  const network = await Network.open(t);
  for (const [method, url] of [
    ['GET', '/v1/status'],
    ['HEAD', '/v1/status'],
    ['GET', '/v1/config'],
    ['GET', '/v1/sessions'],
    ['GET', '/v1/attempts'],
    ['GET', '/v1/users'],
    ['GET', '/v1/certificates'],
    ['GET', '/v1/health'],
    ['GET', '/v1/admins'],
    ['GET', '/v1/tokens'],
  ] as const) {
    assert.equal((await network.ask(method, url)).statusCode, 401, url);
  }
  const bad = await network.ask('POST', '/v1/users', {
    payload: '{"name":',
    headers: { 'content-type': 'application/json' },
  });
  refused(bad, 401, 'ERR_UNAUTHENTICATED');
});

test('who changed what is logged, and who was refused; never a password, cookie or token', async (t) => {
  const network = await Network.open(t);
  const headers = await network.session();
  await network.ask('POST', '/v1/users', { headers, payload: { name: 'bob', password: 'secret of bob' } });
  await network.ask('DELETE', '/v1/users/bob', { headers: await network.token('read') });
  const { lines } = network.log;
  assert.deepEqual(
    lines.map(([event, fields]) => [event, { ...fields, peer: '' }]),
    [
      ['admin.request', { peer: '', user: 'ann', method: 'POST', path: '/v1/users', status: 201 }],
      ['admin.refused', { peer: '', token: 'read', method: 'DELETE', route: '/v1/users/:name', code: 'ERR_SCOPE' }],
      ['admin.request', { peer: '', token: 'read', method: 'DELETE', path: '/v1/users/bob', status: 403 }],
    ],
  );
  const text = JSON.stringify(lines);
  for (const secret of ['secret', headers.cookie.slice(13), headers['x-csrf-token'], 'sstpd_']) {
    assert.ok(!text.includes(secret), secret);
  }
});

test('a page that was left open is no reason for a warning, a bad token is', async (t) => {
  const network = await Network.open(t);
  const { cookie } = await network.session();
  network.nowMs += 60 * MINUTE_MS;
  await network.ask('GET', '/v1/sessions', { headers: { cookie } });
  assert.deepEqual(network.log.levels, ['debug']);
  await network.ask('GET', '/v1/sessions', { headers: { authorization: 'Bearer x' } });
  assert.deepEqual(network.log.levels, ['debug', 'warn']);
});

test('answers are not kept by a cache and never taken for a page', async (t) => {
  const network = await Network.open(t);
  const { headers } = await network.ask('GET', '/v1/login');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.match(String(headers['content-security-policy']), /^default-src 'none'/);
  assert.match(String(headers['content-type']), /^application\/json/);
});

test('a login that takes its time goes on until its client is gone, and no longer', async (t) => {
  const backend = new FakeBackend();
  const signals: AbortSignal[] = [];
  let answer: ((outcome: LoginOutcome) => void) | undefined;
  const accounts = {
    ...backend.accounts,
    login: ({ signal }: LoginRequest) => {
      signals.push(signal);
      return new Promise<LoginOutcome>((resolve) => {
        answer = resolve;
      });
    },
  };
  Object.assign(backend, { accounts });
  const app = await createAdminApp({ backend, log: new ErrorLog(), network: undefined });
  t.after(() => app.close());
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
  const post = () => {
    const headers = { 'content-type': 'application/json' };
    const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/v1/login', headers, agent: false });
    sent.end(JSON.stringify({ name: 'ann', password: 'x' }));
    sent.on('error', () => undefined);
    return sent;
  };
  const first = post();
  while (signals.length < 1) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(signals[0]?.aborted, false, 'its body was read, and it waits');
  const answered = once(first, 'response');
  answer?.({ kind: 'refused' });
  const [response] = await answered;
  assert.equal(response.statusCode, 401);
  response.resume();

  const second = post();
  while (signals.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const [, signal = assert.fail()] = signals;
  const gone = once(signal, 'abort');
  second.destroy();
  await gone;
});

test('a change is logged by one path, however it is written and whatever its query', () => {
  for (const url of [
    '/v1/users/ann',
    '/v1/users/ann?x=1',
    '/v1/users/%61nn',
    '/v1/users/%61%6E%6e?y',
    '/v1/users/ann#z',
  ]) {
    assert.equal(pathOf(url), '/v1/users/ann');
  }
  assert.equal(pathOf('/v1/users/a%2fb%0a'), '/v1/users/a%2Fb%0A');
  assert.equal(pathOf('/v1/users/%ff'), '/v1/users/%ff');
});

test('a store that can not be read is a fault, said to nobody but the log, and no end of the login', async (t) => {
  const network = await Network.open(t);
  const session = await network.session();
  const { isCurrent } = network.backend.accounts;
  const gone = Object.assign(new Error('/var/lib/sstpd/users.db cannot be read'), { code: 'ERR_USER_STORE' });
  Object.assign(network.backend.accounts, { isCurrent: () => Promise.reject(gone) });
  const answer = await network.ask('GET', '/v1/users', { headers: session });
  assert.equal(answer.statusCode, 503);
  assert.deepEqual(answer.json(), {
    error: 'ERR_USER_STORE',
    message: 'the user store cannot be used now, see the log',
  });
  Object.assign(network.backend.accounts, { isCurrent });
  assert.equal((await network.ask('GET', '/v1/users', { headers: session })).statusCode, 200);
});

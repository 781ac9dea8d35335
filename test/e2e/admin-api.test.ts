/** The admin API of a real server, over TLS: accounts, tokens, certificates, guessers and hostile input. */
// Needs: curl
import assert from 'node:assert/strict';
import { chownSync, mkdirSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ADMIN_PORT, AdminApi, type ApiAnswer } from '../support/admin-api.ts';
import { put, RUN_UID, TestAuthority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, SERVER, type ServeSettings, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const ADMIN_PASSWORD = 'of the administrator';
const LISTEN = ['--admin', `${SERVER}:${ADMIN_PORT}`];

async function makeLab(t: TestContext, clients = 1): Promise<VpnLab> {
  const lab = await VpnLab.create({ clients });
  t.after(() => lab.destroy());
  return lab;
}

/** A server with an admin account, and who is logged in there. */
async function makeServer(
  t: TestContext,
  settings: ServeSettings = {},
): Promise<{ lab: VpnLab; server: SstpdServer; api: AdminApi }> {
  const lab = await makeLab(t, 2);
  const server = await lab.serve({ ...settings, args: [...LISTEN, ...(settings.args ?? [])] });
  await server.must(['admin', 'add', 'root', '--password-stdin'], ADMIN_PASSWORD);
  const api = await AdminApi.at(lab);
  assert.equal((await api.login('root', ADMIN_PASSWORD)).status, 200);
  return { lab, server, api };
}

function refused({ status, body }: ApiAnswer, expected: number, error: string, what?: string): void {
  assert.deepEqual([status, body?.error], [expected, error], what);
  assert.equal(typeof body.message, 'string');
}

test('the first account, the login, what it may, and its end', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serve({ args: LISTEN });
  await server.process.printed(/^ {2}admin page {3}https:\/\/198\.18\.0\.1:8443\/$/);
  await server.process.printed(/^ {15}\S+ admin add NAME --data \S+ makes the first account$/);
  const api = await AdminApi.at(lab);
  assert.deepEqual((await api.ask('GET', '/v1/login')).body, { needsSetup: true });
  refused(await api.login('root', ADMIN_PASSWORD), 409, 'ERR_SETUP');
  refused(await api.ask('GET', '/v1/status'), 401, 'ERR_UNAUTHENTICATED');

  await server.must(['admin', 'add', 'root', '--password-stdin'], ADMIN_PASSWORD);
  assert.deepEqual((await api.ask('GET', '/v1/login')).body, { needsSetup: false });
  const login = await api.login('root', ADMIN_PASSWORD);
  const [session = '', browser = ''] = [login.headers['set-cookie'] ?? []].flat();
  assert.match(session, /^__Host-sstpd=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
  assert.match(browser, /^__Host-sstpd-known=[\w.-]+; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
  await server.logged('admin.login', { user: 'root', peer: /^198\.18\.1\.2:\d+$/ });

  const { body: status } = await api.ask('GET', '/v1/status');
  assert.deepEqual([status.pid, status.listening], [server.process.pid, [`${SERVER}:443`]]);
  const user = { name: 'bob', password: 'the builder', groups: ['staff'] };
  const { cookie = '', 'x-csrf-token': csrf = '' } = api.headers;
  refused(await api.ask('POST', '/v1/users', { headers: { 'x-csrf-token': '' }, body: user }), 403, 'ERR_CSRF');
  const strange = { origin: 'https://evil.example' };
  refused(await api.ask('POST', '/v1/users', { headers: strange, body: user }), 403, 'ERR_ORIGIN');
  assert.equal((await api.ask('POST', '/v1/users', { body: user })).status, 201);
  assert.deepEqual(JSON.parse(await server.must(['user', 'list', '--json']))[0].groups, ['staff']);
  await server.logged('admin.request', { user: 'root', method: 'POST', path: '/v1/users', status: 201 });

  // What the command line does to the account takes effect at once.
  await server.must(['admin', 'passwd', 'root', '--password-stdin'], 'another password');
  refused(await api.ask('GET', '/v1/status'), 401, 'ERR_UNAUTHENTICATED');
  refused(await api.login('root', ADMIN_PASSWORD), 401, 'ERR_LOGIN');
  assert.equal((await api.login('root', 'another password')).status, 200);
  await server.must(['admin', 'remove', 'root']);
  refused(await api.ask('GET', '/v1/status'), 401, 'ERR_UNAUTHENTICATED');
  assert.deepEqual((await api.ask('GET', '/v1/login')).body, { needsSetup: true });
  assert.equal((await server.stop()).status, 0);
  for (const secret of [ADMIN_PASSWORD, 'builder', cookie.slice(13), csrf]) {
    assert.ok(!server.process.text.includes(secret), 'no secret in the log');
  }
});

test('tokens: each scope opens its routes and no others, until the token is removed', { skip }, async (t) => {
  const { lab, server, api: admin } = await makeServer(t);
  const add = async (scope: string): Promise<{ id: string; token: string }> =>
    JSON.parse(await server.must(['token', 'add', `for-${scope}`, '--scope', scope, '--json']));
  const routes = [
    ['read', 'GET', '/v1/users'],
    ['sessions', 'DELETE', '/v1/sessions/none'],
    ['users', 'DELETE', '/v1/users/none'],
    ['admin', 'GET', '/v1/tokens'],
  ] as const;
  const api = await AdminApi.at(lab);
  for (const [scope] of [...routes, ['metrics']] as const) {
    const { id, token } = await add(scope);
    api.headers = { authorization: `Bearer ${token}` };
    for (const [needed, method, path] of routes) {
      const { status } = await api.ask(method, path);
      if (needed === scope) assert.ok(status === 200 || status === 404, `${scope}: ${method} ${path} ${status}`);
      else assert.equal(status, 403, `${scope}: ${method} ${path}`);
    }
    await server.must(['token', 'remove', id]);
    assert.equal((await api.ask('GET', '/v1/users')).status, 401);
    assert.ok(!server.process.text.includes(token));
  }
  const made = await admin.ask('POST', '/v1/tokens', { body: { name: 'x', scopes: ['read'], expiresInDays: 1 } });
  api.headers = { authorization: `Bearer ${made.body.token}` };
  assert.equal((await api.ask('GET', '/v1/status')).status, 200);
  assert.match(await server.must(['token', 'list']), /^[0-9a-f]{12} +x +read +\S+ +\S+ +\d{4}-\d\d-\d\d$/m);
});

test('what the server says of its certificate and its health is so', { skip }, async (t) => {
  const { lab, server, api } = await makeServer(t);
  const { body: certificates, certificate } = await api.ask('GET', '/v1/certificates');
  assert.equal(certificates.length, 1);
  const [own] = certificates;
  assert.deepEqual([own.source, own.names, own.isDefault], ['own', [SERVER], true]);
  assert.deepEqual([own.sha256, own.sha1], [certificate.fingerprint256, certificate.fingerprint]);
  const { body: health } = await api.ask('GET', '/v1/health');
  assert.equal(health.ok, true, JSON.stringify(health.checks));
  const textOf = (check: string): string =>
    health.checks.find((each: { check: string }) => each.check === check)?.text ?? '';
  assert.match(textOf(`port ${SERVER}:443`), /answers at 198\.18\.0\.1:443/);
  assert.match(textOf('NAT'), /in place/);
  assert.match(textOf('certificate hash'), /^SHA-256 [0-9a-f]{64}/);
  assert.deepEqual(JSON.parse(await server.must(['explain', '--json'])), [], 'asking leaves no record of an attempt');
  assert.equal((await api.ask('GET', '/v1/health')).body.at, health.at, 'not looked at again so soon');
  assert.ok((await lab.server.run('nft', ['list', 'ruleset'])).includes('sstpd_'));
});

test('a renewed certificate is shown at once, and logins stay', { skip }, async (t) => {
  const issuer = new TestAuthority();
  const [first, second] = [issuer.issue(SERVER), issuer.issue(SERVER, 'vpn.example')];
  const lab = await makeLab(t);
  // Of a version before, so that it is known whom the server becomes.
  mkdirSync(lab.data, { mode: 0o700 });
  chownSync(lab.data, RUN_UID, RUN_UID);
  const cert = put(lab.folder, 'cert.pem', first.certificatePem);
  const key = put(lab.folder, 'key.pem', first.keyPem);
  const server = await lab.serve({ args: [...LISTEN, '--cert', cert, '--key', key] });
  await server.must(['admin', 'add', 'root', '--password-stdin'], ADMIN_PASSWORD);
  const api = await AdminApi.at(lab);
  assert.equal((await api.login('root', ADMIN_PASSWORD)).certificate.fingerprint256, first.fingerprint);
  const host = { host: 'vpn.example:8443' };
  refused(await api.ask('GET', '/v1/status', { headers: host }), 421, 'ERR_HOST');
  put(lab.folder, 'key.pem', second.keyPem);
  put(lab.folder, 'cert.pem', second.certificatePem);
  await server.logged('certificate.renewed', { sha256: second.fingerprint });
  const answer = await api.ask('GET', '/v1/certificates', { headers: host });
  assert.deepEqual([answer.status, answer.certificate.fingerprint256], [200, second.fingerprint]);
  assert.deepEqual([answer.body[0].source, answer.body[0].sha256], ['files', second.fingerprint]);
});

test('a guesser is slowed, and nobody is refused for it: not at his address, and the owner elsewhere does not wait', {
  skip,
}, async (t) => {
  const { lab, server, api: owner } = await makeServer(t);
  const guesser = await AdminApi.at(lab, 1);
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const startedAt = performance.now();
    refused(await guesser.login('root', `guess ${i}`), 401, 'ERR_LOGIN');
    times.push(performance.now() - startedAt);
  }
  assert.ok((times[4] ?? 0) > 3000 && (times[1] ?? 0) > 400, `${times}`);
  const slow = performance.now();
  assert.equal((await guesser.login('root', ADMIN_PASSWORD)).status, 200);
  assert.ok(performance.now() - slow > 3000);
  assert.equal((await owner.login('root', ADMIN_PASSWORD)).status, 200);
  assert.equal(server.log('admin.login-refused', { user: 'root', peer: /^198\.18\.2\.2:/ }).length, 5);
  assert.equal(server.log('admin.login-slowed').length, 0);
});

/** Names that would do harm in a page, a log or a terminal. */
const HOSTILE = [
  '"><script>alert(1)</script>',
  `'; DROP TABLE users; --`,
  'two\nlines',
  'carriage\rreturn',
  '{"level":"error"}\n{"level":"info","msg":"server.started"}',
  '\u001b[2J\u001b[31mred',
  '\u202eright-to-left',
  'zero\u0000byte',
  '\u009b31m',
  'line\u2028separator',
  '../../etc/passwd',
  '__proto__',
  'constructor',
];

/** The log of a server as text: lines of JSON alone, without any character that a terminal obeys or hides. */
function assertCleanLog(server: SstpdServer): void {
  const { text } = server.process;
  const lines = text.split('\n').slice(0, text.split('\n').indexOf('sstpd is ready.') - 1);
  assert.ok(lines.length > 5);
  const rest = text.slice(text.indexOf('Ctrl-C')).split('\n').slice(1).filter(Boolean);
  assert.ok(rest.length > 0);
  for (const line of [...lines, ...rest]) {
    const { msg, level } = JSON.parse(line) as { msg: string; level: string };
    assert.match(`${level} ${msg}`, /^[a-z]+ [a-z-]+\.[a-z-]+$/, line);
  }
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\u2028\u2029]/u);
  assert.equal(server.log('server.started').length, 1);
}

test('hostile names are refused or told as they are, and stay one line in the log', { skip }, async (t) => {
  const { lab, server, api } = await makeServer(t);
  for (const name of HOSTILE) {
    const what = JSON.stringify(name);
    const path = `/v1/users/${encodeURIComponent(name)}`;
    const added = await api.ask('POST', '/v1/users', { body: { name, password: 'any password' } });
    if (/^[a-z_]+$/.test(name)) assert.equal(added.status, 201, what);
    else refused(added, 400, 'ERR_USER_NAME', what);
    const { status } = await api.ask('DELETE', path);
    assert.equal(status, added.status === 201 ? 204 : 404, what);
    refused(await api.ask('DELETE', path), 404, 'ERR_USER_UNKNOWN', what);
    for (const id of ['/v1/sessions/', '/v1/tokens/']) {
      assert.equal((await api.ask('DELETE', id + encodeURIComponent(name))).status, 404, what);
    }
    assert.equal((await api.ask('GET', `/v1/attempts/${encodeURIComponent(name)}`)).status, 404, what);
    assert.equal((await api.ask('GET', `/v1/attempts?user=${encodeURIComponent(name)}`)).status, 200, what);
    refused(await api.ask('POST', '/v1/tokens', { body: { name: `${name} `, scopes: ['read'] } }), 400, 'ERR_TOKEN');
    refused(await api.ask('PATCH', '/v1/users/nobody', { body: { groups: [name] } }), 404, 'ERR_USER_UNKNOWN');
  }
  // As the name of a login: refused like any other, by two machines so that none of it waits for long.
  const apis = [await AdminApi.at(lab), await AdminApi.at(lab, 1)];
  for (const [i, name] of HOSTILE.slice(0, 8).entries()) {
    refused((await apis[i % 2]?.login(name, 'x')) ?? assert.fail(), 401, 'ERR_LOGIN', JSON.stringify(name));
  }
  assert.deepEqual(
    server.log('admin.login-refused').map(({ user }) => user),
    HOSTILE.slice(0, 8),
  );
  assertCleanLog(server);
});

test('SNI, host and correlation id of a client come as data, whatever is in them', { skip }, async (t) => {
  const { lab, server, api } = await makeServer(t);
  const script = '<img src=x onerror=alert(1)>';
  const client = connectTls({
    socket: connectSocket(await lab.door()),
    servername: script,
    rejectUnauthorized: false,
  });
  client.on('error', () => {});
  client.write(
    'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r\n' +
      `SSTPCORRELATIONID: {62DFA5C0-"${script}\u001b[2J}\r\nContent-Length: 18446744073709551615\r\n` +
      `Host: ${script}\u001b[31m\r\n\r\n`,
  );
  const found = await eventually('the attempt', async () => {
    const { body, headers, text } = await api.ask('GET', '/v1/attempts');
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.doesNotMatch(text, /[\p{Cc}\u2028\u2029]/u);
    return body.attempts[0];
  });
  client.destroy();
  assert.ok(JSON.stringify(found).length < 20_000);
  assert.equal((await api.ask('GET', `/v1/attempts/${found.id}`)).status, 200);
  assertCleanLog(server);
});

test('what is no request of this API is refused with its reason, and nothing of it is believed', {
  skip,
}, async (t) => {
  const { server, api } = await makeServer(t);
  const before = (await api.ask('GET', '/v1/users')).text;
  const good = { name: 'eve', password: 'x' };
  const bodies: readonly [string, unknown][] = [
    ['/v1/users', '{"name":'],
    ['/v1/users', '{"name":"eve","password":"x"}}'],
    ['/v1/users', '['.repeat(5000)],
    ['/v1/users', '{"name":"eve","password":"x","__proto__":{"isAdmin":true}}'],
    ['/v1/users', '{"name":"eve","password":"x","constructor":{"prototype":{"x":1}}}'],
    ['/v1/users', '"text"'],
    ['/v1/users', 'null'],
    ['/v1/users', []],
    ['/v1/users', { ...good, isAdmin: true }],
    ['/v1/users', { ...good, name: 1 }],
    ['/v1/users', { ...good, name: { $ne: '' } }],
    ['/v1/users', { ...good, password: ['x'] }],
    ['/v1/users', { ...good, groups: 'staff' }],
    ['/v1/users', { ...good, groups: Array(100).fill('g') }],
    ['/v1/users', { ...good, name: 'x'.repeat(300) }],
    ['/v1/tokens', { name: 'x', scopes: ['read'], expiresInDays: '30' }],
    ['/v1/tokens', { name: 'x', scopes: { 0: 'read', length: 1 } }],
    ['/v1/login', { name: 'root', password: null }],
    ['/v1/login', { name: ['root'], password: ADMIN_PASSWORD }],
  ];
  for (const [path, body] of bodies) {
    refused(await api.ask('POST', path, { body }), 400, 'ERR_BAD_REQUEST', JSON.stringify(body).slice(0, 80));
  }
  const long = await api.ask('POST', '/v1/users', { body: { ...good, password: 'x'.repeat(20_000) } });
  refused(long, 413, 'ERR_BAD_REQUEST');
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  refused(await api.ask('POST', '/v1/users', { body: 'name=eve&password=x', headers: form }), 415, 'ERR_BAD_REQUEST');
  assert.equal((await api.ask('GET', '/v1/users')).text, before);

  for (const path of [
    '/v1/../v1/../../etc/passwd',
    '/v1/users/..%2f..%2f..%2fetc%2fpasswd',
    '/v1/attempts/..%5c..%5cwindows',
    '/v1//users',
    '/V1/users',
    '/.git/config',
    `/v1/attempts/${'a'.repeat(3000)}`,
    '/v1/attempts/%00',
  ]) {
    const answer = await api.ask('GET', path);
    assert.ok([400, 404, 414].includes(answer.status), `${path}: ${answer.status}`);
    assert.equal(typeof answer.body?.error, 'string', path);
  }
  refused(await api.ask('GET', '/v1/attempts/%zz'), 400, 'ERR_BAD_REQUEST');
  refused(await api.ask('GET', `/v1/status?${'x'.repeat(9000)}`), 431, 'ERR_BAD_REQUEST');
  for (const method of ['PUT', 'OPTIONS', 'TRACE']) {
    const { status } = await api.ask(method, '/v1/users');
    assert.ok(status === 404 || status === 405, method);
  }
  for (const host of ['evil.example', '<script>', `${SERVER}.evil.example`, `x@${SERVER}`, ' ']) {
    refused(await api.ask('GET', '/v1/status', { headers: { host } }), 421, 'ERR_HOST', host);
  }
  for (const cookie of [
    '__Host-sstpd=',
    '__Host-sstpd=x; __Host-sstpd=y',
    `__Host-sstpd=${'x'.repeat(4000)}`,
    '%00=;;=',
  ]) {
    refused(await api.ask('GET', '/v1/status', { headers: { cookie } }), 401, 'ERR_UNAUTHENTICATED', cookie);
  }
  assert.equal((await api.ask('GET', '/v1/status')).status, 200);
  assertCleanLog(server);
});

test('what is no TLS does not matter', { skip }, async (t) => {
  const { lab, server, api } = await makeServer(t);
  const door = await lab.door(0, ADMIN_PORT);
  for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\u0016\u0003\u0001\u0002', '\0'.repeat(5000), '']) {
    const socket = connectSocket(door);
    socket.on('error', () => {});
    socket.end(bytes);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  const cut = connectTls({ socket: connectSocket(door), rejectUnauthorized: false });
  cut.on('error', () => {});
  await new Promise<void>((resolve) => cut.once('secureConnect', resolve));
  cut.destroy();
  assert.equal((await api.ask('GET', '/v1/status')).status, 200);
  assertCleanLog(server);
  assert.equal((await server.stop()).status, 0);
});

test('a taken port ends the start with one line; off means the socket only', { skip }, async (t) => {
  const lab = await makeLab(t);
  const squatter = lab.server.spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${ADMIN_PORT}, '127.0.0.1', () => console.log('ready'))`,
  ]);
  await new Promise((resolve) => squatter.stdout?.once('data', resolve));
  const failed = lab.launch('exec "$@"');
  assert.equal((await failed.end()).status, 1);
  assert.match(
    failed.text,
    /^sstpd: admin\.listen: cannot listen on 127\.0\.0\.1:8443: another program has the port; .* \(--admin ADDR:PORT, or --admin off\)$/,
  );
  const server = await lab.serve({ args: ['--admin', 'off'] });
  assert.doesNotMatch(server.process.text, /admin page/);
  assert.equal(await server.must(['user', 'list']).then((text) => text.includes('vpn')), true);
  assert.equal((await lab.server.exec('ss', ['-Hltn', `sport = :${ADMIN_PORT}`])).stdout.trim().split('\n').length, 1);
});

test('the API and the metrics on the address inside the tunnels, for connected clients', { skip }, async (t) => {
  const lab = await makeLab(t);
  const before = await lab.state();
  const wrong = lab.launch('exec "$@"', { args: ['--admin', '192.0.2.9:8443'] });
  assert.equal((await wrong.end()).status, 1);
  assert.match(wrong.text, /^sstpd: admin\.listen: cannot listen on 192\.0\.2\.9:8443: this machine does not have /m);
  assert.equal(await lab.state(), before, 'all is taken back');

  const server = await lab.serveAnn({ args: ['--admin', `${INSIDE}:8443`, '--metrics', `${INSIDE}:9100`] });
  const client = lab.connect();
  await client.up();
  const ask = (url: string): Promise<string> => lab.client().run('curl', ['-sk', '--max-time', '10', url]);
  assert.equal(await ask(`https://${INSIDE}:8443/v1/login`), '{"needsSetup":true}');
  assert.match(await ask(`http://${INSIDE}:9100/metrics`), /^sstp_connects_total/m);
  await client.stop();
  await server.stop();
});

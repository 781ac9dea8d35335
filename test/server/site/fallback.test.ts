/** What a scan of the port sees when it is not the page: files, another server, or nothing; over real sockets. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Fallback, startWebPage } from '../../../server/site/index.ts';

const CLIENT = '192.0.2.7';

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

type Ask = (...pieces: readonly string[]) => Promise<Answer>;

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** @returns what sends pieces of a request, and reads until the server ends the connection */
async function serve(
  t: TestContext,
  fallback: Fallback,
  options: Parameters<typeof startWebPage>[0] = {},
): Promise<Ask> {
  const page = await startWebPage({ fallback, ...options });
  t.after(() => page.close());
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes: Buffer) => {
      socket.pause();
      page.handle(socket, bytes, CLIENT);
    });
  });
  const port = await listen(t, server);
  return (...pieces) =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1');
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('close', () => resolve(parse(text))).on('error', reject);
      for (const piece of pieces) socket.write(piece, 'latin1');
    });
}

function parse(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1] ?? 0);
  const headers = new Map(
    fields.map((field) => [field.split(':', 1)[0]?.toLowerCase() ?? '', field.split(': ')[1] ?? '']),
  );
  return { status, headers, body: rest.join('\r\n\r\n') };
}

const get = (target: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: site.test\r\n${more}Connection: close\r\n\r\n`;

function site(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-site-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, 'root');
  mkdirSync(join(root, 'sub'), { recursive: true });
  mkdirSync(join(root, '.git'));
  writeFileSync(join(root, 'index.html'), '<h1>home</h1>');
  writeFileSync(join(root, 'a b.txt'), '0123456789');
  writeFileSync(join(root, 'sub', 'index.html'), '<h1>sub</h1>');
  writeFileSync(join(root, '.htpasswd'), 'secret');
  writeFileSync(join(root, '.git', 'config'), 'secret');
  writeFileSync(join(folder, 'outside.txt'), 'secret');
  return root;
}

test('404: every place is an ordinary 404, whatever the method', async (t) => {
  const ask = await serve(t, { kind: 'not-found' });
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
    const { status, headers, body } = await ask(get('/').replace('GET', method));
    assert.equal(status, 404, method);
    assert.equal(headers.get('content-type'), 'text/html');
    assert.match(body, /<h1>404 Not Found<\/h1>/);
    assert.equal(headers.get('server'), undefined);
  }
  const posted = await ask('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc');
  assert.equal(posted.status, 404, 'a body is not waited for');
});

test('a folder: its files with type, length and ranges, index.html for folders', async (t) => {
  const ask = await serve(t, { kind: 'directory', path: site(t) });
  const home = await ask(get('/?a=b'));
  assert.deepEqual([home.status, home.body], [200, '<h1>home</h1>']);
  assert.match(home.headers.get('content-type') ?? '', /^text\/html/);
  assert.equal((await ask(get('http://site.test/sub/'))).body, '<h1>sub</h1>');
  assert.equal((await ask(get('/a%20b.txt'))).body, '0123456789');
  const part = await ask(get('/a%20b.txt', 'Range: bytes=2-4\r\n'));
  assert.deepEqual([part.status, part.body], [206, '234']);
  assert.equal((await ask(get('/a%20b.txt', 'Range: bytes=90-\r\n'))).status, 416);
  const etag = home.headers.get('etag') ?? '';
  assert.equal((await ask(get('/', `If-None-Match: ${etag}\r\n`))).status, 304);
  const head = await ask(get('/').replace('GET', 'HEAD'));
  assert.deepEqual([head.status, head.body, head.headers.get('content-length')], [200, '', '13']);
  const moved = await ask(get('/sub'));
  assert.deepEqual([moved.status, moved.headers.get('location')], [301, '/sub/']);
  assert.equal((await ask(get('/').replace('GET', 'POST'))).status, 405);
});

test('a folder: nothing outside of it, no dotfile, no list, however the path is written', async (t) => {
  const root = site(t);
  rmSync(join(root, 'index.html'));
  const ask = await serve(t, { kind: 'directory', path: root });
  for (const target of [
    '/',
    '/../outside.txt',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/sub/../../outside.txt',
    '/..%5coutside.txt',
    '/%252e%252e/outside.txt',
    '//../outside.txt',
    '/.htpasswd',
    '/%2ehtpasswd',
    '/.git/config',
    '/sub/..%00/index.html',
    '/%00',
    '/%zz',
    '/%',
    `/${'a'.repeat(4_000)}`,
    '*',
    'outside.txt',
  ]) {
    const { status, body } = await ask(get(target));
    assert.ok(status === 404 || status === 400, `${target}: ${status}`);
    assert.doesNotMatch(body, /secret|outside|home/, target);
  }
  const away = await ask(get('//evil.test/sub'));
  assert.notEqual(away.headers.get('location')?.startsWith('//'), true);
});

test('a folder: a link in it is followed', async (t) => {
  const root = site(t);
  symlinkSync(join(root, '..', 'outside.txt'), join(root, 'link.txt'));
  const ask = await serve(t, { kind: 'directory', path: root });
  assert.equal((await ask(get('/link.txt'))).body, 'secret');
});

/** A server behind, which says what it was asked. */
async function behind(
  t: TestContext,
  answer = (_: IncomingMessage, response: ServerResponse, body: string): void => void response.end(body),
) {
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const server = createHttpServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      answer(request, response, body);
    });
  });
  const port = await listen(t, server);
  t.after(() => server.closeAllConnections());
  return { url: `http://127.0.0.1:${port}`, seen, server };
}

test('another server: request and answer pass, with the address of the client and no header of the connection', async (t) => {
  const { url, seen } = await behind(t, (_, response) => {
    response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'x-own': 'yes', 'keep-alive': 'timeout=9' });
    response.end('made');
  });
  const ask = await serve(t, { kind: 'proxy', url });
  const lies =
    'X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Port: 1\r\nProxy-Authorization: x\r\nX-Hop: 1\r\nCookie: c=1\r\n';
  const { status, headers, body } = await ask(
    `GET /a/../b?c=d HTTP/1.1\r\nHost: site.test\r\n${lies}Connection: close, x-hop\r\n\r\n`,
  );
  assert.deepEqual([status, body.includes('made'), headers.get('x-own')], [201, true, 'yes']);
  assert.equal(headers.get('keep-alive'), undefined);
  const [request] = seen;
  assert.equal(request?.url, '/a/../b?c=d');
  assert.equal(request?.headers.host, new URL(url).host);
  assert.equal(request?.headers['x-forwarded-for'], CLIENT);
  assert.equal(request?.headers['x-forwarded-proto'], 'https');
  assert.equal(request?.headers['x-forwarded-host'], 'site.test');
  assert.equal(request?.headers.cookie, 'c=1');
  for (const name of ['x-forwarded-port', 'x-hop', 'proxy-authorization'])
    assert.equal(request?.headers[name], undefined, name);
});

test('another server: what only a proxy has to say reaches it from us alone, and no name that CGI would read as another', async (t) => {
  const { url, seen } = await behind(t);
  const ask = await serve(t, { kind: 'proxy', url });
  const lies = [
    ...[
      'X_Forwarded_For',
      'X-Forwarded_For',
      'X_Real_IP',
      'X.Real.IP',
      'x_custom',
      'Forwarded',
      'X-Forwarded',
      'X-Real-IP',
    ],
    ...[
      'X-Real-Port',
      'True-Client-IP',
      'Client-IP',
      'X-Client-IP',
      'X-Cluster-Client-IP',
      'CF-Connecting-IP',
      'Proxy',
    ],
    ...[
      'Proxy-Client-IP',
      'WL-Proxy-Client-IP',
      'Fastly-Client-IP',
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-Host',
      'Via',
    ],
    ...['X-Http-Host-Override', 'X-Remote-User', 'Remote-User', 'X-ProxyUser-Ip', 'X-Envoy-External-Address'],
    ...['X-Azure-ClientIP', 'Client-Cert', 'Client-Cert-Chain', 'SSL-Client-Verify', 'X-SSL-Client-S-DN', 'X-Scheme'],
    ...[
      'X-Auth-Request-User',
      'X-Appengine-User-Ip',
      'Front-End-Https',
      'X-Accel-Redirect',
      '__proto__',
      'X-Forwarded-',
    ],
  ];
  const honest = [
    'Accept',
    'Accept-Language',
    'User-Agent',
    'X-Requested-With',
    'Authorization',
    'If-None-Match',
    'X-Csrf-Token',
  ];
  const fields = [...lies, ...honest].map((name) => `${name}: 10.0.0.1\r\n`).join('');
  await ask(get('/', fields));
  const { headers = {} } = seen[0] ?? {};
  const ours = { 'x-forwarded-for': CLIENT, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'site.test' };
  const { host: _, connection: __, ...others } = headers;
  assert.deepEqual(others, { ...ours, ...Object.fromEntries(honest.map((name) => [name.toLowerCase(), '10.0.0.1'])) });
});

test('another server: it sets no cookie of ours, by which a visitor would be signed in as another', async (t) => {
  const { url } = await behind(t, (_, response) => {
    const cookies = ['a=1; Path=/', '__Secure-sstpd-user=x; Path=/portal; Secure', ' __Host-sstpd =y', 'b=2'];
    response.writeHead(200, { 'set-cookie': cookies });
    response.end();
  });
  const server = await startWebPage({ fallback: { kind: 'proxy', url } });
  t.after(() => server.close());
  const listener = createServer((socket) => server.handle(socket, Buffer.alloc(0), CLIENT));
  const port = await listen(t, listener);
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  socket.write(get('/'));
  await new Promise((resolve) => socket.on('close', resolve));
  assert.deepEqual(text.match(/^set-cookie: .*$/gim), ['set-cookie: a=1; Path=/', 'set-cookie: b=2']);
});

test('a body in a coding that the other server would not know of, or whose end two read in two ways, never gets there (RFC 9112 6.1)', async (t) => {
  const { url, seen } = await behind(t);
  const ask = await serve(t, { kind: 'proxy', url });
  const post = (version: string, coding: string): string =>
    `POST / HTTP/${version}\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n2\r\nab\r\n0\r\n\r\n`;
  assert.equal((await ask(post('1.1', 'gzip, chunked'))).status, 501);
  assert.equal((await ask(post('1.0', 'chunked'))).status, 400);
  assert.equal((await ask(get('/a#b'))).status, 400);
  assert.equal(seen.length, 0);
});

test('one request is for one host: two, one that is none, and a target that says another are never read in two ways', async (t) => {
  const { url, seen } = await behind(t);
  for (const fallback of [{ kind: 'page' }, { kind: 'not-found' }, { kind: 'proxy', url }] as const) {
    const ask = await serve(t, fallback);
    for (const hosts of [
      'Host: a\r\nHost: b\r\n',
      'Host: a\r\nHost: a\r\n',
      'Host: a b\r\n',
      'Host: u@a\r\n',
      'Host: a/b\r\n',
    ]) {
      const { status } = await ask(`GET / HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
      assert.equal(status, 400, `${fallback.kind} ${hosts}`);
    }
    for (const target of ['http://u@a/', 'http:///x']) assert.equal((await ask(get(target))).status, 400, target);
  }
  assert.equal(seen.length, 0);
  const ask = await serve(t, { kind: 'proxy', url });
  await ask(get('http://other.test:81/x'));
  assert.equal(seen.at(-1)?.headers['x-forwarded-host'], 'other.test:81', 'the target counts (RFC 9112 3.2.2)');
  await ask('GET / HTTP/1.0\r\n\r\n');
  assert.equal(seen.length, 2);
  assert.equal(seen.at(-1)?.headers['x-forwarded-host'], undefined);
});

test('another server: it sees no cookie of the admin page or the portal, which browsers send to each port', async (t) => {
  const { url, seen } = await behind(t);
  const ask = await serve(t, { kind: 'proxy', url });
  await ask(
    get('/', 'Cookie: a=1; __Host-sstpd=secret; b="2=3";__Secure-sstpd-user=secret\r\nCookie: __Host-sstpd=x; c\r\n'),
  );
  await ask(get('/', 'Cookie: __Host-sstpd=secret\r\n'));
  await ask(get('/', 'Cookie: __Host-sstpd2=theirs\r\n'));
  assert.deepEqual(
    seen.map(({ headers }) => headers.cookie),
    ['a=1; b="2=3"; c', undefined, '__Host-sstpd2=theirs'],
  );
});

test('another server: bodies of known and unknown length pass whole, also with methods that have none', async (t) => {
  const { url, seen } = await behind(t);
  const ask = await serve(t, { kind: 'proxy', url });
  const chunked = 'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
  assert.match(
    (await ask('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n', 'hello')).body,
    /hello/,
  );
  assert.match((await ask(`POST / HTTP/1.1\r\nHost: x\r\n${chunked}`)).body, /hello/);
  assert.match((await ask(`DELETE /x HTTP/1.1\r\nHost: x\r\n${chunked}`)).body, /hello/);
  assert.deepEqual(
    seen.map(({ method, body }) => [method, body]),
    [
      ['POST', 'hello'],
      ['POST', 'hello'],
      ['DELETE', 'hello'],
    ],
  );
});

test('another server: requests that could be read in two ways reach it in none', async (t) => {
  const { url, seen } = await behind(t);
  const ask = await serve(t, { kind: 'proxy', url });
  for (const head of [
    'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
    'Content-Length: 5\r\nContent-Length: 6\r\n',
    'Transfer-Encoding: chunked, identity\r\n',
    'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n',
    'Transfer-Encoding: xchunked\r\n',
    'Transfer-Encoding : chunked\r\n',
    'Transfer-Encoding:\x0bchunked\r\n',
    'Transfer-Encoding: chunked\n\r\n',
    'X: y\rTransfer-Encoding: chunked\r\n',
    'X: y\r\n Transfer-Encoding: chunked\r\n',
    'X: y\x00z\r\n',
    ' X: y\r\n',
    'Content-Length: +5\r\n',
    'Content-Length: 5, 5\r\n',
    'Content-Length: 0x5\r\n',
  ]) {
    const { status } = await ask(
      `POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    assert.equal(status, 400, head);
  }
  assert.equal((await ask('GET bad HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).status, 400);
  assert.deepEqual(seen, []);
});

test('another server: a body is none of the requests, also if Connection names its length (RFC 9110 7.6.1)', async (t) => {
  const { url, seen } = await behind(t);
  const ask = await serve(t, { kind: 'proxy', url });
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n';
  const chunked = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
  for (const [named, length, body] of [
    ['content-length', `Content-Length: ${hidden.length}`, hidden],
    ['transfer-encoding', 'Transfer-Encoding: chunked', chunked],
  ]) {
    await ask(`GET /a HTTP/1.1\r\nHost: x\r\nConnection: close, ${named}\r\n${length}\r\n\r\n${body}`);
  }
  assert.deepEqual(
    seen.map(({ url: path, body }) => [path, body]),
    [
      ['/a', hidden],
      ['/a', hidden],
    ],
  );
});

test('another server that is not there, and one that breaks off: 502 and an end, no more', async (t) => {
  const ask = await serve(t, { kind: 'proxy', url: 'http://127.0.0.1:1' });
  assert.equal((await ask(get('/'))).status, 502);
  const { url } = await behind(t, (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('part');
    setImmediate(() => response.destroy());
  });
  const broken = await serve(t, { kind: 'proxy', url });
  const { status, body } = await broken(get('/'));
  assert.equal(status, 200);
  assert.ok(body.length < 100);
});

test('a connection without a request ends after its lifetime; one with a long answer may stay', async (t) => {
  const { url } = await behind(t, (_, response) => {
    response.write('first ');
    setTimeout(() => response.end('last'), 400);
  });
  const ask = await serve(t, { kind: 'proxy', url }, { lifetimeMs: 150 });
  assert.match((await ask(get('/'))).body, /last/);
  const silent = await ask('GET / HTTP/1.1\r\n');
  assert.equal(silent.status, 0);
});

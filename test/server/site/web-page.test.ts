import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import tls from 'node:tls';
import forge from 'node-forge';
import { startWebPage, type WebPage } from '../../../server/site/index.ts';

let page: WebPage;
let server: Server;
let port: number;

beforeEach(() => open({}));
afterEach(close);

async function open(options: Parameters<typeof startWebPage>[0]): Promise<void> {
  page = await startWebPage(options);
  // As the VPN listener does it: some bytes have been read before the page gets the socket.
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes: Buffer) => {
      socket.pause();
      page.handle(socket, bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
}

async function close(): Promise<void> {
  await page.close();
  await new Promise((resolve) => server.close(resolve));
}

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends bytes, and returns all that comes back until the server ends the connection. */
function raw(...pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => resolve(text)).on('error', reject);
    for (const piece of pieces) socket.write(piece, 'latin1');
  });
}

async function ask(...pieces: readonly string[]): Promise<Answer> {
  return parse(await raw(...pieces));
}

function parse(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const match = /^HTTP\/1\.1 (\d{3}) /.exec(line);
  assert.ok(match, text);
  const headers = new Map(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
    }),
  );
  return { status: Number(match[1]), headers, body: rest.join('\r\n\r\n') };
}

const CLOSE = 'Host: x\r\nConnection: close\r\n\r\n';

test('GET / is a page of its own with security headers; nothing names the software', async () => {
  const { status, headers, body } = await ask(`GET / HTTP/1.1\r\n${CLOSE}`);
  assert.equal(status, 200);
  assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
  assert.equal(Number(headers.get('content-length')), Buffer.byteLength(body));
  assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-[\w+/]{43}='/);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
  assert.equal(headers.has('server') || headers.has('x-powered-by'), false);
  assert.match(body, /<h1>It works<\/h1>/);
  assert.doesNotMatch(body, /sstp|vpn|fastify|node/i);
});

test('HEAD has the headers of GET and no body (RFC 9110 9.3.2)', async () => {
  const get = await ask(`GET / HTTP/1.1\r\n${CLOSE}`);
  const head = await ask(`HEAD / HTTP/1.1\r\n${CLOSE}`);
  assert.equal(head.status, 200);
  assert.equal(head.body, '');
  assert.equal(head.headers.get('content-length'), get.headers.get('content-length'));
});

test('a query, an absolute target and HTTP/1.0 are fine (RFC 9112 3.2.2, 2.5)', async () => {
  assert.equal((await ask(`GET /?a=b HTTP/1.1\r\n${CLOSE}`)).status, 200);
  assert.equal((await ask(`GET http://x/ HTTP/1.1\r\n${CLOSE}`)).status, 200);
  const old = await ask('GET / HTTP/1.0\r\n\r\n');
  assert.equal(old.status, 200);
  assert.equal(old.headers.get('connection'), 'close');
});

test('other places are 404, other methods at the page 405 with Allow (RFC 9110 15.5.6)', async () => {
  for (const [target, expected] of [
    ['/index.html', 404],
    ['//', 404],
    ['/../etc/passwd', 404],
    ['/%00', 404],
    ['/%zz', 400],
  ] as const) {
    const { status, headers } = await ask(`GET ${target} HTTP/1.1\r\n${CLOSE}`);
    assert.equal(status, expected, target);
    assert.equal(headers.get('content-type'), 'text/plain; charset=utf-8');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK']) {
    const answer = await ask(`${method} / HTTP/1.1\r\n${CLOSE}`);
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.get('allow'), 'GET, HEAD', method);
    assert.equal((await ask(`${method} /x HTTP/1.1\r\n${CLOSE}`)).status, 404, method);
  }
});

test('a body is not waited for: the answer comes and the connection ends', async () => {
  const { status, headers } = await ask('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n');
  assert.equal(status, 405);
  assert.equal(headers.get('connection'), 'close');
  const chunked = await ask('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  assert.equal(chunked.status, 405);
});

test('CONNECT is refused with an answer (RFC 9110 9.3.6)', async () => {
  assert.equal((await ask('CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n')).status, 405);
});

test('a request without Host is 400 in HTTP/1.1 (RFC 9112 3.2)', async () => {
  assert.equal((await ask('GET / HTTP/1.1\r\n\r\n')).status, 400);
});

test('a method nobody knows is 501, bytes that are no request 400, oversized headers 431 (RFC 9110 15)', async () => {
  for (const [bytes, expected] of [
    ['SSTP_DUPLEX_POST /wrong/ HTTP/1.1\r\nHost: x\r\n\r\n', 501],
    ['\x00\x01\x02\x03\r\n\r\n', 400],
    ['hello\r\n\r\n', 400],
    ['GET / HTTP/9.9\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(9000)}\r\n\r\n`, 431],
    ['GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ] as const) {
    const { status, headers, body } = await ask(bytes);
    assert.equal(status, expected, bytes.slice(0, 40));
    assert.equal(headers.get('connection'), 'close');
    assert.equal(Number(headers.get('content-length')), body.length);
  }
});

test('requests behind one another on a connection are answered in order; beyond the limit they are refused', async () => {
  await close();
  await open({ requestsPerSocket: 3 });
  const socket = connect(port, '127.0.0.1');
  let text = '';
  const refused = new Promise<void>((resolve) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes(' 503 ')) resolve();
    });
  });
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4));
  await refused;
  socket.destroy();
  assert.deepEqual(text.match(/^HTTP\/1\.1 \d+|^Connection: [\w-]+/gm), [
    'HTTP/1.1 200',
    'Connection: keep-alive',
    'HTTP/1.1 200',
    'Connection: keep-alive',
    'HTTP/1.1 200',
    'Connection: close',
    'HTTP/1.1 503',
    'Connection: close',
  ]);
});

test('a connection that sends its request too slowly, or nothing more, ends after its lifetime', async () => {
  await close();
  await open({ lifetimeMs: 50 });
  await assert.doesNotReject(
    raw('GET / HTTP/1.1\r\nHo').catch((error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'ECONNRESET');
    }),
  );
});

test('it takes over a TLS socket whose first bytes have been read', async () => {
  const secure = tls.createServer(selfSigned(), (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes: Buffer) => {
      socket.pause();
      page.handle(socket, bytes);
    });
  });
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  const client = tls.connect((secure.address() as AddressInfo).port, '127.0.0.1', { rejectUnauthorized: false });
  let text = '';
  client.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  client.write('GET / HT');
  client.once('secureConnect', () => setImmediate(() => client.write(`TP/1.1\r\n${CLOSE}`)));
  await new Promise((resolve) => client.once('end', resolve));
  await new Promise((resolve) => secure.close(resolve));
  assert.equal(parse(text).status, 200);
});

test('a stream that is no socket will do, and one already destroyed is left alone', async () => {
  const sent: string[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.push(chunk.toString('latin1'));
      done();
    },
  });
  const ended = new Promise((resolve) => stream.once('finish', resolve));
  page.handle(stream, Buffer.from(`GET / HTTP/1.1\r\n${CLOSE}`));
  await ended;
  assert.equal(parse(sent.join('')).status, 200);

  const dead = new Duplex({ read: () => undefined });
  dead.destroy();
  page.handle(dead, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
});

test('close ends connections that wait for another request', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => socket.once('data', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  await page.close();
  await closed;
});

function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = '01';
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  certificate.setSubject([{ name: 'commonName', value: 'test' }]);
  certificate.setIssuer([{ name: 'commonName', value: 'test' }]);
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  return { key: privateKey, cert: forge.pki.certificateToPem(certificate) };
}

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type PeerCertificate, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { certificateNames } from '../../certs/index.ts';
import { AdminListener, probeAdminListener } from '../../server/admin-listener.ts';
import type { TlsMaterial } from '../../server/certificates/material.ts';
import { type FlagValues, loadConfig } from '../../server/config/index.ts';
import { TestAuthority, type TestPair } from '../support/certificates.ts';

const authority = new TestAuthority();
const first = authority.issue('vpn.example', '*.wild.example');
const second = authority.issue('other.example');

function material(...pairs: [TestPair, ...TestPair[]]): TlsMaterial {
  const [head, ...tail] = pairs.map(({ certificatePem, keyPem }) => {
    const names = certificateNames(new X509Certificate(certificatePem)).dns;
    return { certificatePem, keyPem, names, ocsp: undefined, isOwn: true };
  });
  assert.ok(head);
  return { certificates: [head, ...tail], challenges: [], ticketKeys: Buffer.alloc(48) };
}

function create(flags: FlagValues = {}): AdminListener {
  const { config } = loadConfig({ flags: { 'admin.listen': '127.0.0.1:0', ...flags }, env: {} });
  const listener = AdminListener.create(config, material(first));
  assert.ok(listener);
  return listener;
}

/** @returns the port */
async function open(t: TestContext, listener: AdminListener): Promise<number> {
  const server = listener.createServer((_request, response) => response.end('here'));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = new URL(await listener.listen());
  assert.deepEqual([url.protocol, url.hostname, url.pathname], ['https:', '127.0.0.1', '/']);
  return Number(url.port);
}

async function dial(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function shown(port: number, options: object = {}): Promise<PeerCertificate> {
  const socket = await dial(port, options);
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return certificate;
}

test('it shows the certificate of the VPN port, and a renewed one at once', async (t) => {
  const listener = create();
  const port = await open(t, listener);
  assert.equal((await shown(port)).fingerprint256, first.fingerprint);
  const before = await dial(port);
  listener.setTls(material(second));
  assert.equal((await shown(port)).fingerprint256, second.fingerprint);
  // Who was there before, stays.
  before.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(String((await once(before, 'data'))[0]), /^HTTP\/1\.1 200 /);
  before.destroy();
});

test('of several certificates the name chooses, also after a change', async (t) => {
  const listener = create();
  const port = await open(t, listener);
  listener.setTls(material(first, second));
  assert.equal((await shown(port, { servername: 'other.example' })).fingerprint256, second.fingerprint);
  assert.equal((await shown(port, { servername: 'vpn.example' })).fingerprint256, first.fingerprint);
  listener.setTls(material(second));
  assert.equal((await shown(port, { servername: 'vpn.example' })).fingerprint256, second.fingerprint);
});

test('TLS 1.2 and 1.3, HTTP/1.1 only', async (t) => {
  const port = await open(t, create());
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const socket = await dial(port, { minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] });
    assert.deepEqual([socket.getProtocol(), socket.alpnProtocol], [version, 'http/1.1']);
    socket.destroy();
  }
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };
  await assert.rejects(dial(port, old));
  await assert.rejects(dial(port, { ALPNProtocols: ['h2'] }));
});

test('its names are those of the certificates that are served now, and of the key hosts', () => {
  const listener = create({ hosts: ['m\u00fcnchen.example', '192.0.2.1'] });
  const own = (name: string): boolean => listener.isOwnName(name);
  for (const name of ['vpn.example', 'a.wild.example', 'xn--mnchen-3ya.example']) assert.equal(own(name), true, name);
  for (const name of ['example', 'a.b.wild.example', 'wild.example', 'other.example', '*.wild.example.evil', '']) {
    assert.equal(own(name), false, name);
  }
  listener.setTls(material(second));
  assert.deepEqual([own('vpn.example'), own('other.example')], [false, true]);
  listener.setTls(material(first, second));
  assert.deepEqual([own('vpn.example'), own('other.example')], [true, true]);
});

test('more connections than it takes are closed, and headers that are too long refused', async (t) => {
  const port = await open(t, create());
  const socket = await dial(port);
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`);
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 431 /);
  socket.destroy();
  let closed = 0;
  for (let i = 0; i < 140; i += 1) {
    const one = await knock(t, port, `127.0.0.${1 + (i % 5)}`);
    one.on('close', () => (closed += 1));
  }
  while (closed < 12) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(closed <= 13, `${closed}`);
});

test('who takes all that one address may have keeps nobody out elsewhere, and gives it back', {
  timeout: 10_000,
}, async (t) => {
  const port = await open(t, create());
  const [first32, rest] = [[] as Socket[], [] as Socket[]];
  for (let i = 0; i < 40; i += 1) (i < 32 ? first32 : rest).push(await knock(t, port, '127.0.0.2'));
  for (const one of rest) if (!one.closed) await once(one, 'close');
  assert.deepEqual(
    first32.filter((one) => one.closed),
    [],
  );
  (await dial(port)).destroy();
  for (const one of first32) one.destroy();
  const again = (): Promise<TLSSocket> =>
    dial(port, { localAddress: '127.0.0.2' }).catch(async () => {
      await new Promise((resolve) => setTimeout(resolve, 10)); // the server has not seen the ends yet
      return again();
    });
  for (let i = 0; i < 70; i += 1) {
    const socket = await again();
    if (i % 2 === 0) socket.end();
    else socket.destroy();
    await once(socket, 'close');
  }
});

/** A connection that says nothing. */
async function knock(t: TestContext, port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  t.after(() => socket.destroy());
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  return socket;
}

test('who never speaks TLS, or speaks it badly, does not keep the connection', { timeout: 10_000 }, async (t) => {
  const listener = create({ 'tls.handshakeMs': '200' });
  const server = listener.createServer(() => {});
  server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.after(() => server.close());
  const { port } = new URL(await listener.listen());
  for (const bytes of [undefined, 'GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001\u0000\u0005']) {
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    t.after(() => socket.destroy());
    socket.on('error', () => {}).resume();
    if (bytes !== undefined) socket.write(bytes);
    await once(socket, 'close');
  }
});

test('a port that is taken is said with the key and what to do', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const { config } = loadConfig({ flags: { 'admin.listen': `127.0.0.1:${port}` }, env: {} });
  const message = new RegExp(
    `^admin\\.listen: cannot listen on 127\\.0\\.0\\.1:${port}: another program has the port; .*; stop it or choose another port \\(--admin ADDR:PORT, or --admin off\\)$`,
  );
  await assert.rejects(probeAdminListener(config), { code: 'ERR_LISTEN', message });
  const listener = AdminListener.create(config, material(first));
  listener?.createServer(() => {});
  await assert.rejects(async () => listener?.listen(), { code: 'ERR_LISTEN', message });
});

test("'off' means no listener", async () => {
  const { config } = loadConfig({ flags: { 'admin.listen': 'off' }, env: {} });
  assert.equal(AdminListener.create(config, material(first)), undefined);
  await probeAdminListener(config);
});

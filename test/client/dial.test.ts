import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { Dial } from '../../client/dial.ts';
import { authority, certificate } from '../tls/support.ts';

async function listen(server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

function tlsServer(minVersion: 'TLSv1.2' | 'TLSv1.3', onClient: (socket: TLSSocket) => void): Server {
  const { certificatePem, keyPem } = certificate();
  const options = { cert: certificatePem, key: keyPem, minVersion, maxVersion: minVersion } as const;
  return createTlsServer(options, (socket) => {
    socket.on('error', () => undefined);
    onClient(socket);
  });
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: the HTTP request leaves unasked, what is answered waits for a listener`, async () => {
    const server = tlsServer(version, (socket) => socket.once('data', (request) => socket.end(`got ${request}`)));
    const dial = new Dial({ ...(await listen(server)), caPem: authority.certificatePem });
    const socket = await dial.done;
    assert.ok(!(socket instanceof Error), String(socket));
    await setTimeout(50); // the answer and the end are there by now, and must wait
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.match(text, /^got SSTP_DUPLEX_POST \S+ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/);
    assert.ok((dial.timeline.tcp ?? Infinity) <= (dial.timeline.tls ?? 0));
    server.close();
  });
}

test('a failure waits too, and never rejects', async () => {
  const server = createServer();
  const { host, port } = await listen(server);
  server.close();
  const dial = new Dial({ host, port });
  await setTimeout(50);
  const outcome = await dial.done;
  assert.ok(outcome instanceof Error);
  assert.equal(outcome.message, `connect ECONNREFUSED ${host}:${port}`);
});

test('a certificate of somebody else gets no request', async () => {
  let heard = '';
  const server = tlsServer('TLSv1.3', (socket) => socket.on('data', (chunk) => (heard += chunk)));
  const dial = new Dial(await listen(server));
  assert.ok((await dial.done) instanceof Error);
  assert.match(dial.failure?.message ?? '', /certificate/);
  server.close();
  assert.equal(heard, '');
});

test('destroyed on the way it ends, whoever answers what', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  const dial = new Dial(await listen(server));
  await setTimeout(50); // the ClientHello is out
  dial.destroy();
  assert.ok((await dial.done) instanceof Error);
  server.close();
});

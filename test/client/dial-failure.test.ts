/** What `sstpd connect` says of a server that can't be reached: words, and what mends it. Errors are those that Node makes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { createAuthority, issueServerCertificate } from '../../certs/index.ts';
import { Dial } from '../../client/dial.ts';
import { dialFailure } from '../../client/dial-failure.ts';

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** What is said of an attempt that fails. */
async function failureAt(port: number, caPem?: string): Promise<string> {
  const target = { host: '127.0.0.1', port };
  const outcome = await new Dial({ ...target, caPem }).done;
  assert.ok(outcome instanceof Error);
  return dialFailure(outcome, target);
}

/** A TLS server with a certificate for these names from an authority of its own. */
async function tlsServer(t: TestContext, names: readonly string[], now = new Date()) {
  const authority = createAuthority({ commonName: 'test', now });
  const { certificatePem, keyPem } = issueServerCertificate({ authority, names: [...names], now });
  const server = createTlsServer({ cert: certificatePem + authority.certificatePem, key: keyPem });
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  server.on('tlsClientError', () => undefined);
  return { port: await listening(t, server), ca: authority.certificatePem };
}

test('nothing listens', async (t) => {
  const server = createServer();
  const port = await listening(t, server);
  server.close();
  await once(server, 'close');
  assert.equal(
    await failureAt(port),
    'ECONNREFUSED: nothing listens there; is the server started, and is this its port?',
  );
});

test('an authority that is not trusted', async (t) => {
  const { port } = await tlsServer(t, ['127.0.0.1']);
  assert.match(await failureAt(port), /an authority that is not trusted here; .* in its ca\.pem: --ca$/);
});

test('a certificate for other names', async (t) => {
  const { port, ca } = await tlsServer(t, ['vpn.example.com', '192.0.2.1']);
  assert.equal(
    await failureAt(port, ca),
    "the server's certificate is for vpn.example.com, 192.0.2.1, not for 127.0.0.1: " +
      'dial a name that is in it, or start the server with --host 127.0.0.1',
  );
});

test('a certificate that has expired', async (t) => {
  const { port, ca } = await tlsServer(t, ['127.0.0.1'], new Date(Date.now() - 20 * 365 * 86_400_000));
  assert.match(
    await failureAt(port, ca),
    /^the server's certificate has expired: .* the clock of this machine is wrong$/,
  );
});

test('what listens does not speak TLS', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  assert.equal(
    await failureAt(await listening(t, server)),
    'what listens there does not speak TLS: is this the port of the VPN?',
  );
});

test('a server that hangs up on the ClientHello', async (t) => {
  const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.end()));
  assert.match(
    await failureAt(await listening(t, server)),
    /^the server closed the connection in the middle of the TLS/,
  );
});

test('what the system says in codes, also of several attempts', () => {
  const target = { host: 'vpn.example.com', port: 443 };
  const coded = (code: string): Error => Object.assign(new Error(`getaddrinfo ${code}`), { code });
  for (const code of ['EAI_AGAIN', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED', 'EACCES']) {
    const said = dialFailure(coded(code), target);
    assert.match(said, new RegExp(`^${code}: [^;]+; .+`), said);
    assert.equal(dialFailure(new AggregateError([coded(code), coded('EINVAL')], ''), target), said);
  }
  assert.equal(dialFailure(new Error('given up'), target), 'given up');
});

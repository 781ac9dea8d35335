import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { createAuthority } from '../../../../certs/index.ts';
import { examineFreePorts, examineServedPorts, placesOf } from '../../../../server/observe/doctor/ports.ts';

const LOOPBACK = '127.0.0.1';

async function listening(t: TestContext, server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

test('a port that is free answers while it is held, and is free again afterwards', async () => {
  const [finding] = await examineFreePorts([{ host: LOOPBACK, port: 0 }]);
  assert.equal(finding?.result, 'ok', finding?.text);
  assert.match(finding?.text ?? '', /answers at 127\.0\.0\.1:\d+; a firewall .* can not be seen/);
  const [all] = await examineFreePorts([{ host: undefined, port: 0 }]);
  assert.equal(all?.result, 'ok', all?.text);
});

test('an address that several devices have is asked once', () => {
  const rest = {
    netmask: '255.255.255.0',
    family: 'IPv4',
    mac: '00:00:00:00:00:00',
    internal: false,
    cidr: null,
  } as const;
  const tunnel = [{ ...rest, address: '10.86.0.1' }];
  const uplink = [{ ...rest, address: '192.0.2.1' }];
  const hosts = placesOf(undefined, 443, { uplink, sstp0: tunnel, sstp1: tunnel }).map(({ host }) => host);
  assert.deepEqual(hosts, ['192.0.2.1', '10.86.0.1']);
});

test('a port that is taken, and an address that this machine does not have', async (t) => {
  const port = await listening(t, createServer());
  const [taken] = await examineFreePorts([{ host: LOOPBACK, port }]);
  assert.equal(taken?.result, 'problem');
  assert.match(taken?.text ?? '', /another program has the port/);
  assert.match(taken?.fix ?? '', /ss -ltnp/);
  const [foreign] = await examineFreePorts([{ host: '192.0.2.99', port: 0 }]);
  assert.match(foreign?.text ?? '', /does not have the address/);
  assert.equal(foreign?.result, 'problem');
  const [later] = await examineFreePorts([], [{ host: '192.0.2.99', port: 0 }]);
  assert.equal(later?.result, 'warning');
  assert.match(later?.fix ?? '', /own address in the pool/);
});

test('a server that answers with its certificate, with another one, and not at all', async (t) => {
  const { certificatePem: cert, keyPem: key } = createAuthority({ commonName: 'ports', now: new Date() });
  const server = createTlsServer({ cert, key }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'));
  });
  const endpoint = `${LOOPBACK}:${await listening(t, server)}`;
  const fingerprint = new X509Certificate(cert).fingerprint256;
  const results = async (where: string, expected: string) =>
    (await examineServedPorts([where], expected)).map(({ check, result }) => `${check}: ${result}`);
  assert.deepEqual(await results(endpoint, fingerprint), [`port ${endpoint}: ok`]);
  assert.deepEqual(await results(endpoint, 'AA'), [`port ${endpoint}: ok`, 'certificate served: warning']);
  const plain = `${LOOPBACK}:${await listening(
    t,
    createServer((socket) => socket.on('error', () => {}).end()),
  )}`;
  assert.deepEqual(await results(plain, fingerprint), [`port ${plain}: problem`]);
  assert.deepEqual(await results(`${LOOPBACK}:1`, fingerprint), [`port ${LOOPBACK}:1: problem`]);
});

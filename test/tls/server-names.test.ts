import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { issueServerCertificate } from '../../certs/index.ts';
import { chooseByName, createServerTls } from '../../tls/index.ts';
import { authority, Harness } from './support.ts';

const CERTIFICATES = [
  { names: ['vpn.test'] },
  { names: ['*.a.test', '*.test'] },
  { names: ['x.a.test', 'vpn.test', '*.deep.a.test'] },
];

const CHOICES: readonly [string | undefined, number][] = [
  [undefined, 0],
  ['vpn.test', 0],
  ['x.a.test', 2],
  ['y.a.test', 1],
  ['z.deep.a.test', 2],
  ['y.z.a.test', 0],
  ['a.test', 1],
  ['other.example', 0],
  ['test', 0],
  ['.test', 0],
  ['*.a.test', 1],
  ['198.51.100.7', 0],
];

test('SNI: the exact name, else a wildcard for one label, else the first (RFC 6066 3, RFC 6125 6.4.3)', () => {
  for (const [name, index] of CHOICES) assert.equal(chooseByName(CERTIFICATES, name), index, name);
});

function issue(...names: string[]) {
  const { certificatePem, keyPem } = issueServerCertificate({ authority, names, now: new Date() });
  return { certificatePem: certificatePem + authority.certificatePem, keyPem, names };
}

const [first, second, third] = [issue('one.test'), issue('two.test'), issue('*.two.test')];
const context = createServerTls(first, {
  minVersion: 'TLSv1.2',
  byName: { names: first.names, others: [second, third] },
});

const sha256 = (socket: TLSSocket): Buffer =>
  createHash('sha256')
    .update(socket.getPeerX509Certificate()?.raw ?? assert.fail())
    .digest();

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const options = { minVersion: version, maxVersion: version, rejectUnauthorized: false, ca: authority.certificatePem };

  test(`${version}: a connection comes with the hashes of the certificate that SNI has chosen`, async () => {
    const { address, connections } = await new Harness(context).start();
    const seen = new Set<string>();
    for (const servername of ['', 'one.test', 'TWO.test', 'two.test:4443', 'a.two.test', 'b\u0001d', 'other.test']) {
      const client = connect({ host: '127.0.0.1', port: address.port, servername, ...options });
      const [{ hashes }] = await Promise.all([connections.next(), once(client, 'secureConnect')]);
      assert.deepEqual(hashes.sha256, sha256(client), servername);
      seen.add(hashes.sha256.toString('hex'));
      client.destroy();
    }
    assert.equal(seen.size, 3);
  });

  test(`${version}: an ACME challenge is shown to who asks for acme-tls/1 and its name, and ends there (RFC 8737 3)`, async () => {
    const challenge = issue('two.test');
    const challenges = [challenge];
    const byName = { names: first.names, others: [second, third] };
    const during = createServerTls(first, { minVersion: 'TLSv1.2', byName, challenges });
    const { address, connections, failures, closes } = await new Harness(during).start();
    const where = { host: '127.0.0.1', port: address.port, ...options };
    const asked = connect({ ...where, servername: 'two.test', ALPNProtocols: ['acme-tls/1'] });
    const seen: unknown[] = [];
    // At once: the server hangs up right after the handshake.
    asked.once('secureConnect', () => seen.push(asked.alpnProtocol, asked.getPeerX509Certificate()?.raw));
    asked.resume();
    await Promise.all([once(asked, 'close'), closes.next()]);
    assert.deepEqual(seen, ['acme-tls/1', new X509Certificate(challenge.certificatePem).raw]);
    assert.equal(connections.all.length, 0);

    // Another name, and the name without the protocol.
    const other = connect({ ...where, servername: 'one.test', ALPNProtocols: ['acme-tls/1'] });
    const [error] = await once(other, 'error');
    assert.match(String(error), /no.application.protocol/i);
    assert.match((await failures.next()).failure.code, /NO_APPLICATION_PROTOCOL/);
    const plain = connect({ ...where, servername: 'two.test', ALPNProtocols: ['http/1.1'] });
    const [{ hashes }] = await Promise.all([connections.next(), once(plain, 'secureConnect')]);
    assert.deepEqual(hashes.sha256, sha256(plain));
    assert.equal(hashes, during.hashesFor('two.test'));
    assert.notEqual(hashes, during.hashes);
    plain.destroy();
  });

  test(`${version}: a session that resumes has the hashes of the certificate that it was shown at first`, async () => {
    const { address, connections } = await new Harness(context).start();
    const where = { host: '127.0.0.1', port: address.port, servername: 'two.test', ...options };
    const full = connect(where);
    const [[session], before] = await Promise.all([once(full, 'session'), connections.next()]);
    assert.deepEqual(before.hashes.sha256, sha256(full));
    const again = connect({ ...where, session });
    const [after] = await Promise.all([connections.next(), once(again, 'secureConnect')]);
    assert.equal(again.isSessionReused(), true);
    assert.equal(after.info.sni, 'two.test');
    assert.deepEqual(after.hashes, before.hashes);
    for (const client of [full, again]) client.destroy();
  });
}

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { chooseProtocol, createServerTls, DEFAULT_CIPHERS, TlsContextError } from '../../tls/index.ts';
import { caFile, certificate, Harness, sClient, serverContext } from './support.ts';

const one = certificate();

test('the hashes are those of the leaf alone, over its DER (MS-SSTP 2.2.7)', () => {
  const { hashes } = createServerTls(one, { minVersion: 'TLSv1.2' });
  const der = new X509Certificate(one.certificatePem).raw;
  assert.deepEqual(hashes.sha1, createHash('sha1').update(der).digest());
  assert.deepEqual(hashes.sha256, createHash('sha256').update(der).digest());
});

test('only 256-bit ciphers with forward secrecy, AES-256-GCM first', () => {
  const ciphers = DEFAULT_CIPHERS.split(':');
  assert.equal(ciphers[0], 'TLS_AES_256_GCM_SHA384');
  for (const cipher of ciphers) assert.match(cipher, /^(TLS_|ECDHE-).*(AES_?256|CHACHA20)/);
  assert.equal(ciphers.filter((cipher) => cipher.startsWith('ECDHE-RSA'))[0], 'ECDHE-RSA-AES256-GCM-SHA384');
});

test('ALPN: http/1.1 wherever it stands, nothing else (RFC 7301)', () => {
  assert.equal(chooseProtocol({ protocols: ['http/1.1'] }), 'http/1.1');
  assert.equal(chooseProtocol({ protocols: ['h2', 'http/1.1'] }), 'http/1.1');
  for (const protocols of [['h2'], ['http/1.0'], ['HTTP/1.1'], ['']])
    assert.equal(chooseProtocol({ protocols }), undefined);
});

function assertRefused(why: RegExp, certificatePem: string, keyPem: string, ciphers?: string): void {
  const options = { minVersion: 'TLSv1.3' as const };
  assert.throws(
    () => createServerTls({ certificatePem, keyPem }, ciphers === undefined ? options : { ...options, ciphers }),
    (error) => error instanceof TlsContextError && why.test(error.message) && !error.message.includes('\n'),
  );
}

test('what OpenSSL refuses is one line', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  assertRefused(
    /not the key of the certificate/,
    one.certificatePem,
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  assertRefused(/refuses/, 'x', one.keyPem);
  assertRefused(/refuses/, one.certificatePem, 'x');
  assertRefused(/none of its suites/, one.certificatePem, one.keyPem, 'ECDHE-RSA-AES256-GCM-SHA384');
  assert.throws(
    () => createServerTls(one, { minVersion: 'TLSv1.2', ciphers: 'NONSENSE' }),
    /knows none of these ciphers: NONSENSE/,
  );
});

const CASES: readonly [string, string[], string, string][] = [
  [
    "TLS 1.3, our preference over the client's",
    ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384'],
    'TLSv1.3',
    'TLS_AES_256_GCM_SHA384',
  ],
  [
    'TLS 1.3, ChaCha20 alone',
    ['-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'],
    'TLSv1.3',
    'TLS_CHACHA20_POLY1305_SHA256',
  ],
  ['TLS 1.2, as Windows 10 uses it', ['-tls1_2'], 'TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
  [
    "TLS 1.2, our preference over the client's",
    ['-tls1_2', '-cipher', 'ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES256-SHA384'],
    'TLSv1.2',
    'ECDHE-RSA-AES256-SHA384',
  ],
  [
    'TLS 1.2, CBC with SHA-1 for old Windows',
    ['-tls1_2', '-cipher', 'ECDHE-RSA-AES256-SHA'],
    'TLSv1.2',
    'ECDHE-RSA-AES256-SHA',
  ],
];

for (const [name, args, version, cipher] of CASES) {
  test(`${name}: ${cipher}`, async () => {
    const { listener, address, connections } = await new Harness(serverContext()).start();
    const client = sClient(address.port, '-CAfile', caFile, '-verify_return_error', '-verify_ip', '127.0.0.1', ...args);
    const { info } = await connections.next();
    assert.deepEqual([info.tlsVersion, info.cipher], [version, cipher]);
    const { code, text } = await client;
    assert.equal(code, 0, text);
    assert.match(text, /Verification: OK/);
    await listener.close();
  });
}

const REFUSED: readonly [string, 'TLSv1.2' | 'TLSv1.3', string[], string][] = [
  ['TLS 1.1', 'TLSv1.2', ['-tls1_1', '-cipher', 'ALL@SECLEVEL=0'], 'ERR_SSL_UNSUPPORTED_PROTOCOL'],
  ['TLS 1.2 where 1.3 is the least', 'TLSv1.3', ['-tls1_2'], 'ERR_SSL_UNSUPPORTED_PROTOCOL'],
  [
    '128-bit ciphers, TLS 1.2',
    'TLSv1.2',
    ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'],
    'ERR_SSL_NO_SHARED_CIPHER',
  ],
  ['no forward secrecy', 'TLSv1.2', ['-tls1_2', '-cipher', 'AES256-GCM-SHA384'], 'ERR_SSL_NO_SHARED_CIPHER'],
  [
    '128-bit ciphers, TLS 1.3',
    'TLSv1.2',
    ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'],
    'ERR_SSL_NO_SHARED_CIPHER',
  ],
  ['P-521 alone, TLS 1.2', 'TLSv1.2', ['-tls1_2', '-groups', 'P-521'], 'ERR_SSL_NO_SHARED_CIPHER'],
];

for (const [name, minVersion, args, code] of REFUSED) {
  test(`refused: ${name}`, async () => {
    const { address, failures } = await new Harness(serverContext(minVersion)).start();
    const client = sClient(address.port, ...args);
    const { error, failure } = await failures.next();
    assert.equal((error as NodeJS.ErrnoException).code, code);
    assert.equal(failure.stage, 'handshake');
    assert.match(failure.hint ?? '', /offers only/);
    assert.notEqual((await client).code, 0);
  });
}

test('refused: P-521 alone, TLS 1.3', async () => {
  const { address, failures } = await new Harness(serverContext()).start();
  const client = sClient(address.port, '-tls1_3', '-groups', 'P-521');
  const { error, failure } = await failures.next();
  assert.equal((error as NodeJS.ErrnoException).code, 'ERR_SSL_NO_SUITABLE_KEY_SHARE');
  assert.match(failure.hint ?? '', /none of our groups/);
  assert.notEqual((await client).code, 0);
});

test('a client that renegotiates under TLS 1.2 is not served again (SSL_OP_NO_RENEGOTIATION)', async () => {
  const { address, connections } = await new Harness(serverContext()).start();
  const client = connect({ host: '127.0.0.1', port: address.port, maxVersion: 'TLSv1.2', rejectUnauthorized: false });
  await Promise.all([connections.next(), once(client, 'secureConnect')]);
  const outcome = await new Promise<Error | null>((resolve) => {
    client.once('error', resolve);
    client.renegotiate({}, resolve);
  });
  assert.ok(outcome instanceof Error);
  client.destroy();
});

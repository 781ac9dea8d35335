import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import {
  type CertificateAuthority,
  CertificateError,
  createAuthority,
  issueServerCertificate,
} from '../../certs/index.ts';
import { openssl, temporaryFolder } from './support.ts';

const now = new Date();
const folder = temporaryFolder();
const names = ['vpn.example.test', '*.alt.example.test', 'host_2.example.test', '192.0.2.7', '2001:db8::7'];
let authority: CertificateAuthority;
let server: { certificatePem: string; keyPem: string };
let leaf: X509Certificate;

before(() => {
  authority = createAuthority({ commonName: 'sstpd CA für Tests', now });
  server = issueServerCertificate({ authority, names, now });
  leaf = new X509Certificate(server.certificatePem);
  writeFileSync(join(folder, 'ca.pem'), authority.certificatePem);
  writeFileSync(join(folder, 'server.pem'), server.certificatePem);
});

test('the authority is a root: RSA-3072, SHA-256, path length 0, signs certificates and CRLs only (RFC 5280 4.2.1)', () => {
  const text = openssl(folder, 'x509', '-in', 'ca.pem', '-noout', '-text');
  assert.match(text, /Public-Key: \(3072 bit\)/);
  assert.match(text, /Signature Algorithm: sha256WithRSAEncryption/);
  assert.match(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  assert.match(text, /Subject Key Identifier/);
  assert.ok(
    new X509Certificate(authority.certificatePem).verify(new X509Certificate(authority.certificatePem).publicKey),
  );
});

test('the server certificate has what MS-SSTP 3.2.4.1 wants, and nothing that Windows would try to reach', () => {
  const text = openssl(folder, 'x509', '-in', 'server.pem', '-noout', '-text');
  assert.match(text, /Public-Key: \(2048 bit\)/);
  assert.match(text, /Signature Algorithm: sha256WithRSAEncryption/);
  assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
  assert.match(text, /Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
  assert.match(text, /Extended Key Usage: \n\s+TLS Web Server Authentication\n/);
  assert.match(
    text,
    /Alternative Name: \n\s+DNS:vpn.example.test, DNS:\*.alt.example.test, DNS:host_2.example.test, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7\n/,
  );
  assert.match(text, /Subject: CN = vpn.example.test\n/);
  assert.doesNotMatch(text, /CRL Distribution|Authority Information Access|OCSP/);
});

test('the authority key identifier of the leaf is the subject key identifier of the authority (RFC 5280 4.2.1.1)', () => {
  const identifier = (file: string, name: string): string | undefined =>
    new RegExp(`${name}: \\n\\s+(?:keyid:)?([0-9A-F:]+)`).exec(
      openssl(folder, 'x509', '-in', file, '-noout', '-text'),
    )?.[1];
  assert.match(identifier('ca.pem', 'Subject Key Identifier') ?? '', /^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
  assert.equal(identifier('server.pem', 'Authority Key Identifier'), identifier('ca.pem', 'Subject Key Identifier'));
});

test('openssl verifies the chain strictly for every name and for no other', () => {
  const verify = (...args: string[]): string =>
    openssl(folder, 'verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.pem', ...args, 'server.pem');
  for (const host of ['vpn.example.test', 'a.alt.example.test', 'host_2.example.test'])
    assert.match(verify('-verify_hostname', host), /OK/);
  for (const ip of ['192.0.2.7', '2001:db8::7']) assert.match(verify('-verify_ip', ip), /OK/);
  assert.throws(() => verify('-verify_hostname', 'other.example.test'));
  assert.throws(() => verify('-verify_ip', '192.0.2.8'));
});

test('node:tls verifies the chain under a name and under an address', async (context) => {
  const both = issueServerCertificate({ authority, names: ['127.0.0.1', 'vpn.example.test'], now });
  const listener = createServer({ cert: both.certificatePem, key: both.keyPem }, (socket) => socket.end());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  context.after(() => listener.close());
  const address = listener.address();
  assert.ok(address !== null && typeof address === 'object');
  for (const servername of ['', 'vpn.example.test']) {
    const socket: TLSSocket = connect({
      host: '127.0.0.1',
      port: address.port,
      ca: authority.certificatePem,
      servername,
    });
    await once(socket, 'secureConnect');
    assert.equal(socket.authorized, true);
    socket.destroy();
  }
});

test('serial numbers are random, positive, 127 bits, and DER without a leading zero octet (RFC 5280 4.1.2.2)', () => {
  const other = issueServerCertificate({ authority, names: ['a.test'], now });
  const serials = [leaf, new X509Certificate(other.certificatePem), new X509Certificate(authority.certificatePem)].map(
    (certificate) => certificate.serialNumber,
  );
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
  assert.equal(new Set(serials).size, 3);
});

test('a certificate starts an hour early and ends after `days`, never after its authority', () => {
  assert.equal(leaf.validFromDate.getTime(), Math.floor((now.getTime() - 3_600_000) / 1000) * 1000);
  assert.equal(leaf.validToDate.getTime() - leaf.validFromDate.getTime(), 825 * 86_400_000);
  const root = new X509Certificate(authority.certificatePem);
  assert.equal(root.validToDate.getTime() - root.validFromDate.getTime(), 3650 * 86_400_000);
  const late = new Date(root.validToDate.getTime() - 10 * 86_400_000);
  const last = new X509Certificate(issueServerCertificate({ authority, names: ['a.test'], now: late }).certificatePem);
  assert.deepEqual(last.validToDate, root.validToDate);
});

test('the common name is cut to 64 characters (RFC 5280 A.1); the SAN has the whole name', () => {
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`;
  const certificate = new X509Certificate(issueServerCertificate({ authority, names: [long], now }).certificatePem);
  assert.equal(certificate.subject, `CN=${long.slice(0, 64)}`);
  assert.equal(certificate.subjectAltName, `DNS:${long}`);
});

test('arguments out of range are refused', () => {
  for (const days of [0, -1, 1.5, 826, Number.NaN]) {
    assert.throws(() => issueServerCertificate({ authority, names: ['a.test'], now, days }), RangeError);
  }
  assert.throws(() => createAuthority({ commonName: '', now }), RangeError);
  assert.throws(() => createAuthority({ commonName: 'x'.repeat(65), now }), RangeError);
  assert.throws(() => issueServerCertificate({ authority, names: ['not a name'], now }), CertificateError);
});

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  certificateHashes,
  certificateNames,
  hasServerAuth,
  loadCertificateFiles,
  type ServerCertificate,
  warnings,
} from '../../certs/index.ts';
import { EC_P256, NOT_CA, openssl, SERVER_AUTH, selfSigned, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
// The certificates are made after this line: an hour later all of them are valid.
const now = new Date(Date.now() + 3_600_000);
const DAY_MS = 86_400_000;

function load(name: string): ServerCertificate {
  return loadCertificateFiles(join(folder, `${name}.pem`), join(folder, `${name}.key`), now);
}

function leafOf(name: string): X509Certificate {
  return new X509Certificate(readFileSync(join(folder, `${name}.pem`)));
}

selfSigned(folder, 'good', [
  NOT_CA,
  SERVER_AUTH,
  'subjectAltName=DNS:VPN.good.test,DNS:*.w.test,IP:192.0.2.1,IP:2001:db8::1',
]);

test('names: those of the SAN, addresses in one spelling', () => {
  assert.deepEqual(certificateNames(leafOf('good')), {
    dns: ['vpn.good.test', '*.w.test'],
    ip: ['192.0.2.1', '2001:db8::1'],
  });
});

test('names: without a SAN the common name, as Windows does it', () => {
  selfSigned(folder, 'plain', [NOT_CA, SERVER_AUTH]);
  assert.deepEqual(certificateNames(leafOf('plain')), { dns: ['plain.test'], ip: [] });
});

test('names: one name with a comma and quotes in it does not pass for two (CVE-2021-44532)', () => {
  // SEQUENCE { [2] 'a.test", DNS:"evil.test', [1] 'x@y.test, DNS:evil.test', [7] 192.0.2.9 }
  const first = `82${'17'}${Buffer.from('a.test", DNS:"evil.test').toString('hex')}`;
  const second = `81${'17'}${Buffer.from('x@y.test, DNS:evil.test').toString('hex')}`;
  const third = '8704c0000209';
  const body = `${first}${second}${third}`;
  const der = `30${(body.length / 2).toString(16).padStart(2, '0')}${body}`.replaceAll(/(..)(?!$)/g, '$1:');
  selfSigned(folder, 'trick', [NOT_CA, SERVER_AUTH, `subjectAltName=DER:${der}`]);
  assert.deepEqual(certificateNames(leafOf('trick')), { dns: ['a.test", dns:"evil.test'], ip: ['192.0.2.9'] });
});

test('hashes are those of the whole DER, as openssl computes them (MS-SSTP 2.2.7)', () => {
  const hashes = certificateHashes(leafOf('good').raw);
  for (const algorithm of ['sha1', 'sha256'] as const) {
    const line = openssl(folder, 'x509', '-in', 'good.pem', '-noout', '-fingerprint', `-${algorithm}`);
    assert.equal(hashes[algorithm].toString('hex').toUpperCase(), line.trim().split('=')[1]?.replaceAll(':', ''));
  }
});

test('serverAuth or anyExtendedKeyUsage is needed; no EKU at all is not enough (MS-SSTP 3.2.4.1)', () => {
  selfSigned(folder, 'any', [NOT_CA, 'extendedKeyUsage=anyExtendedKeyUsage']);
  selfSigned(folder, 'client', [NOT_CA, 'extendedKeyUsage=clientAuth']);
  selfSigned(folder, 'none', [NOT_CA]);
  const found = ['good', 'any', 'client', 'none'].map((name) => hasServerAuth(leafOf(name)));
  assert.deepEqual(found, [true, true, false, false]);
});

test('no warning for a good certificate, and for each name that it covers', () => {
  assert.deepEqual(
    warnings(load('good'), ['vpn.GOOD.test', 'a.w.test', '*.w.test', '192.0.2.1', '2001:db8:0::1'], now),
    [],
  );
});

test('warning: a name that is not covered, with those that are', () => {
  for (const name of ['other.test', 'a.b.w.test', '*.good.test', '192.0.2.2', '2001:db8::2']) {
    const [line, ...more] = warnings(load('good'), [name], now);
    assert.ok(line?.includes(name) && line.includes('vpn.good.test'), line);
    assert.equal(more.length, 0);
  }
  assert.match(warnings(load('good'), ['bad name'], now)[0] ?? '', /white space/);
});

test('warning: less than 21 days left, and the end itself', () => {
  const good = load('good');
  const end = good.leaf.validToDate.getTime();
  assert.deepEqual(warnings(good, [], new Date(end - 21 * DAY_MS)), []);
  assert.match(warnings(good, [], new Date(end - 21 * DAY_MS + 1))[0] ?? '', /expires in 20 days/);
  assert.match(warnings(good, [], new Date(end + 1))[0] ?? '', /expired on/);
});

test('warning: an RSA key of less than 2048 bits', () => {
  selfSigned(folder, 'weak', [NOT_CA, SERVER_AUTH], ['rsa:1024']);
  assert.match(warnings(load('weak'), [], now).join('\n'), /1024 bits/);
});

test('warning: a SHA-1 signature of an authority, and no intermediate although a public one has signed', () => {
  selfSigned(folder, 'root', ['basicConstraints=critical,CA:TRUE'], EC_P256);
  openssl(
    folder,
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'old.key',
    '-out',
    'old.csr',
    '-subj',
    '/CN=old.test',
  );
  writeFileSync(
    join(folder, 'old.ext'),
    `${NOT_CA}\n${SERVER_AUTH}\nauthorityInfoAccess=caIssuers;URI:http://ca.test/i.crt\n`,
  );
  openssl(
    folder,
    'x509',
    '-req',
    '-in',
    'old.csr',
    '-sha1',
    '-CA',
    'root.pem',
    '-CAkey',
    'root.key',
    '-CAcreateserial',
    '-days',
    '90',
    '-extfile',
    'old.ext',
    '-out',
    'old.pem',
  );
  const lines = warnings(load('old'), [], now).join('\n');
  assert.match(lines, /full chain/);
  assert.match(lines, /sha1/i);
  writeFileSync(
    join(folder, 'chain.pem'),
    readFileSync(join(folder, 'old.pem'), 'utf8') + readFileSync(join(folder, 'root.pem'), 'utf8'),
  );
  writeFileSync(join(folder, 'chain.key'), readFileSync(join(folder, 'old.key'), 'utf8'));
  assert.doesNotMatch(warnings(load('chain'), [], now).join('\n'), /full chain/);
});

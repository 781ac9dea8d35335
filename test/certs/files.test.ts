import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CertificateError, loadCertificateFiles, readCertificateFiles, warnings } from '../../certs/index.ts';
import { NOT_CA, openssl, SERVER_AUTH, selfSigned, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
// The certificates are made after this line: an hour later all of them are valid.
const now = new Date(Date.now() + 3_600_000);
const DAY_MS = 86_400_000;

const path = (file: string): string => join(folder, file);
const text = (file: string): string => readFileSync(path(file), 'utf8');

/** An error of ours in one line that names the file and fits. */
function assertRefused(certFile: string, keyFile: string, file: string, why: RegExp, at: Date = now): void {
  assert.throws(
    () => loadCertificateFiles(path(certFile), path(keyFile), at),
    (error) => {
      assert.ok(error instanceof CertificateError, String(error));
      assert.equal(error.code, 'ERR_CERTIFICATE');
      assert.ok(error.message.includes(path(file)), error.message);
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
  );
}

/** NAME.pem and NAME.key, issued by ISSUER. */
function issued(name: string, issuer: string, extensions: string): void {
  const csr = ['-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}.test`];
  openssl(folder, 'req', '-newkey', 'rsa:2048', ...csr);
  writeFileSync(path(`${name}.ext`), extensions);
  const by = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial', '-days', '90'];
  openssl(folder, 'x509', '-req', '-in', `${name}.csr`, ...by, '-extfile', `${name}.ext`, '-out', `${name}.pem`);
}

selfSigned(folder, 'ecdsa', [NOT_CA, SERVER_AUTH]);
selfSigned(folder, 'other', [NOT_CA, SERVER_AUTH]);
selfSigned(folder, 'root', ['basicConstraints=critical,CA:TRUE']);
issued('middle', 'root', 'basicConstraints=critical,CA:TRUE\n');
issued('leaf', 'middle', `${NOT_CA}\n${SERVER_AUTH}\n`);

test('an ECDSA certificate and key load', () => {
  const loaded = loadCertificateFiles(path('ecdsa.pem'), path('ecdsa.key'), now);
  assert.equal(loaded.source, 'files');
  assert.equal(loaded.leaf.subject, 'CN=ecdsa.test');
  assert.equal(loaded.certificatePem, loaded.leaf.toString());
  assert.ok(loaded.leaf.checkPrivateKey(createPrivateKey(loaded.keyPem)));
});

test('an RSA chain loads, comments between the blocks left out, key and certificate in one file', () => {
  const bag = 'Bag Attributes\r\n    friendlyName: x\r\n';
  writeFileSync(
    path('all.pem'),
    `${bag}${text('leaf.key')}${bag}${text('leaf.pem')}${bag}${text('middle.pem')}${text('root.pem')}`,
  );
  const loaded = loadCertificateFiles(path('all.pem'), path('all.pem'), now);
  assert.equal(loaded.certificatePem.match(/BEGIN CERTIFICATE/g)?.length, 3);
  assert.doesNotMatch(loaded.certificatePem, /Bag|PRIVATE/);
  assert.match(loaded.keyPem, /^-----BEGIN PRIVATE KEY-----\n/);
});

test('keys in the older forms load: PKCS #1, SEC 1 behind its parameters', () => {
  writeFileSync(path('pkcs1.key'), openssl(folder, 'rsa', '-in', 'leaf.key', '-traditional'));
  loadCertificateFiles(path('leaf.pem'), path('pkcs1.key'), now);
  const parameters = openssl(folder, 'ecparam', '-name', 'prime256v1');
  writeFileSync(path('sec1.key'), parameters + openssl(folder, 'ec', '-in', 'ecdsa.key'));
  loadCertificateFiles(path('ecdsa.pem'), path('sec1.key'), now);
});

test('refused: files that are not there, not files, empty, or far too large', () => {
  mkdirSync(path('folder'));
  writeFileSync(path('empty'), '');
  writeFileSync(path('large'), '');
  truncateSync(path('large'), 1_048_577);
  assertRefused('absent', 'ecdsa.key', 'absent', /no such file; check the path given with --cert \/ tls\.cert$/);
  assertRefused('ecdsa.pem', 'absent', 'absent', /no such file; check the path given with --key \/ tls\.key$/);
  assertRefused('folder', 'ecdsa.key', 'folder', /not a file/);
  assertRefused('empty', 'ecdsa.key', 'empty', /empty/);
  assertRefused('large', 'ecdsa.key', 'large', /too large/);
  assertRefused('ecdsa.pem/x', 'ecdsa.key', 'ecdsa.pem/x', /cannot be read \(ENOTDIR\)/);
});

test('refused: what is not PEM, with the command that converts it', () => {
  openssl(folder, 'x509', '-in', 'ecdsa.pem', '-outform', 'der', '-out', 'der.crt');
  writeFileSync(path('noise'), 'hello');
  writeFileSync(path('broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  writeFileSync(path('broken.key'), '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  assertRefused('der.crt', 'ecdsa.key', 'der.crt', /openssl x509 -inform der/);
  assertRefused('noise', 'ecdsa.key', 'noise', /no certificate/);
  assertRefused('broken.pem', 'ecdsa.key', 'broken.pem', /cannot be read/);
  assertRefused('ecdsa.pem', 'noise', 'noise', /not a private key/);
  assertRefused('ecdsa.pem', 'der.crt', 'der.crt', /DER or PKCS #12/);
  assertRefused('ecdsa.pem', 'ecdsa.pem', 'ecdsa.pem', /not a private key/);
  assertRefused('ecdsa.pem', 'broken.key', 'broken.key', /cannot be read/);
});

test('refused: every truncation of a certificate and of a key', () => {
  const certificate = text('ecdsa.pem').trimEnd();
  const key = text('ecdsa.key').trimEnd();
  for (let length = 0; length < certificate.length; length += 7) {
    writeFileSync(path('cut.pem'), certificate.slice(0, length));
    assertRefused('cut.pem', 'ecdsa.key', 'cut.pem', /./);
  }
  for (let length = 0; length < key.length; length += 7) {
    writeFileSync(path('cut.key'), key.slice(0, length));
    assertRefused('ecdsa.pem', 'cut.key', 'cut.key', /./);
  }
});

test('refused: a key with a passphrase, in both forms of encryption', () => {
  openssl(folder, 'pkcs8', '-topk8', '-in', 'leaf.key', '-passout', 'pass:x', '-out', 'locked.key');
  openssl(folder, 'rsa', '-in', 'leaf.key', '-traditional', '-aes128', '-passout', 'pass:x', '-out', 'locked1.key');
  assertRefused('leaf.pem', 'locked.key', 'locked.key', /encrypted/);
  assertRefused('leaf.pem', 'locked1.key', 'locked1.key', /encrypted/);
});

test('refused: the key of another certificate', () => {
  assertRefused('ecdsa.pem', 'other.key', 'other.key', /not the key/);
});

test('refused: key types that Windows cannot use', () => {
  selfSigned(folder, 'ed', [NOT_CA, SERVER_AUTH], ['ed25519']);
  selfSigned(folder, 'koblitz', [NOT_CA, SERVER_AUTH], ['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1']);
  assertRefused('ed.pem', 'ed.key', 'ed.key', /ed25519/);
  assertRefused('koblitz.pem', 'koblitz.key', 'koblitz.key', /secp256k1/);
});

test('refused: expired, and not yet valid', () => {
  assertRefused('ecdsa.pem', 'ecdsa.key', 'ecdsa.pem', /expired on/, new Date(now.getTime() + 366 * DAY_MS));
  assertRefused('ecdsa.pem', 'ecdsa.key', 'ecdsa.pem', /valid only from/, new Date(now.getTime() - DAY_MS));
});

test('refused: no EKU for a server (MS-SSTP 3.2.4.1), and an authority as leaf', () => {
  selfSigned(folder, 'client', [NOT_CA, 'extendedKeyUsage=clientAuth']);
  assertRefused('client.pem', 'client.key', 'client.pem', /serverAuth/);
  assertRefused('root.pem', 'root.key', 'root.pem', /CA:TRUE/);
});

test('refused: chains in another order than leaf, issuer, its issuer', () => {
  writeFileSync(path('reversed.pem'), text('middle.pem') + text('leaf.pem'));
  assertRefused('reversed.pem', 'leaf.key', 'reversed.pem', /the key belongs to certificate 2: put it first$/);
  writeFileSync(path('swapped.pem'), text('leaf.pem') + text('root.pem') + text('middle.pem'));
  assertRefused('swapped.pem', 'leaf.key', 'swapped.pem', /certificate 2 .*did not issue certificate 1/);
  writeFileSync(path('stranger.pem'), text('leaf.pem') + text('middle.pem') + text('other.pem'));
  assertRefused('stranger.pem', 'leaf.key', 'stranger.pem', /certificate 3 .*did not issue certificate 2/);
  writeFileSync(path('bundle.pem'), text('leaf.pem').repeat(11));
  assertRefused('bundle.pem', 'leaf.key', 'bundle.pem', /holds 11/);
});

test('a key that every user can read loads with a warning; one for a group without', () => {
  chmodSync(path('ecdsa.key'), 0o644);
  const open = loadCertificateFiles(path('ecdsa.pem'), path('ecdsa.key'), now);
  assert.match(warnings(open, [], now).join(), /chmod 600/);
  chmodSync(path('ecdsa.key'), 0o640);
  assert.deepEqual(loadCertificateFiles(path('ecdsa.pem'), path('ecdsa.key'), now).notes, []);
});

const BOM = '\ufeff';

/** As a file of Windows: NAME with other bytes. */
function written(name: string, content: string | Buffer): string {
  writeFileSync(path(name), content);
  return name;
}

test('line ends of Windows, and text behind the blocks, are nothing to speak of', () => {
  const crlf = (file: string): string => text(file).replaceAll('\n', '\r\n');
  written('crlf.pem', `${crlf('leaf.pem')}${crlf('middle.pem')}\r\nissued for leaf.test\r\n`);
  written('crlf.key', `${crlf('leaf.key')}\r\n`);
  loadCertificateFiles(path('crlf.pem'), path('crlf.key'), now);
  written('bom.pem', BOM + text('leaf.pem'));
  loadCertificateFiles(path('bom.pem'), path('leaf.key'), now);
});

test('refused: files of another kind, by the name of the kind and with what makes the right one of it', () => {
  openssl(folder, 'pkey', '-in', 'leaf.key', '-outform', 'der', '-out', 'der.key');
  openssl(folder, 'rsa', '-in', 'leaf.key', '-traditional', '-outform', 'der', '-out', 'der1.key');
  openssl(
    folder,
    'pkcs12',
    '-export',
    '-in',
    'leaf.pem',
    '-inkey',
    'leaf.key',
    '-passout',
    'pass:',
    '-out',
    'both.pfx',
  );
  openssl(folder, 'crl2pkcs7', '-nocrl', '-certfile', 'leaf.pem', '-out', 'leaf.p7b');
  openssl(folder, 'pkey', '-in', 'leaf.key', '-pubout', '-out', 'public.key');
  const utf16 = (file: string): Buffer => Buffer.from(BOM + text(file), 'utf16le');
  const keys: [string, RegExp][] = [
    [written('bom.key', BOM + text('leaf.key')), /byte order mark .*: sed -i /],
    [written('utf16.key', utf16('leaf.key')), /UTF-16, .*: iconv -f UTF-16 -t UTF-8 FILE > NEW$/],
    [written('utf16be.key', utf16('leaf.key').swap16()), /UTF-16, .*: iconv /],
    [written('nothing.key', ''), /the file is empty/],
    [written('spaces.key', '\r\n \n'), /the file is empty/],
    [written('two.key', text('leaf.key') + text('other.key')), /holds 2 private keys: leave only the one of the/],
    ['leaf.pem', /a certificate in it, and no key: are the files of --cert and --key swapped\?$/],
    ['der.key', /it is DER: openssl pkey -inform der -in FILE -out NEW$/],
    ['der1.key', /it is DER: openssl pkey -inform der -in FILE -out NEW$/],
    ['both.pfx', /it is PKCS #12: openssl pkcs12 -nocerts -nodes -in FILE -out NEW$/],
    ['public.key', /it is the public key; the private one is needed$/],
    ['ecdsa.key', /not the key of .*its type is ec, the certificate's rsa.* have it issued anew$/],
  ];
  for (const [file, why] of keys) assertRefused('leaf.pem', file, file, why);
  const certificates: [string, RegExp][] = [
    [written('utf16.pem', utf16('leaf.pem')), /UTF-16, .*: iconv -f UTF-16 -t UTF-8 FILE > NEW$/],
    [written('nothing.pem', ''), /the file is empty/],
    ['leaf.key', /a private key, and no certificate: are the files of --cert and --key swapped\?$/],
    ['der.key', /a private key as DER, and no certificate: .* swapped\?$/],
    ['both.pfx', /PKCS #12, not PEM: openssl pkcs12 -nokeys -in FILE -out NEW$/],
    ['leaf.p7b', /PKCS #7, .*: openssl pkcs7 -print_certs -in FILE -out NEW$/],
    ['leaf.csr', /a request for a certificate/],
  ];
  for (const [file, why] of certificates) assertRefused(file, 'leaf.key', file, why);
});

test('the commands that are named do what they are named for', () => {
  const sed = ['-i', '1s/^\\xEF\\xBB\\xBF//'];
  written('mended.key', BOM + text('leaf.key'));
  execFileSync('sed', [...sed, path('mended.key')]);
  loadCertificateFiles(path('leaf.pem'), path('mended.key'), now);
  const utf16 = written('utf16again.key', Buffer.from(BOM + text('leaf.key'), 'utf16le'));
  written('mended.key', execFileSync('iconv', ['-f', 'UTF-16', '-t', 'UTF-8', path(utf16)]));
  loadCertificateFiles(path('leaf.pem'), path('mended.key'), now);
});

test('a doctor who looks at files says the same of a wrong order', () => {
  written('reversed.pem', text('middle.pem') + text('leaf.pem'));
  assert.throws(() => readCertificateFiles(path('reversed.pem'), path('leaf.key')), {
    message: `${path('reversed.pem')}: the key belongs to certificate 2: put it first`,
  });
});

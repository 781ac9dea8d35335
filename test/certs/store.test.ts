import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  CertificateError,
  certificateNames,
  ensureOwnCertificates,
  issueServerCertificate,
  warnings,
} from '../../certs/index.ts';
import { openssl, selfSigned, temporaryFolder } from './support.ts';

const root = temporaryFolder();
const first = join(root, 'a', 'first');
const now = new Date();
const DAY_MS = 86_400_000;
const names = ['vpn.test', '127.0.0.1'];
let made: ReturnType<typeof ensureOwnCertificates>;

before(() => {
  const umask = process.umask(0);
  made = ensureOwnCertificates(first, names, now);
  process.umask(umask);
});

/** A data directory as the first start left it. */
function copy(): string {
  const directory = mkdtempSync(join(root, 'copy-'));
  cpSync(first, directory, { recursive: true });
  return directory;
}

const mode = (file: string): number => statSync(file).mode & 0o777;
const inDays = (days: number): Date => new Date(now.getTime() + days * DAY_MS);
const content = (directory: string, file: string): string => readFileSync(join(directory, file), 'utf8');

function assertRefused(directory: string, why: RegExp, at: Date = now, wanted: string[] = names): void {
  const before = readdirSync(directory).map((file) => [file, content(directory, file)]);
  assert.throws(
    () => ensureOwnCertificates(directory, wanted, at),
    (error) => error instanceof CertificateError && why.test(error.message) && !error.message.includes('\n'),
  );
  assert.deepEqual(
    readdirSync(directory).map((file) => [file, content(directory, file)]),
    before,
    'nothing half-done',
  );
}

test('the first start makes authority and server certificate, in folders that it makes too', () => {
  assert.deepEqual(made.made, ['ca', 'server']);
  assert.equal(made.why, 'there was no authority');
  assert.deepEqual(readdirSync(first).sort(), ['ca.key', 'ca.pem', 'server.key', 'server.pem']);
  assert.equal(made.certificate.source, 'own-ca');
  assert.equal(made.certificate.certificatePem, content(first, 'server.pem'));
  assert.equal(made.certificate.keyPem, content(first, 'server.key'));
  assert.equal(made.caPem, content(first, 'ca.pem'));
  assert.equal(made.caFingerprint256, new X509Certificate(made.caPem).fingerprint256);
  assert.match(openssl(first, 'verify', '-CAfile', 'ca.pem', '-verify_hostname', 'vpn.test', 'server.pem'), /OK/);
  assert.deepEqual(warnings(made.certificate, names, now), []);
});

test('keys are 0600 whatever the umask; nobody else enters the data directory', () => {
  assert.deepEqual(
    [mode(first), mode(join(first, 'ca.key')), mode(join(first, 'server.key')), mode(join(first, 'ca.pem'))],
    [0o700, 0o600, 0o600, 0o644],
  );
});

test('a second start uses all of it; order, case and repetition of the names do not matter', () => {
  const again = ensureOwnCertificates(first, ['127.0.0.1', 'VPN.test', 'vpn.test'], inDays(1));
  assert.deepEqual(again.made, []);
  assert.equal(again.why, undefined);
  assert.deepEqual(again.certificate.certificatePem, made.certificate.certificatePem);
  assert.equal(again.certificate.keyPem, made.certificate.keyPem);
});

test('other names: a new server certificate and key from the same authority', () => {
  const directory = copy();
  const renewed = ensureOwnCertificates(directory, ['vpn.test', '::1'], now);
  assert.deepEqual(renewed.made, ['server']);
  assert.match(renewed.why ?? '', /was for vpn.test, 127.0.0.1/);
  assert.equal(renewed.caPem, made.caPem);
  assert.notEqual(renewed.certificate.keyPem, made.certificate.keyPem);
  assert.deepEqual(certificateNames(renewed.certificate.leaf), { dns: ['vpn.test'], ip: ['::1'] });
  assert.ok(renewed.certificate.leaf.verify(new X509Certificate(made.caPem).publicKey));
  assert.equal(mode(join(directory, 'server.key')), 0o600);
});

test('550 days old, with 275 left: a new server certificate', () => {
  const directory = copy();
  const due = made.certificate.leaf.validFromDate.getTime() + 550 * DAY_MS;
  assert.equal(made.certificate.leaf.validToDate.getTime() - due, 275 * DAY_MS);
  assert.deepEqual(ensureOwnCertificates(directory, names, new Date(due - 1)).made, []);
  const renewed = ensureOwnCertificates(directory, names, new Date(due));
  assert.deepEqual(renewed.made, ['server']);
  assert.match(renewed.why ?? '', /550 days old/);
});

test('one that is due without ca.key is served on, until it has expired', () => {
  const directory = copy();
  rmSync(join(directory, 'ca.key'));
  const end = made.certificate.leaf.validToDate;
  const late = ensureOwnCertificates(directory, names, end);
  assert.deepEqual([late.made, late.caPem], [[], made.caPem]);
  assertRefused(directory, /ca.key: missing, but .* valid only until/, new Date(end.getTime() + 1));
});

test('a certificate that ends with its authority is not issued again and again', () => {
  const directory = copy();
  const late = new Date(new X509Certificate(made.caPem).validToDate.getTime() - 20 * DAY_MS);
  const last = ensureOwnCertificates(directory, names, late);
  assert.deepEqual(last.made, ['server']);
  assert.deepEqual(ensureOwnCertificates(directory, names, late).made, []);
  assert.equal(warnings(last.certificate, names, late).length, 2, 'leaf and authority both end soon');
});

const DAMAGE: readonly [string, RegExp, (directory: string) => void][] = [
  ['no server.pem', /server.pem was missing/, (d) => rmSync(join(d, 'server.pem'))],
  ['no server.key', /server.key was missing/, (d) => rmSync(join(d, 'server.key'))],
  ['server.pem is empty', /empty/, (d) => writeFileSync(join(d, 'server.pem'), '')],
  [
    'server.key is cut',
    /cannot be read|not a private key/,
    (d) => writeFileSync(join(d, 'server.key'), content(d, 'server.key').slice(0, 900)),
  ],
  [
    'server.key is another (a crash between the two files)',
    /not the key/,
    (d) => cpSync(join(d, 'ca.key'), join(d, 'server.key')),
  ],
  [
    'server.pem is of another authority',
    /not issued by/,
    (d) => {
      selfSigned(d, 'server', []);
    },
  ],
  [
    'server.pem has no serverAuth',
    /not a server certificate/,
    (d) => {
      openssl(d, 'req', '-new', '-key', 'server.key', '-subj', '/CN=vpn.test', '-out', 'x.csr');
      openssl(
        d,
        'x509',
        '-req',
        '-in',
        'x.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-set_serial',
        '5',
        '-out',
        'server.pem',
      );
    },
  ],
];

for (const [name, why, damage] of DAMAGE) {
  test(`mended from the same authority: ${name}`, () => {
    const directory = copy();
    damage(directory);
    const mended = ensureOwnCertificates(directory, names, now);
    assert.deepEqual(mended.made, ['server']);
    assert.match(mended.why ?? '', why);
    assert.equal(mended.caPem, made.caPem);
    assert.ok(mended.certificate.leaf.checkPrivateKey(createPrivateKey(mended.certificate.keyPem)));
    assert.deepEqual(ensureOwnCertificates(directory, names, now).made, []);
  });
}

test('ca.key may be kept elsewhere until something must be issued', () => {
  const directory = copy();
  rmSync(join(directory, 'ca.key'));
  assert.deepEqual(ensureOwnCertificates(directory, names, now).made, []);
  assertRefused(directory, /ca.key: missing, but a server certificate must be issued/, now, ['new.test']);
});

test('a lost ca.pem comes back from server.pem: clients have imported that one', () => {
  const directory = copy();
  rmSync(join(directory, 'ca.pem'));
  const restored = ensureOwnCertificates(directory, names, now);
  assert.deepEqual(restored.made, []);
  assert.equal(restored.caPem, made.caPem);
  assert.match(warnings(restored.certificate, names, now).join(), /restored from server.pem/);
});

test('ca.pem and ca.key removed: a new authority, and a server certificate from it', () => {
  const directory = copy();
  rmSync(join(directory, 'ca.pem'));
  rmSync(join(directory, 'ca.key'));
  const fresh = ensureOwnCertificates(directory, names, now);
  assert.deepEqual(fresh.made, ['ca', 'server']);
  assert.notEqual(fresh.caFingerprint256, made.caFingerprint256);
});

test('a ca.key without ca.pem, as a crash at the first start leaves it, is replaced', () => {
  const directory = mkdtempSync(join(root, 'crash-'));
  cpSync(join(first, 'ca.key'), join(directory, 'ca.key'));
  writeFileSync(join(directory, 'ca.pem.new'), '-----BEGIN');
  assert.deepEqual(ensureOwnCertificates(directory, names, now).made, ['ca', 'server']);
  assert.deepEqual(readdirSync(directory).sort(), ['ca.key', 'ca.pem', 'server.key', 'server.pem']);
});

test('refused, and nothing touched: an authority that is broken, expired, not yet valid, or has another key', () => {
  const broken = copy();
  writeFileSync(join(broken, 'ca.pem'), 'x');
  assertRefused(broken, /ca.pem: no certificate/);
  const leafOnly = copy();
  cpSync(join(leafOnly, 'server.pem'), join(leafOnly, 'ca.pem'));
  assertRefused(leafOnly, /not an authority/);
  const otherKey = copy();
  cpSync(join(otherKey, 'server.key'), join(otherKey, 'ca.key'));
  assertRefused(otherKey, /ca.key: not the key of ca.pem/);
  assertRefused(first, /expired/, inDays(3651));
  assertRefused(first, /set the clock/, inDays(-1));
});

test('refused: an authority with an ECDSA key, for we sign with RSA', () => {
  const directory = mkdtempSync(join(root, 'ec-'));
  selfSigned(directory, 'ca', ['basicConstraints=critical,CA:TRUE']);
  assertRefused(directory, /RSA keys only/, inDays(1));
});

test('refused: a name, before anything is made', () => {
  const directory = join(root, 'never');
  assert.throws(() => ensureOwnCertificates(directory, ['not a name'], now), CertificateError);
  assert.throws(() => statSync(directory), { code: 'ENOENT' });
});

test('refused: a data directory that is a file, and a key that is a folder', () => {
  writeFileSync(join(root, 'file'), '');
  assert.throws(() => ensureOwnCertificates(join(root, 'file'), names, now), /cannot be made \(EEXIST/);
  const directory = copy();
  rmSync(join(directory, 'server.key'));
  mkdirSync(join(directory, 'server.key'));
  assert.throws(() => ensureOwnCertificates(directory, names, now), CertificateError);
});

test('a key of ours that others could read is closed to them, and said', () => {
  const directory = copy();
  chmodSync(join(directory, 'server.key'), 0o644);
  chmodSync(join(directory, 'ca.key'), 0o640);
  const mended = ensureOwnCertificates(directory, names, now);
  assert.equal(mode(join(directory, 'server.key')), 0o600);
  assert.equal(mode(join(directory, 'ca.key')), 0o600);
  const lines = warnings(mended.certificate, names, now);
  assert.equal(lines.length, 2);
  assert.match(lines.join('\n'), /ca.key.*mode 640[\s\S]*server.key.*mode 644/);
});

test('an authority brought by the operator, with an organisation and umlauts in its name, issues a chain that verifies', () => {
  const directory = mkdtempSync(join(root, 'brought-'));
  const subject = ['-utf8', '-subj', '/C=DE/O=Bücher GmbH/CN=Wurzel'];
  const output = ['-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '3000'];
  openssl(directory, 'req', '-x509', '-newkey', 'rsa:2048', ...subject, ...output);
  const own = ensureOwnCertificates(directory, names, new Date());
  assert.deepEqual(own.made, ['server']);
  assert.match(openssl(directory, 'verify', '-CAfile', 'ca.pem', 'server.pem'), /OK/);
});

test('an authority whose name we cannot write again is refused, not used for a chain that fails', () => {
  const directory = mkdtempSync(join(root, 'multi-'));
  const output = ['-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '3000'];
  openssl(directory, 'req', '-x509', '-newkey', 'rsa:2048', '-subj', '/O=a+CN=b', ...output);
  const authority = { certificatePem: content(directory, 'ca.pem'), keyPem: content(directory, 'ca.key') };
  assert.throws(
    () => issueServerCertificate({ authority, names, now: new Date() }),
    /cannot issue under this authority/,
  );
});

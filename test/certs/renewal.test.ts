/** A new authority in the place of the old one, also when it is cut short. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import fs, {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  authorityKeyReader,
  CertificateError,
  ensureOwnCertificates,
  guardAuthorityKey,
  nameConstraints,
  readOwnCertificates,
  renewAuthority,
} from '../../certs/index.ts';
import { openssl, temporaryFolder } from './support.ts';

const root = temporaryFolder();
const first = join(root, 'first');
const now = new Date();
const names = ['vpn.example.test'];
const isRoot = process.geteuid?.() === 0;
let old: string;

before(() => {
  old = ensureOwnCertificates(first, names, now).caFingerprint256;
});

function copy(): string {
  const directory = mkdtempSync(join(root, 'copy-'));
  cpSync(first, directory, { recursive: true });
  return directory;
}

function assertWhole(directory: string): void {
  assert.deepEqual(readdirSync(directory).sort(), ['ca.key', 'ca.pem', 'server.key', 'server.pem']);
  assert.match(openssl(directory, 'verify', '-x509_strict', '-CAfile', 'ca.pem', 'server.pem'), /OK/);
  for (const [certificate, key] of [
    ['ca.pem', 'ca.key'],
    ['server.pem', 'server.key'],
  ] as const) {
    const shown = openssl(directory, 'x509', '-in', certificate, '-noout', '-pubkey');
    assert.equal(openssl(directory, 'pkey', '-in', key, '-pubout'), shown, key);
    assert.equal(statSync(join(directory, key)).mode & 0o777, 0o600);
  }
}

test('another authority, bound to the names, with a server certificate from it; the old key is gone', () => {
  const directory = copy();
  const oldKey = readFileSync(join(directory, 'ca.key'), 'utf8');
  const renewed = renewAuthority(directory, names, now, { isBound: true });
  assert.deepEqual(renewed.made, ['ca', 'server']);
  assert.notEqual(renewed.caFingerprint256, old);
  assertWhole(directory);
  assert.notEqual(readFileSync(join(directory, 'ca.key'), 'utf8'), oldKey);
  const { permitted } = nameConstraints(new X509Certificate(renewed.caPem)) ?? assert.fail();
  assert.deepEqual(permitted.dns, ['example.test']);
  assert.deepEqual(ensureOwnCertificates(directory, names, now).made, []);
  assert.deepEqual(ensureOwnCertificates(directory, ['other.example.test'], now).made, ['server']);
});

test('a name that the authority may not issue for is refused, by who serves and by who issues, with what mends it', () => {
  const directory = copy();
  renewAuthority(directory, names, now, { isBound: true });
  for (const work of [readOwnCertificates, ensureOwnCertificates]) {
    assert.throws(() => work(directory, ['vpn.example.org'], now), {
      code: 'ERR_CERTIFICATE',
      message:
        'the own authority may issue for example.test and below, which vpn.example.org is not: ' +
        '"sstpd ca renew", as root and with the same --host, makes a new one, which each client must then import',
    });
  }
  assertWhole(directory);
});

test('as a stopgap it may be for any name', () => {
  const directory = copy();
  renewAuthority(directory, names, now, { isBound: true });
  const other = ['vpn.example.org'];
  assert.equal(readOwnCertificates(directory, other, now, true).own, undefined);
  assert.deepEqual(ensureOwnCertificates(directory, other, now, { isStopgap: true }).made, ['server']);
  assert.equal(readOwnCertificates(directory, other, now, true).why, undefined);
  assert.throws(() => readOwnCertificates(directory, other, now), /"sstpd ca renew"/);
});

/** Runs `work` with the n-th change of the disk, and all behind it, failing. @returns whether it came so far */
function cutShort(n: number, work: () => void): boolean {
  const real = { openSync: fs.openSync, renameSync: fs.renameSync, rmSync: fs.rmSync, writeFileSync: fs.writeFileSync };
  let left = n;
  const step =
    <T extends unknown[], R>(name: string, call: (...args: T) => R): ((...args: T) => R) =>
    (...args) => {
      const isChange = name !== 'openSync' || args[1] === 'wx';
      if (isChange && left-- <= 0) throw Object.assign(new Error('the power is gone'), { code: 'EIO' });
      return call(...args);
    };
  for (const [name, call] of Object.entries(real)) Object.assign(fs, { [name]: step(name, call as () => unknown) });
  syncBuiltinESMExports();
  try {
    work();
    return false;
  } catch (error) {
    assert.ok(error instanceof CertificateError && /EIO/.test(error.message), String(error));
    return true;
  } finally {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  }
}

test('cut short at any change of the disk: what is served is of the old or the new one, and a start makes it whole', () => {
  const seen = new Set<string>();
  let steps = 0;
  for (; ; steps += 1) {
    const directory = copy();
    const wasCut = cutShort(steps, () => void renewAuthority(directory, names, now, { isBound: true }));
    // Who may not read the key serves one of the two, or says what is to be done.
    const { own, why } = readOwnCertificates(directory, names, now);
    if (own === undefined) assert.match(why ?? '', /ca\.next is yet to be put in place/);
    else assert.ok(own.certificate.leaf.verify(new X509Certificate(own.caPem).publicKey));
    const whole = ensureOwnCertificates(directory, names, now);
    assertWhole(directory);
    seen.add(whole.caFingerprint256 === old ? 'old' : 'new');
    // Not back to the old one when the new one has been seen.
    if (own !== undefined) assert.equal(whole.caFingerprint256, own.caFingerprint256);
    if (!wasCut) break;
  }
  assert.ok(steps > 12, `${steps} changes`);
  assert.deepEqual([...seen], ['old', 'new']);
});

test("the key is closed to all but who issues; root takes it from the server's user", { skip: !isRoot }, () => {
  const directory = copy();
  const key = join(directory, 'ca.key');
  fs.chownSync(key, 12_345, 12_345);
  assert.equal(authorityKeyReader(directory, 12_345), 'server');
  const [line = '', ...more] = guardAuthorityKey(directory);
  assert.match(line, /ca\.key: was the server's own \(user id 12345\), now it is root's alone/);
  assert.deepEqual(more, []);
  const { uid, gid, mode } = statSync(key);
  assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o600]);
  assert.equal(authorityKeyReader(directory, 12_345), 'root');
  assert.equal(authorityKeyReader(directory, 0), 'server', 'a server that stays root');
  assert.deepEqual(guardAuthorityKey(directory), []);
  rmSync(key);
  assert.equal(authorityKeyReader(directory, 12_345), undefined);
  assert.deepEqual(guardAuthorityKey(directory), []);
});

test('root neither changes nor reads what a link in the place of the key leads to', { skip: !isRoot }, () => {
  const secret = join(root, 'secret');
  writeFileSync(secret, readFileSync(join(first, 'ca.key')), { mode: 0o644 });
  for (const [name, plant] of [
    ['ca.key', symlinkSync],
    ['ca.key', fs.linkSync],
    ['ca.next', symlinkSync],
    ['ca.next', fs.linkSync],
  ] as const) {
    const directory = copy();
    rmSync(join(directory, name), { force: true });
    plant(secret, join(directory, name));
    assert.throws(() => guardAuthorityKey(directory), /a link, or no file/);
    assert.throws(() => ensureOwnCertificates(directory, ['new.test'], now), /a link, or no file/);
    assert.equal(statSync(secret).mode & 0o777, 0o644);
    rmSync(join(directory, name));
  }
});

test('a folder, or more than a key, in the place of the key: one line', () => {
  const plants: readonly ((path: string) => void)[] = [
    (path) => fs.mkdirSync(path),
    (path) => fs.writeFileSync(path, Buffer.alloc(2_000_000)),
  ];
  for (const plant of plants) {
    const directory = copy();
    rmSync(join(directory, 'ca.key'));
    plant(join(directory, 'ca.key'));
    assert.throws(
      () => ensureOwnCertificates(directory, ['new.test'], now),
      (error) => error instanceof CertificateError && !error.message.includes('\n'),
    );
  }
});

test('the files are made by their owner, the key by root', { skip: !isRoot }, () => {
  fs.chmodSync(root, 0o755);
  const directory = mkdtempSync(join(root, 'owned-'));
  fs.chownSync(directory, 12_345, 12_345);
  const owner = { uid: 12_345, gid: 12_345 };
  ensureOwnCertificates(directory, names, now, { owner });
  renewAuthority(directory, names, now, { owner });
  const owners = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).uid]);
  assert.deepEqual(owners, [
    ['ca.key', 0],
    ['ca.pem', 12_345],
    ['server.key', 12_345],
    ['server.pem', 12_345],
  ]);
  assertWhole(directory);
});

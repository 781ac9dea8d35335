import assert from 'node:assert/strict';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FilesSource } from '../../../server/certificates/files-source.ts';
import { temporaryFolder } from '../../certs/support.ts';
import { TestAuthority } from '../../support/certificates.ts';

const folder = temporaryFolder();
const issuer = new TestAuthority();
const [first, second] = [issuer.issue('one.test'), issuer.issue('two.test')];
const cert = join(folder, 'cert.pem');
const key = join(folder, 'key.pem');

function write(pair: { readonly certificatePem?: string; readonly keyPem?: string }): void {
  if (pair.certificatePem !== undefined) writeFileSync(cert, pair.certificatePem, { mode: 0o600 });
  if (pair.keyPem !== undefined) writeFileSync(key, pair.keyPem, { mode: 0o600 });
}

async function loaded(): Promise<FilesSource> {
  write(first);
  const source = new FilesSource(cert, key);
  assert.equal((await source.load(new Date())).leaf.fingerprint256, first.fingerprint);
  assert.equal(await source.begin(), undefined);
  return source;
}

const look = async (source: FilesSource): Promise<string | undefined> =>
  (await source.look(new Date()))?.leaf.fingerprint256;

test('a new pair is taken once, when it has looked the same twice', async () => {
  const source = await loaded();
  assert.equal(await look(source), undefined);
  write(second);
  assert.equal(await look(source), undefined);
  assert.equal(await look(source), second.fingerprint);
  assert.equal(await look(source), undefined);
  assert.equal(await look(source), undefined);
});

test('while files go on changing, none of them is read', async () => {
  const source = await loaded();
  for (let size = 1; size < 5; size += 1) {
    write({ certificatePem: second.certificatePem.slice(0, size * 100) });
    assert.equal(await look(source), undefined);
  }
  write(second);
  assert.equal(await look(source), undefined);
  assert.equal(await look(source), second.fingerprint);
});

for (const [name, broken, error] of [
  ['a certificate without its key', { certificatePem: second.certificatePem }, /not the key of the certificate/],
  ['half a certificate', { certificatePem: second.certificatePem.slice(0, 300) }, /a certificate without its end/],
  ['an empty key', { keyPem: '' }, /not a private key/],
] as const) {
  test(`${name} is refused once, and the pair that follows is taken`, async () => {
    const source = await loaded();
    write(broken);
    assert.equal(await look(source), undefined);
    await assert.rejects(look(source), error);
    assert.equal(await look(source), undefined);
    assert.equal(await look(source), undefined);
    write(second);
    assert.equal(await look(source), undefined);
    assert.equal(await look(source), second.fingerprint);
  });
}

test('a file that is gone is told once; the old content that comes back is nothing new', async () => {
  const source = await loaded();
  rmSync(key);
  assert.equal(await look(source), undefined);
  await assert.rejects(look(source), /no such file/);
  write(first);
  assert.equal(await look(source), undefined);
  assert.equal(await look(source), undefined);
});

test('a touched file is nothing new', async () => {
  const source = await loaded();
  utimesSync(cert, 1, 1);
  assert.equal(await look(source), undefined);
  assert.equal(await look(source), undefined);
});

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../certs/authority.ts';
import { type ExamineOptions, examineCertificate, readCertificateFiles } from '../../certs/examine.ts';
import { certificateHashes } from '../../certs/inspect.ts';
import { parseCertificates } from '../../certs/pem.ts';
import { examineRevocation, revocationLists } from '../../certs/revocation.ts';
import type { Finding } from '../../core/index.ts';
import { EC_P256, NOT_CA, openssl, SERVER_AUTH, selfSigned, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
const now = new Date();
const YEAR_MS = 365 * 86_400_000;
const authority = createAuthority({ commonName: 'Examining CA', now });
const issued = issueServerCertificate({ authority, names: ['vpn.example.com', '192.0.2.7'], now });

const chainOf = (...pems: string[]) => parseCertificates(Buffer.from(pems.join('')), 'test');
const own = { names: ['vpn.example.com'], own: undefined, now } as const;

function finding(check: string, pems: readonly string[], options: Partial<ExamineOptions> = {}): Finding {
  const found = examineCertificate(chainOf(...pems), { ...own, ...options }).find((each) => each.check === check);
  assert.ok(found !== undefined, check);
  assert.equal(found.fix === undefined, found.result === 'ok', `${found.text}: a fix where one is needed`);
  return found;
}

/** A self-signed one of openssl's. */
function made(name: string, extensions: string[], newkey = EC_P256): string {
  selfSigned(folder, name, extensions, newkey);
  return readFileSync(join(folder, `${name}.pem`), 'utf8');
}

const GOOD = [NOT_CA, SERVER_AUTH, 'subjectAltName=DNS:vpn.example.com'];
const whole = [issued.certificatePem, authority.certificatePem];

test('a good certificate: nothing but fine, and its hashes are those of the Crypto Binding', () => {
  const chain = chainOf(...whole);
  const findings = examineCertificate(chain, own);
  assert.deepEqual(
    findings.filter(({ result }) => result !== 'ok'),
    [],
  );
  const { sha1, sha256 } = certificateHashes(chain[0].raw);
  const text = finding('certificate hash', whole).text;
  assert.ok(text.includes(sha256.toString('hex')) && text.includes(sha1.toString('hex')), text);
});

test('the chain: complete, in disorder, without its intermediate, self-signed, of an unknown authority', () => {
  const check = 'certificate chain';
  assert.equal(finding(check, whole).result, 'ok');
  const roots = [authority.certificatePem];
  assert.match(finding(check, [issued.certificatePem], { roots }).text, /up to Examining CA, a public authority/);
  const other = createAuthority({ commonName: 'Other CA', now });
  assert.match(finding(check, [issued.certificatePem, other.certificatePem]).text, /Other CA.* did not issue/);
  assert.equal(finding(check, [issued.certificatePem, other.certificatePem]).result, 'problem');
  assert.equal(finding(check, [issued.certificatePem], { roots: [] }).result, 'warning');
  assert.equal(finding(check, [made('alone', GOOD)]).result, 'warning');

  // An intermediate is missing where the leaf says from where it can be had.
  writeFileSync(join(folder, 'ca.pem'), authority.certificatePem);
  writeFileSync(join(folder, 'ca.key'), authority.keyPem);
  writeFileSync(
    join(folder, 'leaf.cnf'),
    `${SERVER_AUTH}\nauthorityInfoAccess=caIssuers;URI:http://ca.example/ca.der\n`,
  );
  openssl(folder, 'req', '-newkey', ...EC_P256, '-nodes', '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=a');
  const issue = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'leaf.cnf', '-days', '90'];
  const leaf = openssl(folder, 'x509', '-req', '-in', 'leaf.csr', ...issue);
  const missing = finding(check, [leaf], { roots: [] });
  assert.equal(missing.result, 'problem');
  assert.match(missing.fix ?? '', /fullchain\.pem/);
});

test('the names: covered, not covered, by the common name alone, none given', () => {
  const check = 'certificate names';
  assert.match(finding(check, whole).text, /vpn\.example\.com, 192\.0\.2\.7/);
  assert.equal(finding(check, whole, { names: ['192.0.2.7'] }).result, 'ok');
  assert.equal(finding(check, whole, { names: ['192.0.2.8'] }).result, 'problem');
  assert.equal(finding(check, whole, { names: ['192.0.2.8'], own: 'running' }).result, 'warning');
  assert.match(finding(check, whole, { names: [] }).text, /must dial one of these/);
  assert.equal(finding(check, [made('cn', [NOT_CA, SERVER_AUTH])], { names: ['cn.test'] }).result, 'warning');
});

test('the usage: for servers, for others, and an authority', () => {
  const check = 'certificate usage';
  assert.equal(finding(check, whole).result, 'ok');
  const forClients = made('clients', [NOT_CA, 'extendedKeyUsage=clientAuth']);
  assert.match(finding(check, [forClients]).text, /0x80070040/);
  assert.equal(finding(check, [forClients]).result, 'problem');
  assert.equal(finding(check, [authority.certificatePem]).result, 'problem');
});

test('the expiry: of the leaf, which our own authority mends, and of the rest, which nothing mends by itself', () => {
  const check = 'certificate expiry';
  const old = issueServerCertificate({ authority, names: ['vpn.example.com'], now, days: 5 });
  const pems = [old.certificatePem, authority.certificatePem];
  assert.equal(finding(check, whole).result, 'ok');
  assert.equal(finding(check, pems).result, 'warning');
  const later = new Date(now.getTime() + 6 * 86_400_000);
  assert.equal(finding(check, pems, { now: later }).result, 'problem');
  assert.equal(finding(check, pems, { now: later, own: 'running' }).result, 'problem');
  assert.equal(finding(check, pems, { now: later, own: 'stopped' }).result, 'warning');
  assert.equal(finding(check, whole, { now: new Date(now.getTime() - YEAR_MS) }).result, 'problem');
  const oldAuthority = createAuthority({ commonName: 'Old CA', now: new Date(now.getTime() - 2 * YEAR_MS), days: 30 });
  const ended = finding(check, [issued.certificatePem, oldAuthority.certificatePem], { own: 'stopped' });
  assert.equal(ended.result, 'problem');
  assert.match(ended.text, /Old CA/);
});

test('the key: RSA and ECDSA as Windows takes them, too short, a curve that it lacks, signed with SHA-1', () => {
  const check = 'certificate key';
  assert.match(finding(check, whole).text, /^RSA with 2048 bits/);
  assert.match(finding(check, [made('p256', GOOD)]).text, /^prime256v1/);
  assert.match(finding(check, [made('short', GOOD, ['rsa:1024'])]).text, /1024 bits/);
  assert.equal(finding(check, [made('short', GOOD, ['rsa:1024'])]).result, 'problem');
  const ed25519 = made('ed', GOOD, ['ed25519']);
  assert.equal(finding(check, [ed25519]).result, 'problem');
  openssl(folder, 'req', '-newkey', ...EC_P256, '-nodes', '-keyout', 's.key', '-out', 's.csr', '-subj', '/CN=a');
  writeFileSync(join(folder, 'ca.pem'), authority.certificatePem);
  writeFileSync(join(folder, 'ca.key'), authority.keyPem);
  const issue = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-sha1', '-days', '90'];
  const weak = openssl(folder, 'x509', '-req', '-in', 's.csr', ...issue);
  assert.match(finding(check, [weak, authority.certificatePem]).text, /sha1/i);
  assert.equal(finding(check, [weak, authority.certificatePem]).result, 'problem');
});

test('the files: both are read, one that is missing is no error, a key of another certificate is one', () => {
  made('one', GOOD);
  made('two', GOOD);
  const path = (name: string): string => join(folder, name);
  assert.equal(readCertificateFiles(path('one.pem'), path('one.key'))?.chain.length, 1);
  assert.equal(readCertificateFiles(path('one.pem'), path('none.key')), undefined);
  assert.throws(() => readCertificateFiles(path('one.pem'), path('two.key')), /two\.key: not the key of .*one\.pem/);
});

test('revocation: no list named, a list that answers, one that does not, one that browsers of no kind can ask', async (t) => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/good.crl' ? 200 : 404).end('list');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const withList = (name: string, uri: string) => chainOf(made(name, [...GOOD, `crlDistributionPoints=URI:${uri}`]));
  const good = `http://127.0.0.1:${port}/good.crl`;

  assert.equal((await examineRevocation(chainOf(...whole))).result, 'ok');
  assert.deepEqual(revocationLists(withList('good', good)[0]), [good]);
  assert.equal((await examineRevocation(withList('good', good))).result, 'ok');
  const bad = await examineRevocation(withList('bad', `http://127.0.0.1:${port}/bad.crl`));
  assert.match(bad.text, /0x80092013 .*status 404/);
  const nobody = await examineRevocation(withList('nobody', 'http://127.0.0.1:9/x.crl'));
  assert.equal(nobody.result, 'warning');
  assert.match(nobody.text, /ECONNREFUSED|no answer|bad port/);
  assert.equal((await examineRevocation(withList('ldap', 'ldap://ad.example/cn=crl'))).result, 'warning');
});

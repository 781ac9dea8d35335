import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readAcmeCertificate, writeAcmeCertificate } from '../../../../server/certificates/acme-store.ts';
import { type Config, loadConfig } from '../../../../server/config/index.ts';
import { examineFiles } from '../../../../server/observe/doctor/certificate.ts';
import { TestAuthority } from '../../../support/certificates.ts';

const SELF = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const NAME = 'vpn.example.test';
const DIRECTORY = 'https://acme.example.test/dir';

function acmeConfig(t: TestContext, name: string = NAME): Config {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-doctor-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const env = { SSTPD_TLS_ACME_ENABLED: 'true', SSTPD_TLS_ACME_AGREE_TOS: 'true', SSTPD_TLS_ACME_DIRECTORY: DIRECTORY };
  return loadConfig({ flags: { data: folder, hosts: [name] }, env }).config;
}

const examine = (config: Config) => examineFiles(config, { user: SELF, devices: undefined, now: new Date() });

function store(config: Config, name: string): string {
  const { certificatePem, keyPem, fingerprint } = new TestAuthority().issue(name);
  const file = join(config.data, 'acme.json');
  writeFileSync(file, JSON.stringify({ directory: DIRECTORY, certificatePem, keyPem }), { mode: 0o600 });
  return fingerprint;
}

test('a certificate from ACME is examined as it lies there', (t) => {
  const config = acmeConfig(t);
  const fingerprint = store(config, NAME);
  const { findings, served } = examine(config);
  assert.equal(served?.chain[0].fingerprint256, fingerprint);
  assert.ok(findings.length > 4, JSON.stringify(findings));
  assert.deepEqual(
    findings.filter(({ result }) => result !== 'ok'),
    [],
  );
});

test('none yet: the doctor says who is asked, and what is shown until then', (t) => {
  const { findings, served } = examine(acmeConfig(t));
  assert.equal(served, undefined);
  assert.deepEqual(
    findings.map(({ result, text }) => ({ result, text })),
    [
      {
        result: 'ok',
        text: `none yet: the start orders one from ${DIRECTORY}; until then clients are shown the own authority's`,
      },
    ],
  );
});

test('one that can not be served is a warning with the cause', (t) => {
  const config = acmeConfig(t, 'other.example.test');
  store(config, NAME);
  const [finding] = examine(config).findings;
  assert.equal(finding?.result, 'warning');
  assert.match(finding?.text ?? '', /is not for other\.example\.test/);
  writeFileSync(join(config.data, 'acme.json'), '{');
  assert.match(examine(config).findings[0]?.text ?? '', /acme\.json is damaged: remove it/);
});

test('what was written is read back, but not after a change of the authority', (t) => {
  const config = acmeConfig(t);
  store(config, NAME);
  const read = readAcmeCertificate(config, new Date());
  assert.ok(read);
  writeAcmeCertificate(config, read);
  assert.equal(readAcmeCertificate(config, new Date())?.certificatePem, read.certificatePem);
  const other = { ...config, tls: { ...config.tls, acme: { ...config.tls.acme, directory: 'https://other.test/' } } };
  assert.equal(readAcmeCertificate(other, new Date()), undefined);
});

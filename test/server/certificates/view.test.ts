// Needs: openssl
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ServerCertificate } from '../../../certs/index.ts';
import { certificateViews } from '../../../server/certificates/view.ts';
import { temporaryFolder } from '../../certs/support.ts';
import { TestAuthority } from '../../support/certificates.ts';

function served(certificatePem: string, keyPem: string, source: ServerCertificate['source']): ServerCertificate {
  return { certificatePem, keyPem, leaf: new X509Certificate(certificatePem), source, notes: [] };
}

test('a certificate as an operator sees it', () => {
  const { certificatePem, keyPem, fingerprint } = new TestAuthority().issue('vpn.example', '192.0.2.1');
  const own = served(certificatePem, keyPem, 'own-ca');
  const notAfter = own.leaf.validToDate;
  const [first, second] = certificateViews(
    [own, { ...own, source: 'files' }],
    new Date(notAfter.getTime() - 36e5 * 47),
    '/srv/vpn two',
  );
  assert.deepEqual(first, {
    source: 'own',
    names: ['vpn.example', '192.0.2.1'],
    subject: own.leaf.subject.replaceAll('\n', ', '),
    issuer: 'CN=test CA',
    notBefore: own.leaf.validFromDate.toISOString(),
    notAfter: notAfter.toISOString(),
    daysLeft: 1,
    sha256: fingerprint,
    sha1: own.leaf.fingerprint,
    key: 'RSA 2048',
    isDefault: true,
    renewedFrom: new Date(own.leaf.validFromDate.getTime() + 550 * 86_400_000).toISOString(),
    renewedBy: "sstpd ca issue --data '/srv/vpn two'",
  });
  assert.deepEqual([second?.source, second?.isDefault], ['files', false]);
  assert.equal(certificateViews([own], new Date(notAfter.getTime() + 1), '/var/lib/sstpd')[0]?.daysLeft, -1);
});

test('an elliptic key, and a certificate without a subject', () => {
  const folder = temporaryFolder();
  const [key, pem] = [join(folder, 'k'), join(folder, 'c')];
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        key,
        '-out',
        pem,
      ],
      ...['-subj', '/', '-addext', 'subjectAltName=DNS:vpn.example', '-days', '3'],
    ],
    { stdio: 'ignore' },
  );
  const certificate = served(readFileSync(pem, 'utf8'), readFileSync(key, 'utf8'), 'acme');
  const [view] = certificateViews([certificate], new Date(), '/var/lib/sstpd');
  assert.deepEqual([view?.source, view?.key, view?.subject], ['acme', 'EC P-256', '']);
});

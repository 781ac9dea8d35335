import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthority } from '../../../../certs/index.ts';
import { examineOverlap, handshake } from '../../../../server/observe/doctor/cipher-overlap.ts';
import { CLIENT_OFFERS } from '../../../../server/observe/doctor/client-offers.ts';
import { createServerTls } from '../../../../tls/index.ts';

const certificate = createAuthority({ commonName: 'overlap', now: new Date() });

/** Of each kind of client that finds no cipher, its name. */
async function without(options: Parameters<typeof createServerTls>[1]): Promise<string[]> {
  const findings = await examineOverlap(createServerTls(certificate, options));
  assert.equal(findings.length, CLIENT_OFFERS.length);
  const bad = findings.filter(({ result }) => result !== 'ok');
  for (const { fix } of bad) assert.ok(fix !== undefined);
  return bad.map(({ check }) => check.replace('ciphers of ', ''));
}

test('with the default ciphers every client finds one, but for a RouterOS that must be told to', async () => {
  assert.deepEqual(await without({ minVersion: 'TLSv1.2' }), ['RouterOS with pfs=no']);
});

test('RSA key exchange is what a RouterOS without pfs needs', async () => {
  assert.deepEqual(await without({ minVersion: 'TLSv1.2', ciphers: 'TLS_AES_256_GCM_SHA384:HIGH' }), []);
});

test('TLS 1.3 alone leaves all of those out that have none', async () => {
  assert.deepEqual(
    await without({ minVersion: 'TLSv1.3' }),
    CLIENT_OFFERS.filter(({ maxVersion }) => maxVersion === 'TLSv1.2').map(({ name }) => name),
  );
});

test('GCM alone, with an RSA key, leaves out Windows 7 and RouterOS 6', async () => {
  const bad = await without({ minVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' });
  assert.deepEqual(bad, ['Windows 7 and 8.1 with TLS 1.2', 'RouterOS 6 with pfs=yes', 'RouterOS with pfs=no']);
});

test('a handshake says what was agreed on, as the client itself would', async () => {
  const tls = createServerTls(certificate, { minVersion: 'TLSv1.2' });
  const named = async (name: string) => {
    const offer = CLIENT_OFFERS.find((each) => each.name === name);
    assert.ok(offer !== undefined);
    return handshake(tls, offer);
  };
  assert.equal(await named('Windows 10'), 'TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384');
  assert.equal(await named('Windows 11'), 'TLSv1.3 TLS_AES_256_GCM_SHA384');
});

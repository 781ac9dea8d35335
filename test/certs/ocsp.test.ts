import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { CertificateError } from '../../certs/index.ts';
import { ocspRequest, ocspResponder, RevokedError, readOcspResponse } from '../../certs/ocsp.ts';
import { OcspAuthority, RESPONDER } from '../support/ocsp.ts';
import { openssl, temporaryFolder } from './support.ts';

const HOUR_MS = 3_600_000;
const authority = new OcspAuthority(temporaryFolder(), 'DNS:vpn.test');
const { folder, leaf, issuer } = authority;
const request = ocspRequest(leaf, issuer);
const read = (der: Buffer, now = new Date()) => readOcspResponse(der, leaf, issuer, now);

test('the responder is the one that the certificate names (RFC 5280 4.2.2.1)', () => {
  assert.equal(ocspResponder(leaf), RESPONDER);
  assert.equal(ocspResponder(issuer), undefined);
});

test('the request is what openssl makes of the same certificate, without its nonce (RFC 6960 4.1.1)', () => {
  openssl(folder, 'ocsp', '-issuer', 'ca.pem', '-cert', 'leaf.pem', '-no_nonce', '-reqout', 'theirs.der');
  writeFileSync(join(folder, 'ours.der'), request);
  const text = (file: string): string => openssl(folder, 'asn1parse', '-inform', 'DER', '-in', file);
  assert.equal(text('ours.der'), text('theirs.der'));
});

test('a good response is taken until its end', () => {
  authority.mark('V');
  const der = authority.answer(request);
  const now = new Date();
  const answer = read(der, now);
  assert.equal(answer.der, der);
  const minutes = (answer.nextUpdate.getTime() - now.getTime()) / 60_000;
  assert.ok(minutes > 58 && minutes <= 60, `${minutes}`);
  assert.throws(() => read(der, new Date(now.getTime() + HOUR_MS + 1000)), /not for now/);
  assert.throws(() => read(der, new Date(now.getTime() - HOUR_MS)), /not for now/);
});

test('a revoked certificate, and one that the responder does not know', () => {
  authority.mark('R');
  assert.throws(() => read(authority.answer(request)), RevokedError);
  authority.mark('other');
  assert.throws(() => read(authority.answer(request)), /does not know the certificate/);
  authority.mark('V');
});

test('who may sign: the issuer, or a certificate that it issued for that (RFC 6960 4.2.2.2)', () => {
  authority.issue('delegate', '77', '/CN=responder', ['extendedKeyUsage=OCSPSigning']);
  read(authority.answer(request, 'delegate'));
  authority.issue('other', '78', '/CN=no responder', ['extendedKeyUsage=serverAuth']);
  assert.throws(() => read(authority.answer(request, 'other')), /not signed by/);
  const stranger = new OcspAuthority(temporaryFolder(), 'DNS:vpn.test');
  assert.throws(() => read(stranger.answer(request)), /not signed by|another certificate/);
});

test('a response about another certificate of the same authority', () => {
  const der = authority.answer(request);
  assert.throws(() => readOcspResponse(der, issuer, issuer, new Date()), /another certificate/);
});

test('any damage is refused in one line', () => {
  const der = authority.answer(request);
  for (let length = 0; length < der.length; length += 7) {
    assert.throws(() => read(der.subarray(0, length)), CertificateError, `${length} bytes`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(() => read(Buffer.from(bytes)), CertificateError);
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (index, change) => {
      const damaged = Buffer.from(der);
      damaged[index] = (damaged[index] ?? 0) ^ change;
      try {
        read(damaged); // what is not signed may differ without harm
      } catch (error) {
        assert.ok(error instanceof CertificateError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

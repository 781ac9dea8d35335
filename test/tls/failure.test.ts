import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertOf, hintOf } from '../../tls/index.ts';

const withCode = (code: string): Error => Object.assign(new Error('x'), { code });

const ALERTS: readonly [string, string | undefined][] = [
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unknown_ca'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'certificate_unknown'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'bad_certificate'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate_required'],
  ['ERR_SSL_NO_SHARED_CIPHER', undefined],
  ['ERR_SSL_SSL/TLS_ALERT_', undefined],
  ['ECONNRESET', undefined],
  ['', undefined],
];

for (const [code, alert] of ALERTS) {
  test(`alert of ${code || 'an error without code'}: ${alert}`, () => assert.equal(alertOf(withCode(code)), alert));
}

test('an error without a code has neither alert nor hint', () => {
  assert.equal(alertOf(new Error('x')), undefined);
  assert.equal(hintOf(new Error('x')), undefined);
});

test('hints: distrust, old ciphers, plain HTTP, HTTP/2', () => {
  assert.match(hintOf(withCode('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')) ?? '', /install the CA/);
  assert.match(hintOf(withCode('ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED')) ?? '', /clock/);
  assert.match(hintOf(withCode('ERR_SSL_NO_SHARED_CIPHER')) ?? '', /update it/);
  assert.match(hintOf(withCode('ERR_SSL_NO_SUITABLE_KEY_SHARE')) ?? '', /none of our groups/);
  assert.match(hintOf(withCode('ERR_SSL_HTTP_REQUEST')) ?? '', /https:/);
  assert.match(hintOf(withCode('ERR_SSL_NO_APPLICATION_PROTOCOL')) ?? '', /HTTP\/2/);
  assert.equal(hintOf(withCode('ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR')), undefined);
});

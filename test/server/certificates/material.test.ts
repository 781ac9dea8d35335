import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNameOf, isTrustedElsewhere } from '../../../server/certificates/material.ts';
import { TestAuthority } from '../../support/certificates.ts';

test('browsers may know who signed a certificate, unless that was we, or it itself', () => {
  const { authority } = new TestAuthority();
  const { certificatePem } = new TestAuthority().issue('vpn.example');
  const shown = { keyPem: '', names: [], ocsp: undefined };
  assert.equal(isTrustedElsewhere({ ...shown, certificatePem, isOwn: false }), true);
  assert.equal(isTrustedElsewhere({ ...shown, certificatePem, isOwn: true }), false);
  assert.equal(isTrustedElsewhere({ ...shown, certificatePem: authority.certificatePem, isOwn: false }), false);
});

test('a server is called as hosts and its certificates have it, and no other way', () => {
  const certificates = [{ names: ['*.vpn.example'] }] as unknown as Parameters<typeof isNameOf>[2]['certificates'];
  const is = (name: string): boolean => isNameOf(name, { hosts: ['bücher.example', '192.0.2.1'] }, { certificates });
  assert.deepEqual(['xn--bcher-kva.example', 'a.vpn.example'].map(is), [true, true]);
  assert.deepEqual(['vpn.example', 'a.b.vpn.example', 'x.bücher.example', 'evil.example', ''].map(is), [
    ...[false, false, false, false, false],
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TlsMaterial } from '../../server/certificates/material.ts';
import { type FlagValues, loadConfig } from '../../server/config/index.ts';
import { dialName, type ProfileSource, profileFacts } from '../../server/profile-facts.ts';
import { TestAuthority } from '../support/certificates.ts';

const authority = new TestAuthority();
const FIRST = authority.issue('vpn.example.com', '192.0.2.5');
const SECOND = authority.issue('*.example.org');

const TLS: TlsMaterial = {
  certificates: [
    { ...FIRST, names: ['vpn.example.com'], ocsp: undefined, isOwn: true },
    { ...SECOND, names: ['*.example.org'], ocsp: undefined, isOwn: false },
  ],
  challenges: [],
  ticketKeys: Buffer.alloc(48),
};

function source(flags: FlagValues = {}): ProfileSource {
  const { config } = loadConfig({ flags, env: {} });
  const names = ['*.example.org', 'vpn.example.com', '192.0.2.5'];
  return { config, names, port: 8443, tls: TLS, caPem: 'PEM', dns: [0x0a000035] };
}

const plainHex = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();

test('the facts are those of the configuration, the certificate and the addresses', () => {
  const flags = {
    'profile.name': 'Office',
    'profile.routes': ['10.0.0.0/8', '192.0.2.1', 'fd00::/8'],
    'profile.dnsSuffix': 'corp.example',
    'profile.alwaysOn': true,
    'auth.methods': ['mschapv2', 'pap'],
  };
  assert.deepEqual(profileFacts('ann', source(flags)), {
    user: 'ann',
    connection: 'Office',
    host: 'vpn.example.com',
    port: 8443,
    methods: ['mschapv2', 'pap'],
    caPem: 'PEM',
    certificateSha256: plainHex(FIRST.fingerprint),
    routes: ['10.0.0.0/8', '192.0.2.1/32', 'fd00::/8'],
    hasIpv6: false,
    dnsSuffix: 'corp.example',
    dns: ['10.0.0.53'],
    alwaysOn: true,
  });
});

test('another host has the certificate that SNI chooses for it', () => {
  assert.equal(profileFacts('ann', source(), 'a.example.org')?.certificateSha256, plainHex(SECOND.fingerprint));
  assert.equal(profileFacts('ann', source(), '192.0.2.5')?.certificateSha256, plainHex(FIRST.fingerprint));
});

test('the name to dial is the first that a client can dial, as DNS has it', () => {
  assert.equal(dialName(['*.example.com', 'Bücher.example', 'b']), 'xn--bcher-kva.example');
  assert.equal(dialName(['2001:DB8::0:5']), '2001:db8::5');
  assert.equal(dialName(['*.example.com', 'a b', "a'b", '']), undefined);
  assert.equal(profileFacts('ann', { ...source(), names: ['*.example.com'] }), undefined);
});

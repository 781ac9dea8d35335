/** Which groups the key exchange takes: those that some client has, and none that only costs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { TLSSocket, connect as tlsConnect } from 'node:tls';
import { createServerTls, type TlsServerContext } from '../../tls/index.ts';
import { selfSigned, temporaryFolder } from '../certs/support.ts';
import { certificate } from './support.ts';

// Needs: openssl
type Version = 'TLSv1.2' | 'TLSv1.3';

const folder = temporaryFolder();
const tls = createServerTls(certificate(), { minVersion: 'TLSv1.2' });
/** OpenSSL's from 3.5 on. */
const hasHybrid = process.versions.openssl.localeCompare('3.5', 'en', { numeric: true }) >= 0;

/** @returns the group that both agreed on, or undefined */
async function agreed(context: TlsServerContext, groups: string, version: Version): Promise<string | undefined> {
  const [near, far] = duplexPair();
  const server = new TLSSocket(near, { isServer: true, ...context.serverOptions });
  const versions = { minVersion: version, maxVersion: version };
  const client = tlsConnect({ socket: far, ecdhCurve: groups, rejectUnauthorized: false, ...versions });
  try {
    return await new Promise((resolve) => {
      const fail = (): void => resolve(undefined);
      for (const socket of [server, client]) socket.once('error', fail).once('close', fail);
      client.once('secureConnect', () => resolve((client.getEphemeralKeyInfo() as { name?: string }).name ?? 'other'));
    });
  } finally {
    for (const socket of [server, client]) socket.on('error', () => {}).destroy();
  }
}

for (const [groups, version, expected] of [
  ['X25519', 'TLSv1.2', 'X25519'],
  ['X25519', 'TLSv1.3', 'X25519'],
  ['P-256', 'TLSv1.2', 'prime256v1'],
  ['P-256', 'TLSv1.3', 'prime256v1'],
  ['P-384', 'TLSv1.2', 'secp384r1'],
  ['P-384', 'TLSv1.3', 'secp384r1'],
  // A list in which one that we do not take comes first, so that the client's guess is at it.
  ['P-521:P-256', 'TLSv1.2', 'prime256v1'],
  ['P-521:P-256', 'TLSv1.3', 'prime256v1'],
  ['ffdhe2048:X25519', 'TLSv1.3', 'X25519'],
  ['P-521', 'TLSv1.2', undefined],
  ['P-521', 'TLSv1.3', undefined],
  ['X448', 'TLSv1.2', undefined],
  ['X448', 'TLSv1.3', undefined],
  ['ffdhe2048', 'TLSv1.3', undefined],
  ['ffdhe3072', 'TLSv1.3', undefined],
] as const) {
  test(`a client with ${groups} by ${version}: ${expected ?? 'refused'}`, async () => {
    assert.equal(await agreed(tls, groups, version), expected);
  });
}

test('a client that has it gets a key exchange that a quantum computer does not break', {
  skip: hasHybrid ? false : `OpenSSL ${process.versions.openssl} has none`,
}, async () => {
  assert.equal(await agreed(tls, 'X25519MLKEM768', 'TLSv1.3'), 'X25519MLKEM768');
  assert.equal(
    await agreed(tls, 'X25519:X25519MLKEM768', 'TLSv1.3'),
    'X25519MLKEM768',
    'also where it guessed at another',
  );
});

for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
  test(`a certificate with a key on ${namedCurve} is served`, async () => {
    selfSigned(folder, namedCurve, [], ['ec', '-pkeyopt', `ec_paramgen_curve:${namedCurve}`]);
    const [certificatePem, keyPem] = [`${namedCurve}.pem`, `${namedCurve}.key`].map((name) =>
      readFileSync(join(folder, name), 'utf8'),
    ) as [string, string];
    const context = createServerTls({ certificatePem, keyPem }, { minVersion: 'TLSv1.2' });
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      assert.equal(await agreed(context, `P-256:${namedCurve}`, version), 'prime256v1', version);
    }
  });
}

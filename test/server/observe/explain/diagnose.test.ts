/** What TLS alone tells, where the certificate decides. Ways that need a client are in explain.test.ts and test/e2e. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAuthority, issueServerCertificate } from '../../../../certs/index.ts';
import { methodRows } from '../../../../ppp/index.ts';
import { Attempt } from '../../../../server/observe/explain/attempt.ts';
import { certificateFacts } from '../../../../server/observe/explain/certificate-facts.ts';
import type { CertificateFacts } from '../../../../server/observe/explain/facts.ts';
import type { ClientHello, TlsFailure } from '../../../../tls/index.ts';
import { CERTIFICATE_FACTS, RecordingLog } from '../../support.ts';

const HELLO: ClientHello = {
  serverName: 'vpn.example.com',
  versions: ['TLSv1.2', 'TLSv1.1'],
  ciphers: [0xc013, 0x2f, 0x35, 5, 10, 4, 0x9999],
  protocols: [],
};

/** The record of a handshake that failed so. */
function explain(failure: Partial<TlsFailure>, certificate: Partial<CertificateFacts> = {}) {
  const told: Parameters<ConstructorParameters<typeof Attempt>[0]['changed']>[0][] = [];
  const attempt = new Attempt({
    clock: { now: () => 0 },
    log: new RecordingLog(),
    certificate: () => ({ ...CERTIFICATE_FACTS, notAfter: new Date('2999-01-01'), ...certificate }),
    methods: methodRows(['mschapv2']),
    changed: (view) => void told.push(view),
  });
  attempt.tlsFailed('00aabbcc', { ...FAILURE, ...failure });
  const [view = assert.fail()] = told;
  assert.equal(view.state, 'failed');
  return view.explanation ?? assert.fail();
}

const FAILURE: TlsFailure = {
  remoteAddress: '192.0.2.7',
  remotePort: 50000,
  localAddress: '198.51.100.1',
  localPort: 443,
  stage: 'handshake',
  alert: undefined,
  hello: HELLO,
  code: '',
  bytesReceived: 200,
  hint: undefined,
};

for (const { name, failure, certificate, code, text } of [
  { name: 'an alert', failure: { alert: 'unknown_ca' }, certificate: {}, code: '0x800B0109', text: /said unknown_ca/ },
  { name: 'a close', failure: { stage: 'closed' }, certificate: {}, code: '0x800B0109', text: /hung up/ },
  {
    name: 'a public certificate that is not trusted lacks its chain',
    failure: { alert: 'unknown_ca' },
    certificate: { isOwn: false },
    code: '0x800B0109',
    text: /did not trust/,
  },
  {
    name: 'another name',
    failure: { stage: 'closed', hello: { ...HELLO, serverName: 'old.example.com' } },
    certificate: {},
    code: '0x800B010F',
    text: /dialled old\.example\.com, and the certificate is for vpn\.example\.com/,
  },
  {
    name: 'expired',
    failure: { stage: 'closed' },
    certificate: { notAfter: new Date('2020-02-02') },
    code: '0x800B0101',
    text: /ended on 2020-02-02/,
  },
  { name: 'a clock', failure: { alert: 'certificate_expired' }, certificate: {}, code: '0x800B0101', text: /a clock/ },
  { name: 'revoked', failure: { alert: 'certificate_revoked' }, certificate: {}, code: '0x80092010', text: /revoked/ },
  {
    name: 'not for servers',
    failure: { stage: 'closed' },
    certificate: { hasServerAuth: false },
    code: '0x80070040',
    text: /not for server authentication/,
  },
  {
    name: 'an alert about that',
    failure: { alert: 'unsupported_certificate' },
    certificate: {},
    code: '0x80070040',
    text: /not for server/,
  },
  {
    name: 'ciphers',
    failure: { code: 'ERR_SSL_NO_SHARED_CIPHER' },
    certificate: {},
    code: '0x80090326',
    text: /offered TLSv1\.2, TLSv1\.1 with ECDHE-RSA-AES128-SHA, AES128-SHA, AES256-SHA, RC4-SHA, DES-CBC3-SHA, RC4-MD5 and 1 more/,
  },
  {
    name: 'groups',
    failure: { code: 'ERR_SSL_NO_SUITABLE_KEY_SHARE' },
    certificate: {},
    code: '0x80090326',
    text: /no group for the key exchange/,
  },
  {
    name: 'versions',
    failure: { alert: 'protocol_version' },
    certificate: {},
    code: '0x80090326',
    text: /no TLS version/,
  },
  {
    name: 'a reset',
    failure: { stage: 'closed', code: 'ECONNRESET' },
    certificate: {},
    code: '0x80072746',
    text: /reset/,
  },
  { name: 'silence', failure: { stage: 'timeout' }, certificate: {}, code: '0x8007274C', text: /sent nothing more/ },
  {
    name: 'no TLS at all',
    failure: { code: 'ERR_SSL_HTTP_REQUEST', hello: undefined },
    certificate: {},
    code: undefined,
    text: /no TLS handshake/,
  },
] as const) {
  test(`TLS: ${name}`, () => {
    const explanation = explain(failure as Partial<TlsFailure>, certificate);
    assert.equal(explanation.code, code);
    assert.match(explanation.text, text);
    assert.notEqual(explanation.fix, undefined);
  });
}

const WITHOUT_NAME: ClientHello = { ...HELLO, serverName: undefined };

/** What a client without SNI may have disliked: where it arrived, what is in the certificate, its alert. */
for (const { name, at, names, alert, code, text, fix } of [
  {
    name: 'an address, and the certificate is for a name',
    ...{ at: '198.51.100.1', names: ['vpn.example.com'], alert: 'bad_certificate', code: '0x800B010F' },
    text: /sent no name \(SNI\), as one does that dials an address such as 198\.51\.100\.1, .* for vpn\.example\.com \(/,
    fix: /^Dial vpn\.example\.com, not an address; .*--host 198\.51\.100\.1\.$/,
  },
  {
    name: 'the same without an alert may be a health check',
    ...{ at: '198.51.100.1', names: ['vpn.example.com'], alert: undefined, code: '0x800B010F' },
    text: /sent no name .*; or it only looked whether this port answers/,
    fix: /^Dial vpn\.example\.com/,
  },
  {
    name: 'behind NAT, and the certificate has no address at all',
    ...{ at: '10.0.0.5', names: ['vpn.example.com'], alert: undefined, code: '0x800B010F' },
    text: /sent no name/,
    fix: /^Dial vpn\.example\.com/,
  },
  {
    name: 'another address than those in the certificate',
    ...{ at: '2001:db8::9', names: ['203.0.113.5', '2001:db8::1'], alert: undefined, code: '0x800B010F' },
    text: /such as 2001:db8::9, and the certificate is for 203\.0\.113\.5, 2001:db8::1/,
    fix: /^Dial 203\.0\.113\.5/,
  },
  {
    name: 'behind NAT what was dialled is not known',
    ...{ at: '10.0.0.5', names: ['203.0.113.5'], alert: undefined, code: '0x800B0109' },
    text: /did not trust the certificate, or dialled an address that is not in it \(it is for 203\.0\.113\.5\), or only looked/,
    fix: /^If it was a VPN client: Import/,
  },
  {
    name: 'the address is in the certificate',
    ...{ at: '203.0.113.5', names: ['203.0.113.5'], alert: undefined, code: '0x800B0109' },
    text: /did not trust the certificate, or only looked whether this port answers, as health checks and scans do \(/,
    fix: /^If it was a VPN client: Import/,
  },
  {
    name: 'whoever does not know the issuer says so first',
    ...{ at: '198.51.100.1', names: ['vpn.example.com'], alert: 'unknown_ca', code: '0x800B0109' },
    text: /^The client did not trust the certificate \(the client said unknown_ca\)\.$/,
    fix: /^Import/,
  },
] as const) {
  test(`TLS without SNI: ${name}`, () => {
    const covers = (one: string): boolean => (names as readonly string[]).includes(one);
    const failure = { stage: 'closed', alert, hello: WITHOUT_NAME, localAddress: at } as const;
    const explanation = explain(failure, { names, covers });
    assert.equal(explanation.code, code);
    assert.match(explanation.text, text);
    assert.match(explanation.fix ?? '', fix);
  });
}

test('who offers HTTP/2 is no VPN client, and whatever its handshake comes to is no attempt', () => {
  for (const [protocols, isTold] of [
    [['h2', 'http/1.1'], false],
    [['http/1.1', 'h2'], false],
    [['http/1.1'], true],
    [[], true],
  ] as const) {
    const told: unknown[] = [];
    const attempt = new Attempt({
      clock: { now: () => 0 },
      log: new RecordingLog(),
      certificate: () => CERTIFICATE_FACTS,
      methods: methodRows(['mschapv2']),
      changed: (view) => void told.push(view),
    });
    attempt.tlsFailed('00aabbcc', { ...FAILURE, alert: 'certificate_unknown', hello: { ...HELLO, protocols } });
    assert.equal(told.length, isTold ? 1 : 0, protocols.join());
  }
});

test('the facts are those of the certificate', () => {
  const now = new Date('2026-01-01');
  const authority = createAuthority({ commonName: 'test', now });
  const own = issueServerCertificate({ authority, names: ['vpn.example.com', '192.0.2.1', '2001:db8::1'], now });
  const facts = certificateFacts({ ...own, isOwn: true });
  assert.deepEqual(facts.names, ['vpn.example.com', '192.0.2.1', '2001:db8::1']);
  assert.equal(facts.hasServerAuth, true);
  for (const name of [...facts.names, '[2001:db8::1]', 'VPN.example.com']) assert.equal(facts.covers(name), true, name);
  for (const name of ['example.com', '192.0.2.2', '', '\0', '[::1', '..', '<b>']) {
    assert.equal(facts.covers(name), false, JSON.stringify(name));
  }
  fc.assert(fc.property(fc.string(), (name) => void facts.covers(name)));
});

test('whatever happened, there is one sentence that ends in a full stop', () => {
  const texts = fc.option(fc.constantFrom('unknown_ca', 'handshake_failure', 'internal_error', 'x'), {
    nil: undefined,
  });
  fc.assert(
    fc.property(texts, fc.constantFrom('handshake', 'timeout', 'closed'), fc.string(), (alert, stage, code) => {
      const { text, fix } = explain({ alert, stage: stage as TlsFailure['stage'], code });
      assert.match(text, /\.$/);
      assert.match(fix ?? '.', /\.$/);
    }),
  );
});

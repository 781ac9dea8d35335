/** What a worker that was taken over may say to the supervisor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AttemptView } from '../../../admin/index.ts';
import { makeReport } from '../../../server/observe/metrics/report.ts';
import { FormError } from '../../../server/workers/forms.ts';
import type { ToSupervisor } from '../../../server/workers/messages.ts';
import { bytesOf, readerOf } from '../../../server/workers/spoken.ts';

const WORKER = 1;
const read = readerOf(WORKER);
const readJson = (value: unknown): ToSupervisor => read(Buffer.from(JSON.stringify(value)));

const SESSION = {
  ...{ id: '01020304', peer: '192.0.2.7:5000', stage: 'up', tls: 'TLSv1.3', connectedAt: '2026-01-01T00:00:00.000Z' },
  ...{ bytesIn: 0, bytesOut: 2 ** 40, user: 'ann', method: undefined, ipv4: undefined, ipv6: 'fd00:1::/64' },
  policy: { revision: 1 },
  correlationId: undefined,
};

const ATTEMPT: AttemptView = {
  ...{ id: '01020304', peer: '[2001:db8::1]:5000', startedAt: '2026-01-01T00:00:00.000Z' },
  state: 'up',
  stage: 'up',
  ...{ stages: [{ stage: 'tls', ms: 1.5 }], correlationId: undefined, endedAt: undefined },
  options: [{ from: 'client', protocol: 'LCP', packet: 'Configure-Request', options: 'MRU 1400' }],
  ...{ user: 'ann', tls: 'TLSv1.3', sni: undefined, offered: undefined, alert: undefined, http: undefined },
  ...{ reason: undefined, explanation: undefined },
};

const BYTES = new Uint8Array([0, 1, 254, 255]);
const PROOF = { method: 'pap', name: 'ann', nameBytes: BYTES, password: 'secret' } as const;
const NAMED = { name: 'ann', nameBytes: undefined };
const END = { reason: 'disconnected', bytesIn: 1, bytesOut: 2 } as const;

const HONEST: readonly ToSupervisor[] = [
  { kind: 'ready', listening: [{ address: '::', family: 'IPv6', port: 443 }] },
  { kind: 'failed', message: 'no device' },
  { kind: 'ticket-opened', ticket: 1, address: '192.0.2.7' },
  { kind: 'ticket-silent', ticket: 1 },
  { kind: 'ticket-authenticated', ticket: 1 },
  { kind: 'ticket-closed', ticket: 1 },
  { kind: 'opened', session: '01020304', peerAddress: 'fe80::1%eth0' },
  { kind: 'verify', session: '01020304', proof: PROOF },
  {
    kind: 'verify',
    session: '01020304',
    proof: { method: 'chap', ...NAMED, identifier: 255, challenge: new Uint8Array(16), response: new Uint8Array(16) },
  },
  {
    kind: 'verify',
    session: '01020304',
    proof: {
      ...{ method: 'mschapv2', ...NAMED },
      ...{ authenticatorChallenge: new Uint8Array(16), peerChallenge: new Uint8Array(16) },
      ntResponse: new Uint8Array(24).fill(255),
    },
  },
  { kind: 'verify', session: '01020304', proof: { method: 'eap', ...NAMED, packet: new Uint8Array(4_096).fill(2) } },
  { kind: 'respond', session: '01020304', round: 3, payload: new Uint8Array(4_096).fill(1) },
  { kind: 'respond', session: '01020304', round: 3, payload: new Uint8Array(0) },
  { kind: 'lease', session: '01020304' },
  { kind: 'choose', session: '01020304', wish: 0x0a090005 },
  { kind: 'release', session: '01020304' },
  { kind: 'up', session: '01020304' },
  { kind: 'closed', session: '01020304', end: END },
  { kind: 'portal-left', call: 1 },
  { kind: 'portal-asked', call: 1, question: { kind: 'look', session: 'a'.repeat(43) } },
  { kind: 'portal-asked', call: 1, question: { kind: 'sign-out', session: 'a'.repeat(43) } },
  {
    kind: 'portal-asked',
    call: 1,
    question: { kind: 'sign-in', address: '192.0.2.7', name: 'ann', password: 'secret' },
  },
  { kind: 'dial', call: 1 },
  { kind: 'tls-set', call: 1 },
  { kind: 'alive', call: 1 },
  { kind: 'report', call: 1, report: makeReport({ counts: { cpuUserSeconds: 1.5 } }) },
  { kind: 'traffic', traffic: [{ id: '01020304', bytesIn: 1, bytesOut: 2 }] },
  { kind: 'attempt', attempt: ATTEMPT },
  { kind: 'listed', call: 1, sessions: [SESSION], isLast: true },
];

/** Fields that are undefined are absent in JSON. */
function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent);
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutAbsent(field)]));
}

/** As a worker would write it, to be changed. */
function plain(message: ToSupervisor): Record<string, unknown> {
  return JSON.parse(bytesOf(message).toString('utf8'));
}

function refused(value: unknown, why?: string): void {
  const isShort = (error: unknown): boolean => error instanceof FormError && error.message.length < 500;
  assert.throws(() => readJson(value), isShort, why ?? JSON.stringify(value)?.slice(0, 200));
}

test('what workers say arrives as it was said', () => {
  for (const message of HONEST) assert.deepEqual(read(bytesOf(message)), withoutAbsent(message), message.kind);
});

test('a field that is missing, of another type, or one too many makes a message none', () => {
  for (const message of HONEST) {
    const whole = plain(message);
    for (const field of Object.keys(whole)) {
      const { [field]: _, ...rest } = whole;
      refused(rest, `${message.kind} without ${field}`);
      for (const value of [null, 5.5, -1, ['x'], { toString: 1 }, {}]) refused({ ...whole, [field]: value });
    }
    for (const strange of ['x', '__proto__', 'constructor', 'toString']) {
      const text = JSON.stringify(whole).replace(/^\{/, `{${JSON.stringify(strange)}:{"isAdmin":true},`);
      assert.throws(() => read(Buffer.from(text)), FormError, strange);
    }
  }
  assert.equal(({} as Record<string, unknown>).isAdmin, undefined);
  for (const kind of ['nonsense', 'constructor', '__proto__', 'toString', '', 5, null]) refused({ kind });
  for (const text of ['', '{', 'null', '[]', '5', '"alive"', '{"kind":"alive"', `${'['.repeat(500_000)}`, '\xff\xfe']) {
    assert.throws(() => read(Buffer.from(text, 'latin1')), FormError, text.slice(0, 20));
  }
});

test("ids of others' connections, and what is no id, are none", () => {
  const bad = ['02020304', '0102030', '010203045', '0102030G', '01020304\n', ' 1020304', '__proto__', '', 1020304];
  for (const id of bad) {
    for (const kind of ['lease', 'release', 'up']) refused({ kind, session: id });
    refused({ kind: 'opened', session: id, peerAddress: '192.0.2.7' });
    refused({ kind: 'closed', session: id, end: END });
    refused({ kind: 'verify', session: id, proof: { method: 'pap', name: 'a', password: 'b' } });
    refused({ kind: 'traffic', traffic: [{ id, bytesIn: 0, bytesOut: 0 }] });
    refused({ kind: 'attempt', attempt: { ...plain({ kind: 'attempt', attempt: ATTEMPT }), id } });
    refused({ kind: 'listed', call: 1, sessions: [{ ...SESSION, id }], isLast: true });
  }
});

test('numbers that count nothing, addresses that are none, times that are none', () => {
  const nan = JSON.stringify(plain({ kind: 'closed', session: '01020304', end: END }));
  for (const number of ['NaN', '-1', '1.5', '1e999', '-1e999', '9007199254740993', '"5"', '[]']) {
    assert.throws(() => read(Buffer.from(nan.replace('"bytesIn":1', `"bytesIn":${number}`))), FormError, number);
    const ticket = `{"kind":"ticket-closed","ticket":${number}}`;
    assert.throws(() => read(Buffer.from(ticket)), FormError, number);
  }
  refused({ kind: 'choose', session: '01020304', wish: 2 ** 32 });
  const counts = { ...makeReport().counts, floodDrops: -1 };
  refused({ kind: 'report', call: 1, report: { ...makeReport(), counts } });
  refused({ kind: 'report', call: 1, report: { ...makeReport(), levels: {} } });
  const addresses = [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '::g',
    '1.2.3.4%',
    `1.2.3.4%${'x'.repeat(99)}`,
    '1.2.3.4\n',
  ];
  for (const address of addresses) {
    refused({ kind: 'ticket-opened', ticket: 1, address });
    refused({ kind: 'opened', session: '01020304', peerAddress: address });
    refused({ kind: 'portal-asked', call: 1, question: { kind: 'sign-in', address, name: 'a', password: 'b' } });
  }
  const attempt = plain({ kind: 'attempt', attempt: ATTEMPT }).attempt as object;
  for (const part of [
    { peer: '1.2.3.4' },
    { peer: '1.2.3.4:70000' },
    { peer: '[1.2.3.4:5' },
    { startedAt: 'today' },
    { startedAt: '2026-02-31T00:00:00.000Z' },
    { endedAt: '9999-99-99T99:99:99.999Z' },
  ]) {
    refused({ kind: 'attempt', attempt: { ...attempt, ...part } });
  }
});

test('texts and lists have their longest; what a client has made too long is cut by the worker', () => {
  const long = 'x'.repeat(5_000);
  const attempt = plain({ kind: 'attempt', attempt: ATTEMPT }).attempt as object;
  refused({ kind: 'attempt', attempt: { ...attempt, http: long } });
  refused({ kind: 'attempt', attempt: { ...attempt, options: Array(65).fill(ATTEMPT.options[0]) } });
  refused({ kind: 'closed', session: '01020304', end: { ...END, reason: long } });
  refused({ kind: 'verify', session: '01020304', proof: { method: 'pap', name: long, password: 'b' } });
  for (const policy of [{}, { revision: -1 }, { revision: 'x' }, { revision: 1, routes: [] }, []]) {
    refused({ kind: 'listed', call: 1, sessions: [{ ...SESSION, policy }], isLast: true });
  }
  const payload = Buffer.alloc(4_097).toString('base64');
  refused({ kind: 'respond', session: '01020304', round: 1, payload });
  refused({ kind: 'respond', session: '01020304', round: -1, payload: '' });
  refused({ kind: 'respond', session: '01020304', payload: '' });
  refused({ kind: 'verify', session: '01020304', proof: { method: 'eap', name: 'ann', packet: payload } });
  refused({ kind: 'verify', session: '01020304', proof: { method: 'made-up', name: 'ann', kind: 'accept' } });
  for (const bytes of ['A', 'AA==A', '====', 'AA AA', 'A'.repeat(8_000)]) {
    refused({
      kind: 'verify',
      session: '01020304',
      proof: { method: 'pap', name: 'a', nameBytes: bytes, password: 'b' },
    });
  }
  refused({ kind: 'listed', call: 1, sessions: Array(201).fill(SESSION), isLast: true });
  const cut = read(bytesOf({ kind: 'attempt', attempt: { ...ATTEMPT, http: long, sni: long } }));
  assert.equal(cut.kind === 'attempt' && cut.attempt.http?.length, 4_096);
  for (const reason of [long, 'no-such-reason', '__proto__', 7]) {
    refused({ kind: 'closed', session: '01020304', end: { ...END, reason } });
  }
});

test('a record that the supervisor keeps takes 32 KiB at most, of an honest worker with the newest of its options', () => {
  const row = (text: string) =>
    ({ from: 'client', protocol: 'LCP', packet: 'Configure-Request', options: text }) as const;
  const liar = { ...ATTEMPT, options: Array.from({ length: 64 }, () => row('x'.repeat(4_000))) };
  refused({ kind: 'attempt', attempt: liar });
  const rows = Array.from({ length: 24 }, (_, index) => row(`${index} ${'\u0001'.repeat(1_200)}`));
  const cut = read(bytesOf({ kind: 'attempt', attempt: { ...ATTEMPT, options: rows } }));
  const kept = cut.kind === 'attempt' ? cut.attempt.options : [];
  assert.ok(kept.length >= 3 && kept.length < rows.length, `${kept.length} rows`);
  assert.deepEqual(kept, rows.slice(-kept.length));
});

test('whatever a client writes, its record is one that the supervisor takes (property)', () => {
  const words = fc
    .tuple(fc.constantFrom('x', '\u0001', '"', '\u20ac', '\ud800'), fc.nat(70_000))
    .map(([unit, count]) => unit.repeat(count));
  const texts = fc.record({ user: words, tls: words, sni: words, alert: words, http: words, reason: words });
  const offered = fc.record({ versions: words, ciphers: words, protocols: words });
  const explanation = fc.record({ text: words, code: words, fix: words });
  const options = fc.array(
    fc.record({ from: fc.constant('client' as const), protocol: words, packet: words, options: words }),
    { maxLength: 24 },
  );
  fc.assert(
    fc.property(texts, offered, explanation, options, fc.string(), (more, hello, said, rows, correlationId) => {
      const attempt = { ...ATTEMPT, ...more, offered: hello, explanation: said, options: rows, correlationId };
      assert.equal(read(bytesOf({ kind: 'attempt', attempt })).kind, 'attempt');
    }),
    { numRuns: 60 },
  );
});

test('any bytes are a message or a FormError, and never anything else (property)', () => {
  const json = fc.jsonValue();
  const kinds = fc.constantFrom(...HONEST.map(({ kind }) => kind));
  const near = fc
    .tuple(fc.constantFrom(...HONEST.map(plain)), fc.dictionary(fc.string(), json), json)
    .map(([message, more, value]) => {
      const name = Object.keys(message).at(-1) ?? 'kind';
      return JSON.stringify({ ...message, ...more, [name]: value });
    });
  const any = fc.oneof(
    near,
    kinds.map((kind) => JSON.stringify({ kind })),
    json.map(JSON.stringify),
    fc.string(),
  );
  fc.assert(
    fc.property(any, (text) => {
      try {
        assert.ok(HONEST.some(({ kind }) => kind === read(Buffer.from(text)).kind));
      } catch (error) {
        if (!(error instanceof FormError)) throw error;
        assert.ok(error.message.length < 500);
      }
    }),
    { numRuns: 2_000 },
  );
});

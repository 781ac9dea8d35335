/** What a worker that was taken over may say to the supervisor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptView } from '../../../admin/index.ts';
import { makeReport } from '../../../server/metrics/report.ts';
import type { ToSupervisor } from '../../../server/workers/messages.ts';
import { isWellFormed } from '../../../server/workers/well-formed.ts';

const SESSION = {
  ...{ id: '01020304', peer: '192.0.2.7:5000', stage: 'up', tls: 'TLSv1.3', connectedAt: '2026-01-01T00:00:00Z' },
  ...{ bytesIn: 0, bytesOut: 2 ** 40, user: 'ann', method: undefined, ipv4: undefined, ipv6: undefined },
  correlationId: undefined,
};

const ATTEMPT: AttemptView = {
  ...{ id: '01020304', peer: '192.0.2.7:5000', startedAt: '2026-01-01T00:00:00Z' },
  state: 'up',
  stage: 'up',
  ...{ stages: [{ stage: 'tls', ms: 1.5 }], options: [], correlationId: undefined, endedAt: undefined },
  ...{ user: 'ann', tls: 'TLSv1.3', sni: undefined, offered: undefined, alert: undefined, http: undefined },
  ...{ reason: undefined, explanation: undefined },
};

const PROOF = { method: 'pap', name: 'ann', password: 'secret' } as const;
const END = { reason: 'disconnected', bytesIn: 1, bytesOut: 2 };

const HONEST: readonly ToSupervisor[] = [
  { kind: 'ready', listening: [{ address: '::', family: 'IPv6', port: 443 }] },
  { kind: 'failed', message: 'no device' },
  { kind: 'ticket-opened', ticket: 1, address: '192.0.2.7' },
  { kind: 'ticket-authenticated', ticket: 1 },
  { kind: 'ticket-closed', ticket: 1 },
  { kind: 'opened', session: '01020304', peerAddress: 'fe80::1%eth0' },
  { kind: 'verify', session: '01020304', proof: PROOF },
  { kind: 'lease', session: '01020304' },
  { kind: 'choose', session: '01020304', wish: 0x0a090005 },
  { kind: 'release', session: '01020304' },
  { kind: 'up', session: '01020304' },
  { kind: 'closed', session: '01020304', end: END },
  { kind: 'portal-left', question: 1 },
  { kind: 'portal-asked', question: 1, text: { kind: 'look', session: 'a'.repeat(43) } },
  {
    kind: 'portal-asked',
    question: 1,
    text: { kind: 'sign-in', address: '192.0.2.7', name: 'ann', password: 'secret' },
  },
  { kind: 'tls-set' },
  { kind: 'alive' },
  { kind: 'report', report: makeReport() },
  { kind: 'attempt', attempt: ATTEMPT },
  { kind: 'listed', request: 1, sessions: [SESSION] },
];

test('what workers say is taken', () => {
  for (const message of HONEST) assert.equal(isWellFormed(message), true, message.kind);
});

test('a field that is not there, or something else, makes a message none', () => {
  for (const message of HONEST) {
    for (const field of Object.keys(message)) {
      for (const value of [undefined, null, 5.5, ['x'], { toString: 1 }]) {
        assert.equal(isWellFormed({ ...message, [field]: value }), false, `${message.kind}.${field}`);
      }
    }
  }
  for (const message of [undefined, null, 'alive', [], {}, { kind: 'nonsense' }, { kind: 'constructor' }]) {
    assert.equal(isWellFormed(message), false);
  }
});

test('a proof of a method that is not judged would be no proof of anything', () => {
  const proof = { method: 'made-up', name: 'ann', kind: 'accept' };
  assert.equal(isWellFormed({ kind: 'verify', session: '01020304', proof }), false);
});

test('an attempt that the list of attempts could not keep, and an end that hooks could not be told of', () => {
  const bad = [
    { peer: 5 },
    { id: {} },
    { user: 7 },
    { state: 'made-up' },
    { stages: [{ stage: 'tls', ms: Number.NaN }] },
    { stages: [null] },
    { http: 'x'.repeat(70_000) },
  ];
  for (const part of bad) assert.equal(isWellFormed({ kind: 'attempt', attempt: { ...ATTEMPT, ...part } }), false);
  for (const part of [{ reason: 7 }, { bytesIn: -1 }, { bytesOut: '5' }]) {
    assert.equal(isWellFormed({ kind: 'closed', session: '01020304', end: { ...END, ...part } }), false);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthenticatorEvent } from '../../../ppp/auth/authenticator.ts';
import { PapAuthenticator } from '../../../ppp/auth/pap-authenticator.ts';
import { constantRandom, hex } from '../support.ts';

const OPTIONS = {
  identifier: 7,
  ...{ timeoutMs: 60_000, firstRestartMs: 1000, restartMs: 3000, retries: 3 },
  ...{ serverName: 'sstpd', random: constantRandom(1) },
};
const REQUEST: AuthenticatorEvent = { kind: 'packet', payload: hex('01 05 0010 05 616c696365 05 68 6f727365') };
const ACCEPT: AuthenticatorEvent = {
  kind: 'verdict',
  verdict: { kind: 'accept', name: 'alice', authenticatorResponse: undefined, innerAuth: { kind: 'no-keys' } },
};
const REJECT: AuthenticatorEvent = {
  kind: 'verdict',
  verdict: { kind: 'reject', errorCode: 691, retryAllowed: true, message: 'No' },
};

type Start = 'Idle' | 'Waiting' | 'Verifying' | 'Accepted' | 'Rejected';
const WAYS: Readonly<Record<Start, readonly AuthenticatorEvent[]>> = {
  Idle: [],
  Waiting: [{ kind: 'start' }],
  Verifying: [{ kind: 'start' }, REQUEST],
  Accepted: [{ kind: 'start' }, REQUEST, ACCEPT],
  Rejected: [{ kind: 'start' }, REQUEST, REJECT],
};
const TABLE: Readonly<Record<Start, Readonly<Record<string, string>>>> = {
  Idle: {},
  Waiting: { request: 'verify', timeout: 'timed-out' },
  Verifying: { accept: 'send success', reject: 'send failure', timeout: 'timed-out' },
  Accepted: { request: 'send' },
  Rejected: { request: 'send' },
};
const EVENTS: Readonly<Record<string, AuthenticatorEvent>> = {
  start: { kind: 'start' },
  request: REQUEST,
  'an answer': { kind: 'packet', payload: hex('02 05 0005 00') },
  rubbish: { kind: 'packet', payload: hex('01 05 0010 05') },
  accept: ACCEPT,
  reject: REJECT,
  timeout: { kind: 'timeout' },
};

function inState(state: Start): PapAuthenticator {
  const machine = new PapAuthenticator(OPTIONS);
  for (const event of WAYS[state]) machine.handle(event, 0);
  return machine;
}

for (const [state, answers] of Object.entries(TABLE)) {
  for (const [name, event] of Object.entries(EVENTS)) {
    test(`${name} in ${state}: ${answers[name] ?? 'nothing'}`, () => {
      const machine = inState(state as Start);
      assert.equal(machine.deadline, state === 'Waiting' || state === 'Verifying' ? 60_000 : undefined);
      const actions = machine.handle(event, name === 'timeout' ? 60_000 : 1);
      assert.equal(actions.map((action) => action.kind).join(' '), answers[name] ?? '');
    });
  }
}

test("a request becomes a proof, the verdict an Ack of 4 bytes with the request's Identifier (RFC 1334 §2.2)", () => {
  const machine = inState('Waiting');
  const proof = { method: 'pap', name: 'alice', password: 'horse' };
  assert.deepEqual(machine.handle(REQUEST, 1), [{ kind: 'verify', proof }]);
  assert.deepEqual(machine.handle(ACCEPT, 1), [
    { kind: 'send', payload: hex('02 05 0004') },
    { kind: 'success', name: 'alice', innerAuth: { kind: 'no-keys' } },
  ]);
});

test('one refusal, of 4 bytes, is final, and a further request gets the same code (RFC 1334 §2.2.1)', () => {
  const machine = inState('Verifying');
  assert.deepEqual(machine.handle(REJECT, 1), [
    { kind: 'send', payload: hex('03 05 0004') },
    { kind: 'failure', name: 'alice', errorCode: 691, isFinal: true },
  ]);
  const again = { kind: 'packet', payload: hex('01 06 0006 00 00') } as const;
  assert.deepEqual(machine.handle(again, 1), [{ kind: 'send', payload: hex('03 06 0004') }]);
});

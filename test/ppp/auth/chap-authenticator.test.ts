import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthenticatorAction, AuthenticatorEvent } from '../../../ppp/auth/authenticator.ts';
import { ChapAuthenticator } from '../../../ppp/auth/chap-authenticator.ts';
import { constantRandom, hex } from '../support.ts';

const OPTIONS = {
  identifier: 7,
  timeoutMs: 60_000,
  firstRestartMs: 1000,
  restartMs: 3000,
  retries: 3,
  serverName: 'sstpd',
  random: constantRandom(0xc1),
} as const;

const CHALLENGE = `01 07 001a 10 ${'c1'.repeat(16)} 7373747064`;
const VALUE = `31 ${'22'.repeat(16)} ${'00'.repeat(8)} ${'33'.repeat(24)} 00`;
const response = (id: string, value = VALUE): AuthenticatorEvent => {
  const body = hex(`02 ${id} 0000 ${value} 616c696365`);
  body.writeUInt16BE(body.length, 2);
  return { kind: 'packet', payload: body };
};
const S = 'S=407A5589115FD0D6209F510FE9C04566932CDA56';
const KEYS = { kind: 'keys', hlaks: [Buffer.alloc(32, 1)] } as const;
const ACCEPT: AuthenticatorEvent = {
  kind: 'verdict',
  verdict: { kind: 'accept', name: 'alice', authenticatorResponse: S, innerAuth: KEYS },
};
const reject = (errorCode = 691, retryAllowed = true): AuthenticatorEvent => ({
  kind: 'verdict',
  verdict: { kind: 'reject', errorCode, retryAllowed, message: 'No' },
});

function text(action: AuthenticatorAction | undefined): string {
  assert.ok(action?.kind === 'send');
  return `${action.payload.toString('hex', 0, 2)} ${action.payload.toString('latin1', 4)}`;
}

const SUCCESS = `0307 ${S} M=Access granted`;
const failure = (id: string, code: number, retry: 0 | 1) =>
  `04${id} E=${code} R=${retry} C=${'C1'.repeat(16)} V=3 M=No`;

type Start = 'Idle' | 'Challenged' | 'Verifying' | 'AwaitingRetry' | 'Accepted' | 'Rejected' | 'TimedOut';
const WAYS: Readonly<Record<Start, readonly AuthenticatorEvent[]>> = {
  Idle: [],
  Challenged: [{ kind: 'start' }],
  Verifying: [{ kind: 'start' }, response('07')],
  AwaitingRetry: [{ kind: 'start' }, response('07'), reject()],
  Accepted: [{ kind: 'start' }, response('07'), ACCEPT],
  Rejected: [{ kind: 'start' }, response('07'), reject(647, false)],
  TimedOut: [{ kind: 'start' }],
};

function inState(state: Start): ChapAuthenticator {
  const machine = new ChapAuthenticator('mschapv2', OPTIONS);
  for (const event of WAYS[state]) machine.handle(event, 0);
  if (state === 'TimedOut') machine.handle({ kind: 'timeout' }, 60_000);
  return machine;
}

/** Every state against every event: what comes out, by kind. Empty: silently discarded. */
const TABLE: Readonly<Record<Start, Readonly<Record<string, string>>>> = {
  Idle: { start: 'send' },
  Challenged: { 'response 7': 'verify', timeout: 'send' },
  Verifying: { accept: 'send success', reject: 'send failure' },
  AwaitingRetry: { 'response 7': 'send', 'response 8': 'verify' },
  Accepted: { 'response 7': 'send' },
  Rejected: { 'response 7': 'send' },
  TimedOut: {},
};

const EVENTS: Readonly<Record<string, AuthenticatorEvent>> = {
  start: { kind: 'start' },
  'response 7': response('07'),
  'response 8': response('08'),
  'response of 48 bytes': response('07', `30 ${'22'.repeat(48)}`),
  'our own challenge': { kind: 'packet', payload: hex(CHALLENGE) },
  rubbish: { kind: 'packet', payload: hex('02 07 00') },
  accept: ACCEPT,
  reject: reject(),
  timeout: { kind: 'timeout' },
};

for (const [state, answers] of Object.entries(TABLE)) {
  for (const [name, event] of Object.entries(EVENTS)) {
    if (name === 'response of 48 bytes' && ['AwaitingRetry', 'Accepted', 'Rejected'].includes(state)) continue;
    test(`${name} in ${state}: ${answers[name] ?? 'nothing'}`, () => {
      const machine = inState(state as Start);
      const at = name === 'timeout' && state === 'Challenged' ? 3000 : 10;
      const kinds = machine.handle(event, at).map((action) => action.kind);
      assert.equal(kinds.join(' '), answers[name] ?? '');
      assert.ok(machine.deadline === undefined || machine.deadline > at);
    });
  }
}

test('the same Challenge after 1 s and then every 3 s until a Response comes, the end after 60 s (RFC 1994 §4.1)', () => {
  const machine = new ChapAuthenticator('mschapv2', OPTIONS);
  const sends = [machine.handle({ kind: 'start' }, 0)];
  for (let at = 1000; at < 60_000; at += 3000) {
    assert.equal(machine.deadline, at);
    assert.deepEqual(machine.handle({ kind: 'timeout' }, at - 1), []);
    sends.push(machine.handle({ kind: 'timeout' }, at));
  }
  assert.equal(sends.length, 21);
  for (const actions of sends) assert.deepEqual(actions, [{ kind: 'send', payload: hex(CHALLENGE) }]);
  assert.deepEqual(machine.handle({ kind: 'timeout' }, 60_000), [{ kind: 'timed-out' }]);
  assert.equal(machine.deadline, undefined);
});

test('a slow verdict stops the Challenges, not the clock', () => {
  const machine = inState('Verifying');
  assert.equal(machine.deadline, 60_000);
  assert.deepEqual(machine.handle({ kind: 'timeout' }, 60_000), [{ kind: 'timed-out' }]);
  assert.deepEqual(machine.handle(ACCEPT, 60_001), []);
});

test('a Response becomes a proof with our challenge', () => {
  const machine = inState('Challenged');
  assert.deepEqual(machine.handle(response('07'), 1), [
    {
      kind: 'verify',
      proof: {
        method: 'mschapv2',
        name: 'alice',
        authenticatorChallenge: hex('c1'.repeat(16)),
        peerChallenge: hex('22'.repeat(16)),
        ntResponse: hex('33'.repeat(24)),
      },
    },
  ]);
});

test('Success carries S=, and a repeated Response gets the same answer (RFC 1994 §4.2, RFC 2759 §5)', () => {
  const machine = inState('Verifying');
  const [sent, success] = machine.handle(ACCEPT, 1);
  assert.equal(text(sent), SUCCESS);
  assert.deepEqual(success, { kind: 'success', name: 'alice', innerAuth: KEYS });
  assert.deepEqual(machine.handle(response('07'), 2), [sent]);
  assert.deepEqual(machine.handle(response('07', `31 ${'ff'.repeat(49)}`), 2), [sent]);
  assert.equal(machine.deadline, undefined);
});

test('three retries in place, each with the next Identifier; the fourth failure is final (RFC 2759 §6)', () => {
  const machine = inState('Challenged');
  for (const [id, retry] of [
    ['07', 1],
    ['08', 1],
    ['09', 1],
    ['0a', 0],
  ] as const) {
    assert.equal(machine.handle(response(id), 1)[0]?.kind, 'verify');
    const [sent, failed] = machine.handle(reject(), 1);
    assert.equal(text(sent), failure(id, 691, retry));
    assert.deepEqual(failed, { kind: 'failure', name: 'alice', errorCode: 691, isFinal: retry === 0 });
    assert.deepEqual(machine.handle(response(id), 1), [sent]);
  }
  assert.deepEqual(machine.handle(response('0b'), 1), []);
  assert.equal(machine.deadline, undefined);
});

test('while a person types no Challenge is repeated (RFC 2759 §6)', () => {
  assert.equal(inState('AwaitingRetry').deadline, 60_000);
});

test('each retry has a new challenge', () => {
  let byte = 0;
  const random = (length: number) => {
    byte += 1;
    return Buffer.alloc(length, byte);
  };
  const machine = new ChapAuthenticator('mschapv2', { ...OPTIONS, random });
  machine.handle({ kind: 'start' }, 0);
  machine.handle(response('07'), 0);
  assert.match(text(machine.handle(reject(), 0)[0]), new RegExp(`C=${'02'.repeat(16)} `));
  const [verify] = machine.handle(response('08'), 0);
  assert.ok(verify?.kind === 'verify' && verify.proof.method === 'mschapv2');
  assert.deepEqual(verify.proof.authenticatorChallenge, Buffer.alloc(16, 2));
});

test('a verdict without retry is final at once, with its code', () => {
  const [sent, failed] = inState('Verifying').handle(reject(647, false), 1);
  assert.equal(text(sent), failure('07', 647, 0));
  assert.deepEqual(failed, { kind: 'failure', name: 'alice', errorCode: 647, isFinal: true });
});

test('an accepting verdict without S= is a mistake of the caller', () => {
  const verdict = { kind: 'accept', name: 'alice', authenticatorResponse: undefined, innerAuth: KEYS } as const;
  assert.throws(() => inState('Verifying').handle({ kind: 'verdict', verdict }, 1), TypeError);
});

test('CHAP-MD5: a Response of 16 bytes, plain texts, no retry (RFC 1994 §4)', () => {
  const machine = new ChapAuthenticator('chap', { ...OPTIONS, identifier: 255 });
  machine.handle({ kind: 'start' }, 0);
  assert.deepEqual(machine.handle(response('ff'), 1), []);
  assert.deepEqual(machine.handle(response('ff', `10 ${'44'.repeat(16)}`), 1), [
    {
      kind: 'verify',
      proof: {
        method: 'chap',
        name: 'alice',
        identifier: 255,
        challenge: hex('c1'.repeat(16)),
        response: hex('44'.repeat(16)),
      },
    },
  ]);
  const [sent, failed] = machine.handle(reject(), 1);
  assert.equal(text(sent), '04ff No');
  assert.deepEqual(failed, { kind: 'failure', name: 'alice', errorCode: 691, isFinal: true });
});

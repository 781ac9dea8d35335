import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChapPeer } from '../../../ppp/auth/chap-peer.ts';
import type { AuthPeerEvent } from '../../../ppp/auth/peer.ts';
import { constantRandom, hex } from '../support.ts';

const OPTIONS = {
  identifier: 5,
  credentials: { name: 'alice', password: 'secret' },
  timeoutMs: 60_000,
  restartMs: 3000,
  random: constantRandom(0x22),
};
const packet = (wire: string): AuthPeerEvent => ({ kind: 'packet', payload: hex(wire) });
const CHALLENGE = packet(`01 07 001a 10 ${'c1'.repeat(16)} 7373747064`);
const S = 'S=407A5589115FD0D6209F510FE9C04566932CDA56';
const ANSWER = {
  kind: 'mschapv2-answer',
  ntResponse: Buffer.alloc(24, 0x33),
  expectedAuthenticatorResponse: S,
  hlak: Buffer.alloc(32, 1),
} as const;
const message = (code: string, id: string, text: string): AuthPeerEvent => {
  const bytes = Buffer.concat([hex(`${code} ${id} 0000`), Buffer.from(text)]);
  bytes.writeUInt16BE(bytes.length, 2);
  return { kind: 'packet', payload: bytes };
};
const RESPONSE = hex(`02 07 003b 31 ${'22'.repeat(16)} ${'00'.repeat(8)} ${'33'.repeat(24)} 00 616c696365`);

type Start = 'Idle' | 'AwaitingChallenge' | 'Computing' | 'Responded' | 'Succeeded' | 'Failed';
const WAYS: Readonly<Record<Start, readonly AuthPeerEvent[]>> = {
  Idle: [],
  AwaitingChallenge: [{ kind: 'start' }],
  Computing: [{ kind: 'start' }, CHALLENGE],
  Responded: [{ kind: 'start' }, CHALLENGE, ANSWER],
  Succeeded: [{ kind: 'start' }, CHALLENGE, ANSWER, message('03', '07', `${S} M=hi`)],
  Failed: [{ kind: 'start' }, CHALLENGE, ANSWER, message('04', '07', 'E=691 R=0')],
};
const TABLE: Readonly<Record<Start, Readonly<Record<string, string>>>> = {
  Idle: {},
  AwaitingChallenge: { challenge: 'answer-mschapv2', 'other challenge': 'answer-mschapv2', end: 'timed-out' },
  Computing: { answer: 'send', 'other challenge': 'answer-mschapv2', end: 'timed-out' },
  Responded: {
    challenge: 'send',
    'other challenge': 'answer-mschapv2',
    success: 'success',
    'wrong success': 'not-authentic',
    failure: 'failure',
    restart: 'send',
    end: 'timed-out',
  },
  Succeeded: {
    challenge: 'send',
    'other challenge': 'answer-mschapv2',
    'wrong success': 'not-authentic',
    failure: 'failure',
  },
  Failed: {},
};
const EVENTS: Readonly<Record<string, AuthPeerEvent>> = {
  start: { kind: 'start' },
  challenge: CHALLENGE,
  'other challenge': packet(`01 08 0015 10 ${'c2'.repeat(16)}`),
  'challenge of 8 bytes': packet(`01 08 000d 08 ${'c2'.repeat(8)}`),
  answer: ANSWER,
  success: message('03', '07', `${S} M=Access granted`),
  'success of another Identifier': message('03', '08', `${S} M=Access granted`),
  'wrong success': message('03', '07', `${S.slice(0, -1)}7 M=Access granted`),
  failure: message('04', '07', 'E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=No'),
  'failure of another Identifier': message('04', '08', 'E=691 R=0'),
  'a response': { kind: 'packet', payload: RESPONSE },
  rubbish: packet('01 07 00'),
  restart: { kind: 'timeout' },
  end: { kind: 'timeout' },
};

function inState(state: Start): ChapPeer {
  const machine = new ChapPeer('mschapv2', OPTIONS);
  for (const event of WAYS[state]) machine.handle(event, 0);
  return machine;
}

for (const [state, answers] of Object.entries(TABLE)) {
  for (const [name, event] of Object.entries(EVENTS)) {
    test(`${name} in ${state}: ${answers[name] ?? 'nothing'}`, () => {
      const machine = inState(state as Start);
      const at = name === 'restart' ? 3000 : name === 'end' ? 60_000 : 1;
      const actions = machine.handle(event, at);
      assert.equal(actions.map((action) => action.kind).join(' '), answers[name] ?? '');
      assert.ok(machine.deadline === undefined || machine.deadline > at);
    });
  }
}

test('MS-CHAPv2: the arithmetic is asked for, the Response written (RFC 2759 §4)', () => {
  const machine = inState('AwaitingChallenge');
  const authenticatorChallenge = hex('c1'.repeat(16));
  const peerChallenge = hex('22'.repeat(16));
  assert.deepEqual(machine.handle(CHALLENGE, 1), [
    { kind: 'answer-mschapv2', name: 'alice', authenticatorChallenge, peerChallenge },
  ]);
  assert.deepEqual(machine.handle(ANSWER, 1), [{ kind: 'send', payload: RESPONSE }]);
  const innerAuth = { kind: 'keys', hlaks: [ANSWER.hlak] };
  assert.deepEqual(machine.handle(message('03', '07', S), 1), [{ kind: 'success', innerAuth }]);
  assert.equal(machine.deadline, undefined);
});

test('the Response is repeated unchanged, for the server remembers its S= (RFC 1994 §4.2)', () => {
  const machine = inState('Responded');
  assert.deepEqual(machine.handle({ kind: 'timeout' }, 3000), [{ kind: 'send', payload: RESPONSE }]);
  assert.deepEqual(machine.handle(CHALLENGE, 3001), [{ kind: 'send', payload: RESPONSE }]);
  assert.equal(machine.deadline, 6001);
});

test('a Success that proves nothing ends it, whatever is wrong (RFC 2759 §5)', () => {
  for (const text of ['', 'welcome', 'S=00', `s=${S.slice(2)}`, `S=${'0'.repeat(40)}`, `${S}0`]) {
    assert.deepEqual(inState('Responded').handle(message('03', '07', text), 1), [{ kind: 'not-authentic' }], text);
  }
});

test('a failure tells code and text', () => {
  const failure = message('04', '07', 'E=648 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=Expired');
  assert.deepEqual(inState('Responded').handle(failure, 1), [{ kind: 'failure', errorCode: 648, message: 'Expired' }]);
});

test('a later check has its own 60 s and no second success', () => {
  const machine = inState('Succeeded');
  machine.handle(packet(`01 08 0015 10 ${'c2'.repeat(16)}`), 100_000);
  assert.equal(machine.deadline, 160_000);
  machine.handle(ANSWER, 100_000);
  assert.deepEqual(machine.handle(message('03', '08', S), 100_001), []);
  assert.equal(machine.deadline, undefined);
});

// MD5(07 "secret" c1 x 16), made with the md5sum of coreutils.
test('CHAP-MD5: MD5 over Identifier, secret and challenge (RFC 1994 §4.1)', () => {
  const machine = new ChapPeer('chap', OPTIONS);
  machine.handle({ kind: 'start' }, 0);
  assert.deepEqual(machine.handle(CHALLENGE, 1), [
    { kind: 'send', payload: hex('02 07 001a 10 6891a652a9a9490d47df417fa1ddb25a 616c696365') },
  ]);
  assert.deepEqual(machine.handle(message('03', '07', 'hello'), 1), [
    { kind: 'success', innerAuth: { kind: 'no-keys' } },
  ]);
});

test("CHAP-MD5: a Failure is 691 with the server's text", () => {
  const machine = new ChapPeer('chap', OPTIONS);
  machine.handle({ kind: 'start' }, 0);
  machine.handle(CHALLENGE, 1);
  const expected = [{ kind: 'failure', errorCode: 691, message: 'E=647 no' }];
  assert.deepEqual(machine.handle(message('04', '07', 'E=647 no'), 1), expected);
});

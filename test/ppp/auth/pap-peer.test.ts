import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PapPeer } from '../../../ppp/auth/pap-peer.ts';
import type { AuthPeerEvent } from '../../../ppp/auth/peer.ts';
import { constantRandom, hex } from '../support.ts';

const OPTIONS = {
  identifier: 5,
  credentials: { name: 'alice', password: 'horse' },
  timeoutMs: 60_000,
  restartMs: 3000,
  random: constantRandom(1),
};
const REQUEST = hex('01 05 0010 05 616c696365 05 68 6f727365');
const packet = (wire: string): AuthPeerEvent => ({ kind: 'packet', payload: hex(wire) });

type Start = 'Idle' | 'Asking' | 'Done';
const TABLE: Readonly<Record<Start, Readonly<Record<string, string>>>> = {
  Idle: { start: 'send' },
  Asking: {
    ...{ ack: 'success', 'ack without Msg-Length': 'success', 'ack with a Msg-Length beyond its end': 'success' },
    ...{ nak: 'failure', 'nak without Msg-Length': 'failure', restart: 'send', end: 'timed-out' },
  },
  Done: {},
};
const EVENTS: Readonly<Record<string, AuthPeerEvent>> = {
  start: { kind: 'start' },
  ack: packet('02 05 0005 00'),
  'ack without Msg-Length': packet('02 05 0004'),
  'ack with a Msg-Length beyond its end': packet('02 05 0006 09 4f'),
  nak: packet('03 05 0007 02 4e6f'),
  'nak without Msg-Length': packet('03 05 0004'),
  'ack of another Identifier': packet('02 06 0005 00'),
  'nak of another Identifier': packet('03 06 0005 00'),
  'a request': { kind: 'packet', payload: REQUEST },
  rubbish: packet('02'),
  'an MS-CHAPv2 answer': {
    kind: 'mschapv2-answer',
    ntResponse: Buffer.alloc(24),
    expectedAuthenticatorResponse: '',
    hlak: Buffer.alloc(32),
  },
  restart: { kind: 'timeout' },
  end: { kind: 'timeout' },
};

for (const [state, answers] of Object.entries(TABLE)) {
  for (const [name, event] of Object.entries(EVENTS)) {
    test(`${name} in ${state}: ${answers[name] ?? 'nothing'}`, () => {
      const machine = new PapPeer(OPTIONS);
      if (state !== 'Idle') machine.handle({ kind: 'start' }, 0);
      if (state === 'Done') machine.handle(packet('02 05 0005 00'), 0);
      const at = name === 'restart' ? 3000 : name === 'end' ? 60_000 : 1;
      const actions = machine.handle(event, at);
      assert.equal(actions.map((action) => action.kind).join(' '), answers[name] ?? '');
      assert.ok(machine.deadline === undefined || machine.deadline > at);
    });
  }
}

test('the same request every 3 s until it is answered (RFC 1334 §2.2.1)', () => {
  const machine = new PapPeer(OPTIONS);
  assert.deepEqual(machine.handle({ kind: 'start' }, 0), [{ kind: 'send', payload: REQUEST }]);
  assert.deepEqual(machine.handle({ kind: 'timeout' }, 2999), []);
  assert.deepEqual(machine.handle({ kind: 'timeout' }, 3000), [{ kind: 'send', payload: REQUEST }]);
  assert.deepEqual(machine.handle(packet('03 05 0007 02 4e6f'), 3001), [
    { kind: 'failure', errorCode: 691, message: 'No' },
  ]);
  assert.equal(machine.deadline, undefined);
});

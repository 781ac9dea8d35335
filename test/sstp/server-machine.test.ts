import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SstpServerMachine, type SstpServerState } from '../../sstp/index.ts';
import { EVENTS, type Table, testTable } from './machine-table.ts';
import { EXAMPLE_SHA1, EXAMPLE_SHA256, hex, OPTIONS, received, shown } from './support.ts';

const STATES: readonly (readonly [string, SstpServerState, number | undefined])[] = [
  ['D', 'ServerCallDisconnected', undefined],
  ['R', 'ServerConnectRequestPending', 60_000],
  ['P', 'ServerCallConnectedPending', 60_000],
  ['C', 'ServerCallConnected', 60_000],
  ['AP', 'CallAbortPending', 3_000],
  ['AT', 'CallAbortTimeoutPending', 1_000],
  ['DP', 'CallDisconnectAckPending', 5_000],
  ['DT', 'CallDisconnectTimeoutPending', 1_000],
  ['X', 'Closed', undefined],
];

const UNSTARTED = 'close:aborted/X';
/** Status 5, the message is not acceptable in this state, before and behind ppp-up. */
const WRONG = '+CallAbort(2:5)/AP';
const WRONG_PPP = '+CallAbort(2:5) ppp-down/AP';
const ABORTED = '<CallAbort +CallAbort(0:0)/AT';
const ABORTED_PPP = '<CallAbort +CallAbort(0:0) ppp-down/AT';
const ENDED = '<CallDisconnect +CallDisconnectAck/DT';
const ENDED_PPP = '<CallDisconnect +CallDisconnectAck ppp-down/DT';

// MS-SSTP 3.1.5.1 and 3.3.4 to 3.3.7, event by event. The rows of one message are one section of 3.3.5.2.
// biome-ignore format: a table
const TABLE: Table = {
  //                     D                     R                              P                                C                              AP                 AT   DP                               DT   X
  httpAccepted:         ['-/R',                '-',                           '-',                             '-',                           '-',               '-', '-',                             '-', '-'],
  callConnectRequest:   [UNSTARTED,            '+CallConnectAck ppp-up/P',    WRONG_PPP,                       WRONG_PPP,                     '-',               '-', '-',                             '-', '-'],
  otherProtocolRequest: [UNSTARTED,            '+CallConnectNak(1:4)/R',      WRONG_PPP,                       WRONG_PPP,                     '-',               '-', '-',                             '-', '-'],
  badRequest:           [UNSTARTED,            '+CallConnectNak(1:10)/R',     '+CallAbort(2:9) ppp-down/AP',   '+CallAbort(2:9) ppp-down/AP', '-',               '-', '-',                             '-', '-'],
  callConnectAck:       [UNSTARTED,            WRONG,                         WRONG_PPP,                       WRONG_PPP,                     '-',               '-', '-',                             '-', '-'],
  callConnectNak:       [UNSTARTED,            WRONG,                         WRONG_PPP,                       WRONG_PPP,                     '-',               '-', '-',                             '-', '-'],
  callConnected:        [UNSTARTED,            WRONG,                         '-',                             WRONG_PPP,                     '-',               '-', '-',                             '-', '-'],
  callAbort:            [UNSTARTED,            ABORTED,                       ABORTED_PPP,                     ABORTED_PPP,                   '<CallAbort/AT',   '-', ABORTED,                         '-', '-'],
  callDisconnect:       [UNSTARTED,            ENDED,                         ENDED_PPP,                       ENDED_PPP,                     '-',               '-', ENDED,                           '-', '-'],
  callDisconnectAck:    [UNSTARTED,            WRONG,                         WRONG_PPP,                       WRONG_PPP,                     '-',               '-', 'close:disconnected/X',          '-', '-'],
  echoRequest:          [UNSTARTED,            WRONG,                         WRONG_PPP,                       '+EchoResponse/C',             '-',               '-', '-',                             '-', '-'],
  echoResponse:         [UNSTARTED,            WRONG,                         WRONG_PPP,                       '-',                           '-',               '-', '-',                             '-', '-'],
  unknownMessage:       [UNSTARTED,            '+CallAbort(2:7)/AP',          '+CallAbort(2:7) ppp-down/AP',   '+CallAbort(2:7) ppp-down/AP', '-',               '-', '-',                             '-', '-'],
  badCallConnected:     [UNSTARTED,            '+CallAbort(2:9)/AP',          '+CallAbort(2:9) ppp-down/AP',   '+CallAbort(2:9) ppp-down/AP', '-',               '-', '-',                             '-', '-'],
  innerAuthKeys:        ['-',                  '-',                           '-',                             '-',                           '-',               '-', '-',                             '-', '-'],
  innerAuthNoKeys:      ['-',                  '-',                           '-',                             '-',                           '-',               '-', '-',                             '-', '-'],
  innerAuthPending:     ['-',                  '-',                           '-',                             '-',                           '-',               '-', '-',                             '-', '-'],
  disconnect:           ['close:disconnected/X', '+CallDisconnect(0:0)/DP',   '+CallDisconnect(0:0) ppp-down/DP', '+CallDisconnect(0:0) ppp-down/DP', '-',       '-', '-',                             '-', '-'],
  abort:                [UNSTARTED,            '+CallAbort(2:7)/AP',          '+CallAbort(2:7) ppp-down/AP',   '+CallAbort(2:7) ppp-down/AP', '-',               '-', '-',                             '-', '-'],
  earlyTimeout:         ['-',                  '-',                           '-',                             '-',                           '-',               '-', '-',                             '-', '-'],
  timeout:              ['-',                  '+CallAbort(2:8)/AP',          '+CallAbort(2:8) ppp-down/AP',   '+EchoRequest/C',              'close:aborted/X', 'close:aborted-by-peer/X', 'close:timed-out/X', 'close:disconnected-by-peer/X', '-'],
};

testTable(STATES, TABLE, (state, now) => new SstpServerMachine(OPTIONS, state, now));

const KEYS = EVENTS.innerAuthKeys;

test('a call is set up: Ack with our nonce and bitmask, PPP, data (MS-SSTP 4.3 and 4.7)', () => {
  const machine = new SstpServerMachine(OPTIONS);
  assert.deepEqual(
    [machine.state, machine.deadline, machine.pppOpen, machine.dataOpen],
    ['ServerCallDisconnected', undefined, false, false],
  );
  assert.deepEqual(machine.handle(EVENTS.httpAccepted, 10), []);
  assert.deepEqual([machine.state, machine.deadline], ['ServerConnectRequestPending', 60_010]);
  assert.deepEqual(machine.handle(EVENTS.callConnectRequest, 20), [
    { kind: 'send', message: { type: 'CallConnectAck', hashProtocols: 3, nonce: EXAMPLE_SHA256.nonce } },
    { kind: 'ppp-up' },
  ]);
  assert.deepEqual([machine.deadline, machine.pppOpen, machine.dataOpen], [60_020, true, false]);
  assert.deepEqual(machine.handle(KEYS, 30), []);
  assert.deepEqual([machine.deadline, machine.dataOpen], [60_020, false]);
  assert.deepEqual(machine.handle(EVENTS.callConnected, 40), [{ kind: 'data-open' }]);
  assert.deepEqual(
    [machine.state, machine.deadline, machine.pppOpen, machine.dataOpen],
    ['ServerCallConnected', 60_040, true, true],
  );
});

test('a Call Connected before the verdict of the authentication waits for it, in a copy (MS-SSTP 3.3.5.2.3)', () => {
  const machine = pending();
  const wire = Buffer.from(EXAMPLE_SHA256.callConnected);
  assert.deepEqual(machine.handle(received(wire), 10), []);
  wire.fill(0);
  assert.equal(machine.dataOpen, false);
  assert.equal(machine.deadline, 60_000, 'the negotiation timer runs on');
  assert.deepEqual(machine.handle(EVENTS.innerAuthPending, 15), []);
  assert.deepEqual(machine.handle(KEYS, 20), [{ kind: 'data-open' }]);
});

test('a Call Connected that waits for a verdict that never comes ends with the negotiation timer (MS-SSTP 3.3.6.1)', () => {
  const machine = pending();
  machine.handle(EVENTS.callConnected, 10);
  assert.equal(shown(machine.handle(EVENTS.timeout, 60_000)), '+CallAbort(2:8) ppp-down');
  assert.equal(shown(machine.handle(KEYS, 60_001)), '-');
  assert.equal(shown(machine.handle(EVENTS.timeout, 63_000)), 'close:negotiation-timeout');
});

test('a second Call Connected is aborted, whether the first waits or was good (MS-SSTP 3.3.5.2.3)', () => {
  const waiting = pending();
  waiting.handle(EVENTS.callConnected, 10);
  assert.equal(shown(waiting.handle(EVENTS.callConnected, 20)), '+CallAbort(2:5) ppp-down');
  assert.equal(shown(waiting.handle(KEYS, 30)), '-', 'the held one is forgotten');

  const connected = pending();
  connected.handle(KEYS, 10);
  connected.handle(EVENTS.callConnected, 20);
  assert.equal(connected.state, 'ServerCallConnected');
  assert.equal(shown(connected.handle(EVENTS.callConnected, 30)), '+CallAbort(2:5) ppp-down');
});

test('both examples connect against a server that offers both hashes (MS-SSTP 4.7)', () => {
  for (const example of [EXAMPLE_SHA1, EXAMPLE_SHA256]) {
    const machine = new SstpServerMachine({ ...OPTIONS, nonce: example.nonce }, 'ServerCallConnectedPending', 0);
    machine.handle({ kind: 'inner-auth', result: { kind: 'keys', hlaks: [example.hlak] } }, 1);
    assert.equal(shown(machine.handle(received(example.callConnected), 2)), 'data-open');
  }
});

test('without keys a MAC made with an HLAK is wrong, and the other way round (MS-SSTP 3.2.5.2.2)', () => {
  const machine = pending();
  machine.handle(EVENTS.innerAuthNoKeys, 1);
  assert.equal(shown(machine.handle(EVENTS.callConnected, 2)), 'binding-failed[compound-mac] +CallAbort(3:4) ppp-down');
});

const BINDING_FAULTS = [
  ['nonce', { nonce: new Uint8Array(32) }],
  ['certificate-hash', { certificateHashes: { sha1: new Uint8Array(20), sha256: new Uint8Array(32) } }],
  ['hash-protocol', { hashProtocols: 1 }],
] as const;

for (const [wrong, changed] of BINDING_FAULTS) {
  test(`a wrong ${wrong} aborts with Crypto Binding, value not supported, and says what the client saw (MS-SSTP 3.3.5.2.3)`, () => {
    const machine = new SstpServerMachine({ ...OPTIONS, ...changed }, 'ServerCallConnectedPending', 0);
    machine.handle(EVENTS.callConnected, 1);
    assert.deepEqual(machine.handle(KEYS, 2), [
      {
        kind: 'binding-failed',
        verdict: { kind: 'invalid', wrong: [wrong], clientCertificateHash: EXAMPLE_SHA256.certificateHash },
        innerAuth: 'keys',
      },
      {
        kind: 'send',
        message: { type: 'CallAbort', statusInfo: { attributeId: 3, status: 4, value: new Uint8Array(0) } },
      },
      { kind: 'ppp-down' },
    ]);
    assert.equal(machine.dataOpen, false);
    assert.equal(shown(machine.handle(EVENTS.timeout, 3_002)), 'close:binding-failed');
  });
}

test('NAK limit: three, whatever is wrong, then abort with RetryCountExceeded (MS-SSTP 3.3.5.2.2, <16>)', () => {
  const machine = new SstpServerMachine(OPTIONS, 'ServerConnectRequestPending', 0);
  assert.equal(shown(machine.handle(EVENTS.badRequest, 1)), '+CallConnectNak(1:10)');
  assert.equal(shown(machine.handle(EVENTS.otherProtocolRequest, 2)), '+CallConnectNak(1:4)');
  assert.equal(shown(machine.handle(EVENTS.badRequest, 3)), '+CallConnectNak(1:10)');
  assert.equal(machine.deadline, 60_000, 'a Nak does not restart the negotiation timer');
  assert.equal(shown(machine.handle(EVENTS.otherProtocolRequest, 4)), '+CallAbort(2:6)');
  assert.equal(shown(machine.handle(EVENTS.callConnectRequest, 5)), '-');
});

test('a good Call Connect Request after two Naks is accepted (MS-SSTP 3.3.5.2.2)', () => {
  const machine = new SstpServerMachine(OPTIONS, 'ServerConnectRequestPending', 0);
  machine.handle(EVENTS.badRequest, 1);
  machine.handle(EVENTS.otherProtocolRequest, 2);
  assert.equal(shown(machine.handle(EVENTS.callConnectRequest, 3)), '+CallConnectAck ppp-up');
});

test('the Nak for another protocol sends the value back (MS-SSTP 2.2.8)', () => {
  const machine = new SstpServerMachine(OPTIONS, 'ServerConnectRequestPending', 0);
  assert.deepEqual(machine.handle(received(hex('1001000e 0001 0001 00010006beef')), 1), [
    {
      kind: 'send',
      message: {
        type: 'CallConnectNak',
        statusInfos: [{ attributeId: 1, status: 4, value: Uint8Array.of(0xbe, 0xef) }],
      },
    },
  ]);
});

test('hello timer: one Echo Request, then close without Call Abort (MS-SSTP 3.1.2.3)', () => {
  const machine = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
  assert.equal(shown(machine.handle(EVENTS.timeout, 59_999)), '-');
  assert.equal(shown(machine.handle(EVENTS.timeout, 60_000)), '+EchoRequest');
  assert.equal(shown(machine.handle(EVENTS.timeout, 119_999)), '-');
  assert.equal(shown(machine.handle(EVENTS.timeout, 120_000)), 'ppp-down close:peer-silent');
});

test('hello timer: any packet restarts it and counts as the answer, data and messages alike (MS-SSTP 3.1.2.3)', () => {
  for (const hear of [
    (machine: SstpServerMachine) => machine.noteReceived(100_000),
    (machine: SstpServerMachine) => void machine.handle(EVENTS.echoResponse, 100_000),
    (machine: SstpServerMachine) => void machine.handle(EVENTS.echoRequest, 100_000),
  ]) {
    const machine = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
    machine.handle(EVENTS.timeout, 60_000);
    hear(machine);
    assert.equal(machine.deadline, 160_000);
    assert.equal(shown(machine.handle(EVENTS.timeout, 120_000)), '-');
    assert.equal(shown(machine.handle(EVENTS.timeout, 160_000)), '+EchoRequest');
  }
});

test('a packet that was waiting when the hello timer ran out counts as received first (MS-SSTP 3.1.2.3)', () => {
  const machine = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
  machine.handle(EVENTS.timeout, 60_000);
  assert.equal(shown(machine.handle(EVENTS.echoRequest, 130_000)), '+EchoResponse');
  assert.equal(shown(machine.handle(EVENTS.unknownMessage, 260_000)), '+CallAbort(2:7) ppp-down');
});

test('noteReceived moves no other timer than the hello timer', () => {
  for (const [, state, deadlineMs] of STATES) {
    if (state === 'ServerCallConnected') continue;
    const machine = new SstpServerMachine(OPTIONS, state, 0);
    machine.noteReceived(500);
    assert.equal(machine.deadline, deadlineMs);
  }
});

test('a timer that ran out comes before the event that finds it so (MS-SSTP 3.3.2.1)', () => {
  const machine = new SstpServerMachine(OPTIONS, 'ServerConnectRequestPending', 0);
  assert.equal(shown(machine.handle(EVENTS.callConnectRequest, 60_000)), '+CallAbort(2:8)');
  assert.equal(machine.deadline, 63_000);
});

test('abort: 3 s for the answer, then 1 s more; else closed after 3 s (MS-SSTP 3.1.2.1)', () => {
  const answered = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
  answered.handle(EVENTS.abort, 100);
  assert.equal(answered.deadline, 3_100);
  assert.equal(shown(answered.handle(EVENTS.callAbort, 200)), '<CallAbort');
  assert.equal(answered.deadline, 1_200);
  assert.equal(shown(answered.handle(EVENTS.timeout, 1_200)), 'close:aborted');

  const silent = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
  silent.handle(EVENTS.abort, 100);
  assert.equal(shown(silent.handle(EVENTS.timeout, 3_100)), 'close:aborted');
});

test('disconnect: 5 s for the Ack, 1 s where the peer disconnects or both do (MS-SSTP 3.1.2.2)', () => {
  const ours = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
  ours.handle(EVENTS.disconnect, 100);
  assert.equal(ours.deadline, 5_100);
  assert.equal(shown(ours.handle(EVENTS.callDisconnectAck, 200)), 'close:disconnected');

  const theirs = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
  theirs.handle(EVENTS.callDisconnect, 100);
  assert.equal(theirs.deadline, 1_100);
  assert.equal(shown(theirs.handle(EVENTS.timeout, 1_100)), 'close:disconnected-by-peer');

  const both = new SstpServerMachine(OPTIONS, 'ServerCallConnected', 0);
  both.handle(EVENTS.disconnect, 100);
  both.handle(EVENTS.callDisconnect, 200);
  assert.equal(both.deadline, 1_200);
  assert.equal(shown(both.handle(EVENTS.timeout, 1_200)), 'close:disconnected');
});

test('a stream of any events at any times: the laws hold in every step', () => {
  const names = fc.array(fc.tuple(fc.constantFrom(...Object.values(EVENTS)), fc.nat(70_000)), { maxLength: 25 });
  fc.assert(
    fc.property(names, (steps) => {
      const machine = new SstpServerMachine(OPTIONS);
      let now = 0;
      let isClosed = false;
      let isPppUp = false;
      for (const [event, wait] of steps) {
        now += wait;
        const actions = machine.handle(event, now);
        assert.ok(!isClosed || actions.length === 0, 'nothing after a close');
        assert.ok(machine.deadline === undefined || machine.deadline > now, 'the deadline is later than now');
        for (const action of actions) {
          assert.ok(!isClosed, 'a close is the last action');
          if (action.kind === 'ppp-up') isPppUp = true;
          if (action.kind === 'ppp-down') {
            assert.ok(isPppUp);
            isPppUp = false;
          }
          if (action.kind === 'close') isClosed = true;
        }
        assert.equal(machine.pppOpen, isPppUp);
      }
    }),
    { numRuns: 300 },
  );
});

test('options of a wrong length or value are our own mistake', () => {
  const sha1 = new Uint8Array(20);
  for (const wrong of [
    { nonce: new Uint8Array(31) },
    { certificateHashes: { sha1, sha256: sha1 } },
    { certificateHashes: { sha1: new Uint8Array(32), sha256: new Uint8Array(32) } },
    { hashProtocols: 0 },
    { hashProtocols: 7 },
    { negotiationMs: 0 },
    { helloMs: Number.NaN },
  ]) {
    assert.throws(() => new SstpServerMachine({ ...OPTIONS, ...wrong }), RangeError);
  }
});

function pending(): SstpServerMachine {
  return new SstpServerMachine(OPTIONS, 'ServerCallConnectedPending', 0);
}

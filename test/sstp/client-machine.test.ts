import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage, SstpClientMachine, type SstpClientOptions, type SstpClientState } from '../../sstp/index.ts';
import { EVENTS, type Table, testTable } from './machine-table.ts';
import { EXAMPLE_CERTIFICATE, EXAMPLE_SHA1, EXAMPLE_SHA256, hex, received, shown } from './support.ts';

const OPTIONS: SstpClientOptions = { certificateHashes: EXAMPLE_CERTIFICATE, negotiationMs: 60_000, helloMs: 60_000 };

const STATES: readonly (readonly [string, SstpClientState, number | undefined])[] = [
  ['D', 'ClientCallDisconnected', undefined],
  ['R', 'ClientConnectRequestSent', 60_000],
  ['A', 'ClientConnectAckReceived', 60_000],
  ['C', 'ClientCallConnected', 60_000],
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

// MS-SSTP 3.1.5.1 and 3.2.4 to 3.2.7, event by event. The rows of one message are one section of 3.2.5.3.
// biome-ignore format: a table
const TABLE: Table = {
  //                     D                          R                          A                                    C                                    AP                 AT   DP                      DT   X
  httpAccepted:         ['+CallConnectRequest/R',   '-',                       '-',                                 '-',                                 '-',               '-', '-',                    '-', '-'],
  callConnectRequest:   [UNSTARTED,                 WRONG,                     WRONG_PPP,                           WRONG_PPP,                           '-',               '-', '-',                    '-', '-'],
  otherProtocolRequest: [UNSTARTED,                 WRONG,                     WRONG_PPP,                           WRONG_PPP,                           '-',               '-', '-',                    '-', '-'],
  badRequest:           [UNSTARTED,                 '+CallAbort(2:9)/AP',      '+CallAbort(2:9) ppp-down/AP',       '+CallAbort(2:9) ppp-down/AP',       '-',               '-', '-',                    '-', '-'],
  callConnectAck:       [UNSTARTED,                 'ppp-up/A',                WRONG_PPP,                           WRONG_PPP,                           '-',               '-', '-',                    '-', '-'],
  callConnectNak:       [UNSTARTED,                 'refused +CallConnectRequest/R', WRONG_PPP,                     WRONG_PPP,                           '-',               '-', '-',                    '-', '-'],
  callConnected:        [UNSTARTED,                 WRONG,                     WRONG_PPP,                           WRONG_PPP,                           '-',               '-', '-',                    '-', '-'],
  callAbort:            [UNSTARTED,                 ABORTED,                   ABORTED_PPP,                         ABORTED_PPP,                         '<CallAbort/AT',   '-', ABORTED,                '-', '-'],
  callDisconnect:       [UNSTARTED,                 ENDED,                     ENDED_PPP,                           ENDED_PPP,                           '-',               '-', ENDED,                  '-', '-'],
  callDisconnectAck:    [UNSTARTED,                 WRONG,                     WRONG_PPP,                           WRONG_PPP,                           '-',               '-', 'close:disconnected/X', '-', '-'],
  echoRequest:          [UNSTARTED,                 WRONG,                     WRONG_PPP,                           '+EchoResponse/C',                   '-',               '-', '-',                    '-', '-'],
  echoResponse:         [UNSTARTED,                 WRONG,                     WRONG_PPP,                           '-',                                 '-',               '-', '-',                    '-', '-'],
  unknownMessage:       [UNSTARTED,                 '+CallAbort(2:7)/AP',      '+CallAbort(2:7) ppp-down/AP',       '+CallAbort(2:7) ppp-down/AP',       '-',               '-', '-',                    '-', '-'],
  badCallConnected:     [UNSTARTED,                 '+CallAbort(2:9)/AP',      '+CallAbort(2:9) ppp-down/AP',       '+CallAbort(2:9) ppp-down/AP',       '-',               '-', '-',                    '-', '-'],
  innerAuthKeys:        ['-',                       '-',                       '+CallConnected data-open/C',        '-',                                 '-',               '-', '-',                    '-', '-'],
  innerAuthNoKeys:      ['-',                       '-',                       '+CallConnected data-open/C',        '-',                                 '-',               '-', '-',                    '-', '-'],
  innerAuthPending:     ['-',                       '-',                       '-',                                 '-',                                 '-',               '-', '-',                    '-', '-'],
  disconnect:           ['close:disconnected/X',    '+CallDisconnect(0:0)/DP', '+CallDisconnect(0:0) ppp-down/DP',  '+CallDisconnect(0:0) ppp-down/DP',  '-',               '-', '-',                    '-', '-'],
  abort:                [UNSTARTED,                 '+CallAbort(2:7)/AP',      '+CallAbort(2:7) ppp-down/AP',       '+CallAbort(2:7) ppp-down/AP',       '-',               '-', '-',                    '-', '-'],
  earlyTimeout:         ['-',                       '-',                       '-',                                 '-',                                 '-',               '-', '-',                    '-', '-'],
  timeout:              ['-',                       '+CallAbort(2:8)/AP',      '+CallAbort(2:8) ppp-down/AP',       '+EchoRequest/C',                    'close:aborted/X', 'close:aborted-by-peer/X', 'close:timed-out/X', 'close:disconnected-by-peer/X', '-'],
};

testTable(STATES, TABLE, (state, now) => {
  // An Ack received is a nonce kept, so this state is reached by the Ack.
  if (state !== 'ClientConnectAckReceived') return new SstpClientMachine(OPTIONS, state, now);
  const machine = new SstpClientMachine(OPTIONS, 'ClientConnectRequestSent', now);
  machine.handle(EVENTS.callConnectAck, now);
  return machine;
});

test('a call is set up: the messages of the examples, byte for byte (MS-SSTP 4.7)', () => {
  for (const example of [EXAMPLE_SHA1, EXAMPLE_SHA256]) {
    const machine = new SstpClientMachine(OPTIONS);
    const sent: string[] = [];
    let now = 0;
    for (const event of [
      EVENTS.httpAccepted,
      received(example.callConnectAck),
      { kind: 'inner-auth', result: { kind: 'keys', hlaks: [example.hlak] } },
    ] as const) {
      for (const action of machine.handle(event, now++)) {
        if (action.kind === 'send') sent.push(encodeMessage(action.message).toString('hex'));
      }
    }
    assert.deepEqual(sent, ['1001000e00010001000100060001', example.callConnected.toString('hex')]);
    assert.ok(machine.dataOpen);
    assert.equal(machine.deadline, 60_002);
  }
});

const HASH_CHOICES = [
  [0x03, undefined, 2],
  [0xff, undefined, 2],
  [0x02, undefined, 2],
  [0x01, undefined, 1],
  [0x03, 0x01, 1],
  [0x03, 0x02, 2],
] as const;

for (const [offered, supported, chosen] of HASH_CHOICES) {
  test(`server offers ${offered}, client has ${supported ?? 'both'}: hash protocol ${chosen} (MS-SSTP 2.2.6, 3.2.5.3.2)`, () => {
    const options = supported === undefined ? OPTIONS : { ...OPTIONS, hashProtocols: supported };
    const machine = new SstpClientMachine(options, 'ClientConnectRequestSent', 0);
    assert.equal(shown(machine.handle(received(ack(offered)), 1)), 'ppp-up');
    const [send] = machine.handle(EVENTS.innerAuthNoKeys, 2);
    assert.ok(send?.kind === 'send' && send.message.type === 'CallConnected');
    assert.equal(send.message.hashProtocol, chosen);
  });
}

test('the Ack starts the negotiation timer anew (MS-SSTP 3.2.5.3.2)', () => {
  const machine = new SstpClientMachine(OPTIONS, 'ClientConnectRequestSent', 0);
  machine.handle(EVENTS.callConnectAck, 50_000);
  assert.equal(machine.deadline, 110_000);
});

test('no hash protocol in common: abort (MS-SSTP 3.2.5.3.2)', () => {
  for (const [offered, supported] of [
    [0x00, 0x03],
    [0xfc, 0x03],
    [0x01, 0x02],
  ] as const) {
    const machine = new SstpClientMachine({ ...OPTIONS, hashProtocols: supported }, 'ClientConnectRequestSent', 0);
    assert.equal(shown(machine.handle(received(ack(offered)), 1)), '+CallAbort(4:4)');
  }
});

test('Nak: the request again three times, each with a new negotiation timer, then abort (MS-SSTP 3.2.5.3.3, <10>)', () => {
  const machine = new SstpClientMachine({ ...OPTIONS, protocolId: 2 });
  assert.deepEqual(machine.handle(EVENTS.httpAccepted, 0), [
    { kind: 'send', message: { type: 'CallConnectRequest', protocolId: 2 } },
  ]);
  for (let now = 1; now <= 3; now++) {
    assert.deepEqual(machine.handle(EVENTS.callConnectNak, now), [
      { kind: 'refused', statusInfos: [{ attributeId: 1, status: 10, value: new Uint8Array(0) }] },
      { kind: 'send', message: { type: 'CallConnectRequest', protocolId: 2 } },
    ]);
    assert.equal(machine.deadline, now + 60_000);
  }
  assert.equal(shown(machine.handle(EVENTS.callConnectNak, 4)), 'refused +CallAbort(2:6)');
});

test('hello timer: one Echo Request, then close without Call Abort; any packet is an answer (MS-SSTP 3.1.2.3)', () => {
  const machine = new SstpClientMachine(OPTIONS, 'ClientCallConnected', 0);
  assert.equal(shown(machine.handle(EVENTS.timeout, 60_000)), '+EchoRequest');
  machine.noteReceived(100_000);
  assert.equal(shown(machine.handle(EVENTS.timeout, 120_000)), '-');
  assert.equal(shown(machine.handle(EVENTS.timeout, 160_000)), '+EchoRequest');
  assert.equal(shown(machine.handle(EVENTS.timeout, 220_000)), 'ppp-down close:peer-silent');
});

test('options of a wrong length or value are our own mistake', () => {
  const sha1 = new Uint8Array(20);
  for (const wrong of [{ certificateHashes: { sha1, sha256: sha1 } }, { negotiationMs: -1 }, { helloMs: 0 }]) {
    assert.throws(() => new SstpClientMachine({ ...OPTIONS, ...wrong }), RangeError);
  }
});

function ack(hashProtocols: number): Buffer {
  const wire = Buffer.concat([hex('10010030 0002 0001 00040028 000000 00'), Buffer.from(EXAMPLE_SHA256.nonce)]);
  wire.writeUInt8(hashProtocols, 15);
  return wire;
}

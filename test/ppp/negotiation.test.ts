import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AUTOMATON_EVENTS,
  AUTOMATON_STATES,
  type AutomatonEvent,
  type AutomatonState,
  transition,
} from '../../ppp/automaton.ts';
import { decodeControlPacket, methodRows } from '../../ppp/index.ts';
import { IpcpServerPolicy } from '../../ppp/ipcp.ts';
import { LcpServerPolicy } from '../../ppp/lcp.ts';
import type { LcpOption } from '../../ppp/lcp-options.ts';
import { Negotiation } from '../../ppp/negotiation.ts';
import type { NegotiationAction, NegotiationEvent, NegotiationOptions } from '../../ppp/negotiation-types.ts';
import { constantRandom, hex, LEASE } from './support.ts';

const OPTIONS: NegotiationOptions = {
  restartMs: 3000,
  maxConfigure: 10,
  maxTerminate: 2,
  maxFailure: 5,
  startDelayMs: 0,
  isLcp: true,
};

function lcp(options: Partial<NegotiationOptions> = {}): Negotiation<LcpOption> {
  const policy = new LcpServerPolicy(1500, methodRows(['mschapv2', 'pap']), constantRandom(0xa5));
  return new Negotiation(policy, { ...OPTIONS, ...options });
}

function packet(wire: string): NegotiationEvent {
  const bytes = hex(wire);
  const decoded = decodeControlPacket(bytes);
  assert.ok(decoded !== undefined);
  return { kind: 'packet', packet: decoded, bytes };
}

/** What went out, as hexadecimal; other actions by name. */
function names(actions: readonly NegotiationAction[]): string[] {
  return actions.map((action) => {
    if (action.kind === 'send') return action.payload.toString('hex');
    return action.kind === 'failed' ? `failed ${action.problem}` : action.kind;
  });
}

const OUR_OPTIONS = '010405dc 0305c22381 0506a5a5a5a5';
const ourRequest = (id: string) => `01${id}0013${OUR_OPTIONS}`.replace(/ /g, '');
const ackOf = (id: string) => packet(`02 ${id} 0013 ${OUR_OPTIONS}`);
const GOOD_REQUEST = packet('01 40 0008 0104 05dc');
const BAD_REQUEST = packet('01 41 0006 0702');

/** Brings a fresh negotiation into each state; ends at an instant when its timer is not due. */
const WAYS: Readonly<Record<AutomatonState, readonly (NegotiationEvent | number)[]>> = {
  Initial: [],
  Starting: [{ kind: 'open' }],
  Closed: [{ kind: 'up' }],
  Stopped: [{ kind: 'open' }, { kind: 'up' }, packet('04 01 0004'), ...Array.from({ length: 10 }, () => 3000)],
  Closing: [{ kind: 'open' }, { kind: 'up' }, { kind: 'close' }],
  Stopping: [{ kind: 'open' }, { kind: 'up' }, ackOf('01'), GOOD_REQUEST, packet('07 46 0008 01010004')],
  'Req-Sent': [{ kind: 'open' }, { kind: 'up' }],
  'Ack-Rcvd': [{ kind: 'open' }, { kind: 'up' }, ackOf('01')],
  'Ack-Sent': [{ kind: 'open' }, { kind: 'up' }, GOOD_REQUEST],
  Opened: [{ kind: 'open' }, { kind: 'up' }, ackOf('01'), GOOD_REQUEST],
};

function inState(state: AutomatonState): { readonly machine: Negotiation<LcpOption>; readonly now: number } {
  const machine = lcp();
  let now = 0;
  for (const step of WAYS[state]) {
    if (typeof step === 'number') {
      now += step;
      machine.handle({ kind: 'timeout' }, now);
    } else {
      machine.handle(step, now);
    }
  }
  assert.equal(machine.state, state);
  return { machine, now };
}

const STIMULI: Readonly<Partial<Record<AutomatonEvent, NegotiationEvent>>> = {
  Up: { kind: 'up' },
  Down: { kind: 'down' },
  Open: { kind: 'open' },
  Close: { kind: 'close' },
  'TO+': { kind: 'timeout' },
  'RCR+': GOOD_REQUEST,
  'RCR-': BAD_REQUEST,
  RCA: ackOf('01'),
  RCN: packet('03 01 0008 0104 0578'),
  RTR: packet('05 42 0006 6279'),
  RTA: packet('06 43 0004'),
  RUC: packet('63 44 0005 ff'),
  'RXJ+': packet('07 45 0008 0c010004'),
  'RXJ-': packet('07 46 0008 01010004'),
  RXR: packet('09 47 0008 3c4a7e11'),
};

/** What an action of the RFC looks like from outside. */
const OUTPUT: Readonly<Record<string, RegExp>> = {
  tlu: /^up$/,
  tld: /^down$/,
  tlf: /^finished$/,
  scr: /^01..0013/,
  sca: /^02400008010405dc$/,
  scn: /^044100060702$/,
  str: /^05..0004$/,
  sta: /^06..0004$/,
  scj: /^07..00096344000[5]ff$/,
  ser: /^answer-echo$/,
};

for (const state of AUTOMATON_STATES) {
  for (const event of AUTOMATON_EVENTS) {
    const stimulus = STIMULI[event];
    if (stimulus === undefined) continue; // TO- has its own tests below
    const answersNothing = (event === 'RCA' || event === 'RCN') && !['Req-Sent', 'Ack-Sent', 'Stopped'].includes(state);
    const what = answersNothing ? 'an answer to nothing is silently discarded (RFC 1661 §5.2)' : 'as the table says';
    test(`${event} in ${state}: ${what}`, () => {
      const { machine, now } = inState(state);
      const at = event === 'TO+' ? (machine.deadline ?? now) : now;
      const out = names(machine.handle(stimulus, at));
      const cell = answersNothing ? undefined : transition(state, event);
      assert.equal(machine.state, cell?.next ?? state);
      const expected = (cell?.actions ?? []).filter((action) => !['irc', 'zrc', 'tls'].includes(action));
      assert.equal(out.length, expected.length, out.join(' '));
      for (const [i, action] of expected.entries()) assert.match(out[i] ?? '', OUTPUT[action] ?? /never/);
      assert.ok(machine.deadline === undefined || machine.deadline > at);
      const isTimed = ['Closing', 'Stopping', 'Req-Sent', 'Ack-Rcvd', 'Ack-Sent'].includes(machine.state);
      assert.equal(machine.deadline !== undefined, isTimed);
    });
  }
}

for (const [restartMs, first] of [
  [3000, 1000],
  [60_000, 1000],
  [1000, 1000],
  [100, 100],
] as const) {
  test(`ten Configure-Requests, all the same, then finished: ${first} ms, then ${restartMs} (RFC 1661 §4.6)`, () => {
    const machine = lcp({ restartMs });
    machine.handle({ kind: 'open' }, 0);
    assert.deepEqual(names(machine.handle({ kind: 'up' }, 0)), [ourRequest('01')]);
    for (let i = 0; i < 9; i++) {
      const at = first + i * restartMs;
      assert.equal(machine.deadline, at);
      assert.deepEqual(machine.handle({ kind: 'timeout' }, at - 1), []);
      assert.deepEqual(names(machine.handle({ kind: 'timeout' }, at)), [ourRequest('01')]);
    }
    assert.deepEqual(names(machine.handle({ kind: 'timeout' }, first + 9 * restartMs)), ['finished']);
    assert.equal(machine.state, 'Stopped');
    assert.equal(machine.deadline, undefined);
  });
}

/** When a request goes out again whose peer has spoken: not while the answer may be under way. */
for (const [known, again] of [
  [undefined, 3000],
  [0, 1000],
  [20, 1000],
  [600, 1200],
  [1499, 2998],
  [1600, 3000],
] as const) {
  test(`a peer that has spoken and takes ${known} ms for an answer is asked again after ${again} ms`, () => {
    const machine = lcp({ roundTripMs: known, startDelayMs: 500 });
    machine.handle({ kind: 'open' }, 0);
    machine.handle({ kind: 'up' }, 0);
    assert.deepEqual(names(machine.handle(GOOD_REQUEST, 100)), [ourRequest('01'), '02400008010405dc']);
    assert.equal(machine.deadline, 100 + again);
    assert.deepEqual(names(machine.handle({ kind: 'timeout' }, 100 + again)), [ourRequest('01')]);
    assert.equal(machine.deadline, 100 + again + 3000);
  });
}

test('the round trip is the longest one, from the first copy of a request on', () => {
  const machine = lcp();
  machine.handle({ kind: 'open' }, 0);
  machine.handle({ kind: 'up' }, 0);
  assert.equal(machine.roundTripMs, undefined);
  machine.handle({ kind: 'timeout' }, 1000);
  machine.handle(packet('03 01 0008 0104 0578'), 1010);
  assert.equal(machine.roundTripMs, 1010);
  assert.equal(machine.deadline, 1010 + 2020);
  machine.handle(packet('02 02 0013 01040578 0305c22381 0506a5a5a5a5'), 1020);
  assert.equal(machine.roundTripMs, 1010);
});

test('two Terminate-Requests, then finished (RFC 1661 §4.6: Max-Terminate)', () => {
  const { machine } = inState('Opened');
  assert.deepEqual(names(machine.handle({ kind: 'close' }, 0)), ['down', '05020004']);
  assert.deepEqual(names(machine.handle({ kind: 'timeout' }, 3000)), ['05030004']);
  assert.deepEqual(names(machine.handle({ kind: 'timeout' }, 6000)), ['finished']);
  assert.equal(machine.state, 'Closed');
});

test("after the peer's Terminate-Request one restart period, then finished (RFC 1661 §4.4: zrc)", () => {
  const { machine } = inState('Opened');
  assert.deepEqual(names(machine.handle(packet('05 09 0004'), 0)), ['down', '06090004']);
  assert.equal(machine.state, 'Stopping');
  assert.equal(machine.deadline, 3000);
  assert.deepEqual(names(machine.handle({ kind: 'timeout' }, 3000)), ['finished']);
  assert.equal(machine.state, 'Stopped');
});

test('an Ack whose Identifier or options are not those of our request is silently discarded (RFC 1661 §5.2)', () => {
  const { machine } = inState('Req-Sent');
  for (const wire of [`02 02 0013 ${OUR_OPTIONS}`, '02 01 0008 010405dc', '02 01 0004']) {
    assert.deepEqual(machine.handle(packet(wire), 1), []);
    assert.equal(machine.state, 'Req-Sent');
  }
});

test('a Reject of what we did not ask for, or of nothing, is silently discarded (RFC 1661 §5.4)', () => {
  const { machine } = inState('Req-Sent');
  for (const wire of [
    '04 01 0006 0702',
    '04 01 0008 0104 05dd',
    '04 01 0004',
    '04 01 0006 0100',
    '04 02 0008 0104 05dc',
  ]) {
    assert.deepEqual(machine.handle(packet(wire), 1), [], wire);
  }
});

test('a rejected option is not asked for again, and the request has a new Identifier (RFC 1661 §5.1)', () => {
  const { machine } = inState('Req-Sent');
  assert.deepEqual(names(machine.handle(packet('04 01 0008 0104 05dc'), 1)), ['0102000f0305c223810506a5a5a5a5']);
});

test('a list of options that does not add up is silently discarded', () => {
  const { machine } = inState('Req-Sent');
  for (const wire of ['01 40 0006 0100', '01 40 0006 0103', '03 01 0005 01']) {
    assert.deepEqual(machine.handle(packet(wire), 1), [], wire);
  }
  assert.equal(machine.state, 'Req-Sent');
});

test('Reject goes before Nak, Nak before Ack (RFC 1661 §5.2 to §5.4)', () => {
  const { machine } = inState('Req-Sent');
  assert.deepEqual(names(machine.handle(packet('01 40 000a 0104 0100 0702'), 1)), ['044000060702']);
  assert.deepEqual(names(machine.handle(packet('01 41 000e 0104 0100 0506 00000001'), 1)), ['03410008010405dc']);
  assert.deepEqual(names(machine.handle(packet('01 42 000a 0506 00000001'), 1)), ['0242000a050600000001']);
});

test('after five Naks the option is rejected (RFC 1661 §4.6: Max-Failure)', () => {
  const { machine } = inState('Req-Sent');
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(names(machine.handle(packet('01 40 0008 0104 0100'), 1)), ['03400008010405dc']);
  }
  assert.deepEqual(names(machine.handle(packet('01 40 0008 0104 0100'), 1)), ['0440000801040100']);
});

test('what is missing is asked for by Nak, and its lack ends in failure after five', () => {
  const machine = new Negotiation(new IpcpServerPolicy(LEASE.ipv4), { ...OPTIONS, isLcp: false });
  machine.handle({ kind: 'open' }, 0);
  machine.handle({ kind: 'up' }, 0);
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(names(machine.handle(packet('01 40 0004'), 1)), ['0340000a03060a090008']);
  }
  assert.deepEqual(names(machine.handle(packet('01 40 0004'), 1)), ['failed not-converging']);
});

test("a peer that refuses for ever is given up, though every refusal starts RFC 1661's counter anew", () => {
  const machine = new Negotiation(new IpcpServerPolicy(LEASE.ipv4), { ...OPTIONS, isLcp: false });
  machine.handle({ kind: 'open' }, 0);
  machine.handle({ kind: 'up' }, 0);
  const outputs: string[] = [];
  for (let id = 1; id < 60 && !outputs.includes('failed not-converging'); id++) {
    const wire = `03 ${id.toString(16).padStart(2, '0')} 000a 0306 0a000001`;
    outputs.push(...names(machine.handle(packet(wire), id)));
  }
  assert.equal(outputs.length, 41);
  assert.equal(outputs.at(-1), 'failed not-converging');
});

test('what a peer refused before it agreed does not count against a later renegotiation', () => {
  const machine = new Negotiation(new IpcpServerPolicy(LEASE.ipv4), { ...OPTIONS, isLcp: false });
  machine.handle({ kind: 'open' }, 0);
  machine.handle({ kind: 'up' }, 0);
  const request = packet('01 40 000a 0306 0a090008');
  const hexId = (id: number) => id.toString(16).padStart(2, '0');
  const outputs: string[] = [];
  for (let id = 1; id <= 62; id++) {
    const isAgreed = id === 31 || id === 62;
    const answer = isAgreed ? `02 ${hexId(id)} 000a 0306 0a090001` : `03 ${hexId(id)} 000a 0306 0a000001`;
    outputs.push(...names(machine.handle(packet(answer), 1)));
    // The first request completes the first agreement, the second reopens the negotiation.
    if (id === 31) outputs.push(...[request, request].flatMap((event) => names(machine.handle(event, 1))));
  }
  assert.deepEqual(
    outputs.filter((name) => /^(up|down|failed)/.test(name)),
    ['up', 'down', 'up'],
  );
});

test('a peer that acks us and never asks itself is given up too', () => {
  const { machine } = inState('Req-Sent');
  const outputs: string[] = [];
  for (let id = 1; id < 100 && !outputs.includes('failed not-converging'); id++) {
    outputs.push(...names(machine.handle(ackOf(id.toString(16).padStart(2, '0')), id * 3000)));
    outputs.push(...names(machine.handle({ kind: 'timeout' }, (id + 1) * 3000)));
  }
  assert.equal(outputs.at(-1), 'failed not-converging');
});

test('a layer that is renegotiated more than 20 times is given up', () => {
  const { machine } = inState('Opened');
  const outputs: string[] = [];
  for (let i = 2; i < 40 && !outputs.includes('failed not-converging'); i++) {
    outputs.push(...names(machine.handle(GOOD_REQUEST, 1)));
    outputs.push(...names(machine.handle(ackOf(i.toString(16).padStart(2, '0')), 1)));
  }
  assert.equal(outputs.filter((name) => name === 'down').length, 21);
  assert.ok(outputs.includes('failed not-converging'));
});

test('our own request coming back from a pty is passed over, and the peer may follow', () => {
  const { machine } = inState('Req-Sent');
  assert.deepEqual(machine.handle(packet(ourRequest('01')), 1), []);
  assert.equal(machine.state, 'Req-Sent');
  assert.deepEqual(names(machine.handle(GOOD_REQUEST, 2)), ['02400008010405dc']);
  assert.deepEqual(names(machine.handle(ackOf('01'), 3)), ['up']);
  assert.deepEqual(machine.handle(packet(ourRequest('01')), 4), []);
  assert.equal(machine.state, 'Opened');
});

test('who hears only itself is in a loop (RFC 1661 §6.4)', () => {
  const { machine } = inState('Req-Sent');
  for (let i = 1; i < 10; i++) {
    machine.handle(packet(ourRequest('01')), i * 3000 - 1);
    machine.handle({ kind: 'timeout' }, i * 3000);
  }
  assert.deepEqual(names(machine.handle({ kind: 'timeout' }, 30_000)), ['failed loopback']);
});

test('our Magic-Number in other requests is answered with a Nak, and is a loop the fifth time (RFC 1661 §6.4)', () => {
  const { machine } = inState('Req-Sent');
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(names(machine.handle(packet('01 40 000a 0506 a5a5a5a5'), 1)), ['0340000a0506a5a5a5a5']);
  }
  assert.ok(names(machine.handle(packet('01 40 000a 0506 a5a5a5a5'), 1)).includes('failed loopback'));
});

test("passive start: our request waits for the peer's first packet, and follows it at once", () => {
  const machine = lcp({ startDelayMs: 500 });
  machine.handle({ kind: 'open' }, 0);
  assert.deepEqual(machine.handle({ kind: 'up' }, 0), []);
  assert.equal(machine.state, 'Starting');
  assert.equal(machine.deadline, 500);
  assert.deepEqual(names(machine.handle(GOOD_REQUEST, 40)), [ourRequest('01'), '02400008010405dc']);
});

test("passive start: after the delay our request goes out, and again with the peer's first one", () => {
  const machine = lcp({ startDelayMs: 500 });
  machine.handle({ kind: 'open' }, 0);
  machine.handle({ kind: 'up' }, 0);
  assert.deepEqual(machine.handle({ kind: 'timeout' }, 499), []);
  assert.deepEqual(names(machine.handle({ kind: 'timeout' }, 500)), [ourRequest('01')]);
  assert.deepEqual(names(machine.handle(GOOD_REQUEST, 900)), [ourRequest('01'), '02400008010405dc']);
  assert.deepEqual(names(machine.handle(GOOD_REQUEST, 901)), ['02400008010405dc']);
});

test('passive start without end: no deadline until the peer begins', () => {
  const machine = lcp({ startDelayMs: Number.POSITIVE_INFINITY });
  machine.handle({ kind: 'open' }, 0);
  machine.handle({ kind: 'up' }, 0);
  assert.equal(machine.deadline, undefined);
  assert.deepEqual(names(machine.handle({ kind: 'close' }, 1)), ['finished']);
  assert.deepEqual(machine.handle(GOOD_REQUEST, 2), []);
});

test('for an NCP the codes from 8 on are unknown (RFC 1661 §5)', () => {
  const machine = new Negotiation(new IpcpServerPolicy(LEASE.ipv4), { ...OPTIONS, isLcp: false });
  machine.handle({ kind: 'open' }, 0);
  machine.handle({ kind: 'up' }, 0);
  assert.deepEqual(names(machine.handle(packet('09 01 0008 00000000'), 1)), ['0702000c0901000800000000']);
  assert.deepEqual(names(machine.handle(packet('08 01 0006 0057'), 1)), ['0703000a080100060057']);
});

test('Identification and Time-Remaining are never answered (RFC 1570 §2)', () => {
  for (const state of AUTOMATON_STATES) {
    const { machine, now } = inState(state);
    for (const wire of ['0c 01 000a 3c4a7e11 4d53', '0d 01 000c 3c4a7e11 0000003c']) {
      assert.deepEqual(machine.handle(packet(wire), now), []);
      assert.equal(machine.state, state);
    }
  }
});

test('a Code-Reject returns no more of the packet than the smallest MRU takes', () => {
  const { machine } = inState('Opened');
  const [sent] = machine.handle(packet(`63 01 0ff0 ${'00'.repeat(0xff0 - 4)}`), 1);
  assert.ok(sent?.kind === 'send');
  assert.equal(sent.payload.length, 574);
});

test('no sequence of packets makes the machine throw or leaves its deadline in the past', () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.constantFrom(hex(OUR_OPTIONS), hex('0702'), hex('010405dc')),
  );
  const step = fc.tuple(fc.nat({ max: 15 }), fc.nat({ max: 4 }), body, fc.nat({ max: 4000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const machine = lcp({ startDelayMs: 500 });
      let now = 0;
      machine.handle({ kind: 'open' }, now);
      machine.handle({ kind: 'up' }, now);
      for (const [code, identifier, data, wait] of steps) {
        now += wait;
        machine.handle({ kind: 'timeout' }, now);
        const bytes = Buffer.from([code, identifier, 0, data.length + 4, ...data]);
        const decoded = decodeControlPacket(bytes);
        if (decoded !== undefined) machine.handle({ kind: 'packet', packet: decoded, bytes }, now);
        assert.ok(machine.deadline === undefined || machine.deadline > now);
      }
    }),
    { numRuns: 200 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  methodRows,
  type PppClientAction,
  type PppClientEvent,
  PppClientLink,
  type PppClientOptions,
} from '../../ppp/index.ts';
import { assertDeadline, CLIENT_OPTIONS, hex, LinkPair } from './support.ts';

const S = 'S=407A5589115FD0D6209F510FE9C04566932CDA56';
const ANSWER = {
  kind: 'mschapv2-answer',
  ntResponse: Buffer.alloc(24, 0x33),
  expectedAuthenticatorResponse: S,
  hlak: Buffer.alloc(32, 1),
} as const;

/** Gives the events in turn; what comes out as hexadecimal frames and names. */
function run(events: readonly (PppClientEvent | string)[], options: Partial<PppClientOptions> = {}) {
  const link = new PppClientLink({ ...CLIENT_OPTIONS, ...options });
  const actions: PppClientAction[] = [];
  for (const event of events) {
    actions.push(...link.handle(typeof event === 'string' ? { kind: 'frame', frame: hex(event) } : event, 0));
    assertDeadline(link, 0);
  }
  return { link, actions, out: actions.map(write) };
}

function write(action: PppClientAction): string {
  if (action.kind === 'send') return action.frame.toString('hex');
  return action.kind === 'down' ? `down ${action.reason}` : action.kind;
}

const text = (code: string, id: string, message: string) => {
  const bytes = Buffer.concat([hex(`ff03 c223 ${code} ${id} 0000`), Buffer.from(message)]);
  bytes.writeUInt16BE(bytes.length - 4, 6);
  return bytes.toString('hex');
};

const UP = { kind: 'up' } as const;
const SERVER_REQUEST = 'ff03 c021 01 09 0013 0104 05dc 0305 c223 81 0506 11223344';
const SERVER_ACK = 'ff03 c021 02 01 000e 0104 05dc 0506 5a5a5a5a';
const CHALLENGE = `ff03 c223 01 07 0019 10 ${'c1'.repeat(16)} 7372762e`;
const LCP = [UP, SERVER_REQUEST, SERVER_ACK] as const;
const AUTH = [...LCP, CHALLENGE, ANSWER, text('03', '07', `${S} M=hi`)] as const;
const IPCP_REQUEST = 'ff03802101010016030600000000810600000000830600000000';
const IPV6CP_REQUEST = 'ff0380570101000e010a585a5a5a5a5a5a5a';

test('LCP starts at once with MRU 1500 and a Magic-Number, and asks for no authentication', () => {
  assert.deepEqual(run([UP]).out, ['ff03c0210101000e010405dc05065a5a5a5a']);
});

test('the whole way: LCP, MS-CHAPv2, IPv6CP and IPCP', () => {
  const { actions, out } = run([
    ...AUTH,
    { kind: 'data-open' },
    'ff03 8057 01 01 000e 010a 0000000000000001',
    'ff03 8057 03 01 000e 010a 0000000000000002',
    'ff03 8057 02 02 000e 010a 0000000000000002',
    'ff03 8021 01 01 000a 0306 0a090001',
    'ff03 8021 03 01 0016 0306 0a090008 8106 09090909 8306 01010101',
    'ff03 8021 02 02 0016 0306 0a090008 8106 09090909 8306 01010101',
  ]);
  assert.deepEqual(out, [
    'ff03c0210101000e010405dc05065a5a5a5a',
    'ff03c02102090013010405dc0305c22381050611223344',
    'lcp-opened',
    'answer-mschapv2',
    `ff03c2230207003b31${'5a'.repeat(16)}${'00'.repeat(8)}${'33'.repeat(24)}00616c696365`,
    'authenticated',
    IPV6CP_REQUEST,
    IPCP_REQUEST,
    'ff0380570201000e010a0000000000000001',
    'ff0380570102000e010a0000000000000002',
    'ipv6-up',
    'ff0380210201000a03060a090001',
    'ff0380210102001603060a090008810609090909830601010101',
    'ipv4-up',
  ]);
  assert.deepEqual(actions.at(-1), {
    kind: 'ipv4-up',
    address: 0x0a090008,
    serverAddress: 0x0a090001,
    dns: [0x09090909, 0x01010101],
  });
  assert.deepEqual(actions[5], {
    kind: 'authenticated',
    method: 'mschapv2',
    innerAuth: { kind: 'keys', hlaks: [ANSWER.hlak] },
  });
});

test('a server that does not know the password is left (RFC 2759 §5)', () => {
  const { out, link } = run([
    ...LCP,
    CHALLENGE,
    ANSWER,
    text('03', '07', `S=${'0'.repeat(40)}`),
    'ff03 c021 06 02 0004',
  ]);
  assert.deepEqual(out.slice(-2), ['ff03c02105020004', 'down server-not-authentic']);
  assert.equal(link.deadline, undefined);
});

test('a server that wants no authentication is left', () => {
  const { out } = run([UP, 'ff03 c021 01 09 0008 0104 05dc', SERVER_ACK, 'ff03 c021 06 02 0004']);
  assert.deepEqual(out.slice(-2), ['ff03c02105020004', 'down no-auth-method']);
});

test("a server's method that is not on our list is answered with our first", () => {
  const { out } = run([UP, 'ff03 c021 01 09 0008 0304 c227'], { authMethods: methodRows(['mschapv2']) });
  assert.equal(out.at(-1), 'ff03c021030900090305c22381');
});

test('a refusal tells code and text, and the client ends the link itself', () => {
  const failure = text('04', '07', `E=691 R=1 C=${'00'.repeat(16)} V=3 M=Wrong`);
  const { actions, out } = run([...LCP, CHALLENGE, ANSWER, failure, 'ff03 c021 06 02 0004']);
  assert.deepEqual(actions.at(-3), { kind: 'auth-failed', errorCode: 691, message: 'Wrong' });
  assert.deepEqual(out.slice(-2), ['ff03c02105020004', 'down auth-failed']);
});

test('network protocols wait for Call Connected', () => {
  assert.equal(run(AUTH).out.at(-1), 'authenticated');
  assert.deepEqual(run([...AUTH, { kind: 'data-open' }]).out.slice(-2), [IPV6CP_REQUEST, IPCP_REQUEST]);
});

test("without IPv6 the server's IPv6CP gets a Protocol-Reject", () => {
  const { out } = run([...AUTH, { kind: 'data-open' }, 'ff03 8057 01 01 0004'], { requestIpv6: false });
  assert.deepEqual(out.slice(-2), [IPCP_REQUEST, 'ff03c0210801000a805701010004']);
});

test('a server that acks 0.0.0.0 gives no address', () => {
  const { out } = run(
    [
      ...AUTH,
      { kind: 'data-open' },
      'ff03 8021 01 01 0004',
      `ff03 8021 02 01 0016 ${IPCP_REQUEST.slice(16)}`,
      'ff03 c021 06 02 0004',
    ],
    { requestIpv6: false },
  );
  assert.deepEqual(out.slice(-2), ['ff03c02105020004', 'down ncp-failed']);
});

test('an identifier that the server rejects leaves the client without IPv6, not without a link', () => {
  const { out, link } = run([
    ...AUTH,
    { kind: 'data-open' },
    `ff03 8057 04 01 000e ${IPV6CP_REQUEST.slice(16)}`,
    'ff03 8057 02 02 0004',
    'ff03 8057 01 01 000e 010a 0000000000000001',
  ]);
  assert.ok(!out.includes('ipv6-up'));
  assert.equal(link.phase, 'Network');
});

test('a wrong password, end to end: both sides say auth-failed', () => {
  for (const method of ['mschapv2', 'chap', 'pap'] as const) {
    const pair = new LinkPair({ server: { authMethods: methodRows([method]) }, serverPassword: 'other' });
    pair.run(10_000);
    const reasons = [pair.serverActions, pair.clientActions].map((actions) => {
      const down = actions.at(-1);
      return down?.kind === 'down' ? down.reason : down?.kind;
    });
    assert.deepEqual(reasons, ['auth-failed', 'auth-failed'], method);
    assert.ok(pair.names('server').includes('auth-failed'));
  }
});

test('terminate from either end brings both down, network first', () => {
  for (const side of ['server', 'client'] as const) {
    const pair = new LinkPair();
    pair.run(5000, () => pair.isUp);
    if (side === 'server') pair.terminateServer();
    else pair.terminateClient();
    const before = pair.now;
    pair.run(20_000, () => pair[side].phase === 'Dead');
    assert.ok(pair.now - before <= 40);
    assert.equal(pair.names(side).at(-1), 'down');
    const other: 'server' | 'client' = side === 'server' ? 'client' : 'server';
    // It leaves the carrier to the side that began, which here never closes it.
    assert.equal(pair.names(other).at(-1), 'terminating');
    pair.run(20_000, () => pair[other].phase === 'Dead');
    assert.equal(pair.names(other).at(-1), 'down');
    for (const each of ['server', 'client'] as const) assert.ok(pair.names(each).includes('ipv4-down'));
  }
});

test('an idle link stays up by LCP echoes alone', () => {
  const pair = new LinkPair();
  pair.run(1_000_000);
  assert.ok(pair.isUp);
  const echoes = pair.frames.filter(([, , frame]) => frame.startsWith('ff03c02109'));
  assert.ok(echoes.length >= 30);
});

test('a slow verdict and a slow lease only cost their own time', () => {
  const pair = new LinkPair({ verdictMs: 8000, leaseMs: 2000 });
  pair.run(60_000, () => pair.isUp);
  assert.ok(pair.isUp);
  assert.ok(pair.now < 10_200, `${pair.now}`);
});

const EVENTS: readonly PppClientEvent[] = [UP, ANSWER, { kind: 'data-open' }, { kind: 'timeout' }];
const PHASES: Readonly<Record<string, readonly (PppClientEvent | string)[]>> = {
  Dead: [],
  Establish: [UP],
  Authenticate: LCP,
  Computing: [...LCP, CHALLENGE],
  Network: AUTH,
  'Network up': [...AUTH, { kind: 'data-open' }],
  Terminate: [...LCP, { kind: 'terminate', reason: 'test' }],
  Over: [...LCP, { kind: 'terminate', reason: 'test' }, 'ff03 c021 06 02 0004'],
};
const EXPECTED: Readonly<Record<string, string>> = {
  'up in Dead': 'send',
  'mschapv2-answer in Computing': 'send',
  'data-open in Network': 'send send',
};

for (const [phase, events] of Object.entries(PHASES)) {
  for (const event of EVENTS) {
    const name = `${event.kind} in ${phase}`;
    test(`${name}: ${EXPECTED[name] ?? 'nothing'}`, () => {
      const { link } = run(events);
      const actions = link.handle(event, 0);
      assert.equal(actions.map((action) => action.kind).join(' '), EXPECTED[name] ?? '');
      assertDeadline(link, 0);
    });
  }
}

test('no sequence of frames makes the client throw or spin', () => {
  const frame = fc
    .tuple(
      fc.constantFrom('c021', 'c223', 'c023', '8021', '8057', '80fd'),
      fc.nat({ max: 15 }),
      fc.nat({ max: 9 }),
      fc.oneof(fc.uint8Array({ maxLength: 24 }), fc.constantFrom(hex('0306 0a090001'), hex(`10 ${'c1'.repeat(16)}`))),
    )
    .map(([number, code, id, data]) =>
      Buffer.concat([hex(`ff03 ${number}`), Buffer.from([code, id, 0, data.length + 4]), data]),
    );
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(PHASES)),
      fc.array(fc.tuple(frame, fc.nat({ max: 3000 })), { maxLength: 40 }),
      (events, frames) => {
        const { link } = run(events);
        let now = 0;
        for (const [bytes, wait] of frames) {
          now += wait;
          for (const action of link.handle({ kind: 'timeout' }, now)) {
            if (action.kind === 'answer-mschapv2') link.handle(ANSWER, now);
          }
          link.handle({ kind: 'frame', frame: bytes }, now);
          assertDeadline(link, now);
        }
      },
    ),
    { numRuns: 300 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PppServerAction, PppServerEvent } from '../../ppp/index.ts';
import { ACCEPT, AUTH, EVENTS, LCP, NETWORK, RESPONSE, run } from './server-script.ts';
import { assertDeadline, hex, LEASE } from './support.ts';

/** Scripts that end in each phase. */
const PHASES: Readonly<Record<string, string>> = {
  Dead: '',
  Establish: '* up',
  Authenticate: LCP,
  Verifying: `${LCP}\n> ${RESPONSE}`,
  Network: `${LCP} ${AUTH}`,
  'Network up': `${LCP} ${AUTH} ${NETWORK}`,
  Terminate: `${LCP}\n* terminate\n< ff03 c021 05 02 0004`,
  Over: `${LCP}\n* terminate\n< ff03 c021 05 02 0004\n> ff03 c021 06 02 0004`,
};

/** What each event of the shell does in each phase, by the kinds of the actions; a phase not named: nothing. */
const SHELL_EVENTS: readonly [PppServerEvent, Readonly<Record<string, string>>][] = [
  [{ kind: 'up' }, {}],
  [{ kind: 'data-open' }, { Network: 'lease-address' }],
  [LEASE, {}],
  [ACCEPT, { Verifying: 'send authenticated' }],
  [{ kind: 'timeout' }, {}],
  [{ kind: 'frame', frame: hex('') }, {}],
  [{ kind: 'frame', frame: hex('ff03 c021') }, {}],
  [
    { kind: 'frame', frame: hex('ff03 c021 05 70 0004') },
    {
      Establish: 'send send down',
      Authenticate: 'send terminating',
      Verifying: 'send terminating',
      Network: 'send terminating',
      'Network up': 'ipv6-down ipv4-down send terminating',
      Terminate: 'send',
    },
  ],
  [{ kind: 'frame', frame: hex('ff03 8021 05 70 0004') }, { 'Network up': 'ipv4-down send' }],
  [
    { kind: 'frame', frame: hex('ff03 c023 01 05 0006 00 00') },
    { Network: 'send', 'Network up': 'send' },
  ],
];

for (const [event, expected] of SHELL_EVENTS) {
  for (const [phase, script] of Object.entries(PHASES)) {
    const name = event.kind === 'frame' ? `frame ${event.frame.toString('hex')}` : event.kind;
    test(`${name} in ${phase}: ${expected[phase] ?? 'nothing'}`, () => {
      const { link, now } = run(script);
      const actions = phase === 'Dead' && event.kind === 'up' ? [] : link.handle(event, now);
      assert.equal(actions.map((action) => action.kind).join(' '), expected[phase] ?? '');
      assertDeadline(link, now);
    });
  }
}

test('nothing comes out after down', () => {
  const { link } = run(PHASES.Over ?? '');
  assert.equal(link.deadline, undefined);
  for (const event of [...Object.values(EVENTS), { kind: 'timeout' } as const]) {
    assert.deepEqual(link.handle(event, 100_000), []);
  }
});

test('an MS-CHAPv2 verdict without S= is a mistake of the caller', () => {
  const { link } = run(PHASES.Verifying ?? '');
  const verdict = {
    kind: 'accept',
    name: 'alice',
    authenticatorResponse: undefined,
    innerAuth: { kind: 'no-keys' },
  } as const;
  assert.throws(() => link.handle({ kind: 'verdict', verdict }, 1), TypeError);
});

const protocol = fc.constantFrom('c021', 'c223', 'c023', '8021', '8057', '80fd', '0021', '0057');
const body = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  fc.constantFrom(
    hex('0104 05dc 0305 c223 81 0506 a5a5a5a5'),
    hex('0306 0a090008'),
    hex('0306 0a090001'),
    hex('010a 0000000000000002'),
    hex(`31 ${'22'.repeat(16)} ${'00'.repeat(8)} ${'33'.repeat(24)} 00 61`),
  ),
);
const frame = fc
  .tuple(protocol, fc.nat({ max: 15 }), fc.nat({ max: 9 }), body)
  .map(([number, code, id, data]) =>
    Buffer.concat([hex(`ff03 ${number}`), Buffer.from([code, id, 0, data.length + 4]), data]),
  );

test('no sequence of frames throws, spins, or asks twice for a lease; down comes once and last', () => {
  const step = fc.tuple(
    fc.oneof({ weight: 5, arbitrary: frame }, fc.constantFrom(ACCEPT, LEASE, EVENTS['data open'])),
    fc.nat({ max: 3000 }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(PHASES)), fc.array(step, { maxLength: 40 }), (script, steps) => {
      const { link, now: start } = run(script);
      let now = start;
      const actions: PppServerAction[] = [];
      for (const [event, wait] of steps) {
        now += wait;
        actions.push(...link.handle({ kind: 'timeout' }, now));
        if (event !== undefined)
          actions.push(...link.handle(Buffer.isBuffer(event) ? { kind: 'frame', frame: event } : event, now));
        assertDeadline(link, now);
      }
      assert.ok(actions.filter((action) => action.kind === 'lease-address').length <= 1);
      const down = actions.findIndex((action) => action.kind === 'down');
      assert.ok(down === -1 || down === actions.length - 1);
    }),
    { numRuns: 300 },
  );
});

test('eight unknown protocols are rejected at once, more one a second; then the next ones are again (RFC 1661 §5.7)', () => {
  const { link, now } = run(PHASES.Network ?? '');
  const offered = (count: number, at: number): number =>
    Array.from({ length: count }, () =>
      link.handle({ kind: 'frame', frame: hex('ff03 80fd 01 05 000a 1206 01000001') }, at),
    )
      .flat()
      .filter(({ kind }) => kind === 'send').length;
  assert.deepEqual([offered(8, now), offered(1_000, now)], [8, 0]);
  assert.equal(offered(1_000, now + 1_000), 1);
  assert.equal(offered(1_000, now + 60_000), 8);
});

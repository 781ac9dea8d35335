import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PppServerEvent } from '../../ppp/index.ts';
import { LEASE } from './support.ts';
import { play } from './transcript.ts';

// Open-SSTP-Client ends the session on a frame that does not begin with FF 03, on LCP codes above 11, on a
// Protocol-Reject or Code-Reject of ours, and on IPCP and IPv6CP codes above 4. It runs LCP, authentication,
// Call Connected, IPCP and IPv6CP one after the other and drops what belongs to a step it has not reached.
// Gaps, filled with plausible bytes: its Identifiers, its magic-less Configure-Request, and its Reject of our
// Magic-Number, which is assumed because it is the harder case.

const EVENTS: Readonly<Record<string, PppServerEvent>> = {
  'call connect ack': { kind: 'up' },
  accept: {
    kind: 'verdict',
    verdict: {
      kind: 'accept',
      name: 'alice',
      authenticatorResponse: 'S=407A5589115FD0D6209F510FE9C04566932CDA56',
      innerAuth: { kind: 'keys', hlaks: [Buffer.alloc(32, 7)] },
    },
  },
  'call connected': { kind: 'data-open' },
  lease: LEASE,
};

const UP_TO_CALL_CONNECTED = `
  * call connect ack
  # Configure-Request: MRU 1500
  > ff03 c021 01 00 0008 0104 05dc
  < ff03 c021 01 01 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
  < ff03 c021 02 00 0008 0104 05dc
  # it does not know Magic-Number
  > ff03 c021 04 01 000a 0506 a5a5a5a5
  < ff03 c021 01 02 000d 0104 05dc 0305 c223 81
  > ff03 c021 02 02 000d 0104 05dc 0305 c223 81
  < ff03 c223 01 04 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
  > ff03 c223 02 04 003b 31 21402324255e262a28295f2b3a337c7e 0000000000000000 82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df 00 616c696365
  * accept
  < ff03 c223 03 04 003f 533d34303741353538393131354644304436323039463531304645394330343536363933324344413536 204d3d416363657373206772616e746564
  * call connected
  * lease
`;

const IPCP = `
  # IPCP: address and DNS1
  > ff03 8021 01 01 0010 0306 00000000 8106 00000000
  < ff03 8021 01 01 000a 0306 0a090001
  < ff03 8021 03 01 0010 0306 0a090008 8106 09090909
  > ff03 8021 02 01 000a 0306 0a090001
  > ff03 8021 01 02 0010 0306 0a090008 8106 09090909
  < ff03 8021 02 02 0010 0306 0a090008 8106 09090909
`;

test('the strict Android client gets its tunnel without waiting for a timer of ours', () => {
  const { actions, waitedMs } = play(
    `${UP_TO_CALL_CONNECTED} ${IPCP}
    > ff03 8057 01 03 000e 010a 02005efffe005301
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8057 03 03 000e 010a 0000000000000002
    > ff03 8057 02 01 000e 010a 0000000000000001
    > ff03 8057 01 04 000e 010a 0000000000000002
    < ff03 8057 02 04 000e 010a 0000000000000002
    # LCP Echo-Request of its keep-alive; we have no magic
    > ff03 c021 09 05 0008 00000000
    < ff03 c021 0a 05 0008 00000000
    `,
    EVENTS,
  );
  assert.ok(waitedMs < 200, `${waitedMs} ms`);
  assert.deepEqual(
    actions.map((action) => action.kind),
    ['lcp-opened', 'verify-credentials', 'authenticated', 'lease-address', 'ipv4-up', 'ipv6-up'],
  );
});

test("on a slow path IPv6CP is asked again with the client's first packet, not after a restart period", () => {
  const { waitedMs, now } = play(
    `${UP_TO_CALL_CONNECTED} ${IPCP}
    + 499
    # dropped by the client, whose IPv6CP has not begun
    < ff03 8057 01 01 000e 010a 0000000000000001
    + 100
    > ff03 8057 01 03 000e 010a 0000000000000002
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8057 02 03 000e 010a 0000000000000002
    > ff03 8057 02 01 000e 010a 0000000000000001
    `,
    EVENTS,
  );
  assert.equal(waitedMs, 1);
  assert.equal(now, 600);
});

test("without IPv6 addresses no IPv6CP request comes before the client's", () => {
  const { actions } = play(`${UP_TO_CALL_CONNECTED} ${IPCP} + 20000`, EVENTS, { ipv6: false });
  assert.deepEqual(actions.at(-1), { kind: 'ipv4-up', suffices: true, address: 0x0a090008 });
});

test('a client that never does IPv6CP and rejects the protocol keeps its IPv4 (RFC 1661 §5.7)', () => {
  const { actions, link } = play(
    `${UP_TO_CALL_CONNECTED} ${IPCP}
    < ff03 8057 01 01 000e 010a 0000000000000001
    > ff03 c021 08 09 0014 8057 01 01 000e 010a 0000000000000001
    + 20000
    `,
    EVENTS,
  );
  assert.deepEqual(actions.slice(-2), [
    { kind: 'ipv4-up', suffices: true, address: 0x0a090008 },
    { kind: 'network-failed', fault: { protocol: 'IPv6CP', problem: 'rejected' } },
  ]);
  assert.equal(link.phase, 'Network');
});

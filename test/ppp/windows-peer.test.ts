import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PppServerAction, PppServerEvent } from '../../ppp/index.ts';
import { hex, LEASE } from './support.ts';
import { play } from './transcript.ts';

// What is known of the Windows 10 client: option values and order in LCP and IPCP, the three Identification packets,
// IPv6CP before IPCP, Call Connected between authentication and the network protocols, and that it does not answer a
// Configure-Request that comes before its own. Gaps, filled with plausible bytes: the numbers of the Identifiers, the
// text of the third Identification, what it does with a Nak of its interface identifier (here: takes the suggestion),
// whether CCP comes with MS-CHAPv2 over SSTP (a test of its own below), and the Terminate-Request's data.

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

const LCP = `
  # Configure-Request id 0: MRU 4091, Magic-Number, PFC, ACFC, Callback (CBCP)
  > ff03 c021 01 00 0015 0104 0ffb 0506 3c4a7e11 0702 0802 0d03 06
  # ours: MRU 1500, MS-CHAPv2, Magic-Number; Reject of PFC, ACFC, Callback
  < ff03 c021 01 01 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
  < ff03 c021 04 00 000b 0702 0802 0d03 06
  > ff03 c021 02 01 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
  # Configure-Request id 1: MRU 4091, Magic-Number
  > ff03 c021 01 01 000e 0104 0ffb 0506 3c4a7e11
  < ff03 c021 02 01 000e 0104 0ffb 0506 3c4a7e11
  # our Challenge, sent at once
  < ff03 c223 01 04 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
  # Identification: MSRASV5.20, MSRAS-0-DESKTOP-7K2, and one that is no text
  > ff03 c021 0c 02 0012 3c4a7e11 4d53524153 56352e3230
  > ff03 c021 0c 03 001b 3c4a7e11 4d53524153 2d302d4445 534b544f50 2d374b32
  > ff03 c021 0c 04 0018 3c4a7e11 f1d29b0044be4b5f8c21aa9903de7712
`;

const AUTHENTICATION = `
  # Response of EXAMPLE\\alice
  > ff03 c223 02 04 0043 31 21402324255e262a28295f2b3a337c7e 0000000000000000 82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df 00 4558414d504c455c616c696365
  * accept
  # Success: S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Access granted
  < ff03 c223 03 04 003f 533d34303741353538393131354644304436323039463531304645394330343536363933324344413536 204d3d416363657373206772616e746564
`;

const NETWORK = `
  * call connected
  * lease
  # IPv6CP comes first
  > ff03 8057 01 06 000e 010a 1c9f5b7e02d4a611
  < ff03 8057 01 01 000e 010a 0000000000000001
  < ff03 8057 03 06 000e 010a 0000000000000002
  # IPCP: address, DNS1, WINS1, DNS2, WINS2, all 0.0.0.0
  > ff03 8021 01 07 0022 0306 00000000 8106 00000000 8206 00000000 8306 00000000 8406 00000000
  # ours: 10.9.0.1; there is no WINS
  < ff03 8021 01 01 000a 0306 0a090001
  < ff03 8021 04 07 0010 8206 00000000 8406 00000000
  > ff03 8057 02 01 000e 010a 0000000000000001
  > ff03 8057 01 08 000e 010a 0000000000000002
  < ff03 8057 02 08 000e 010a 0000000000000002
  > ff03 8021 02 01 000a 0306 0a090001
  > ff03 8021 01 09 0016 0306 00000000 8106 00000000 8306 00000000
  < ff03 8021 03 09 0016 0306 0a090008 8106 09090909 8306 01010101
  > ff03 8021 01 0a 0016 0306 0a090008 8106 09090909 8306 01010101
  < ff03 8021 02 0a 0016 0306 0a090008 8106 09090909 8306 01010101
`;

test('Windows 10 gets its tunnel without waiting for a timer of ours (client bytes: VyOS trace of 2024)', () => {
  const { actions, waitedMs, link } = play(`* call connect ack ${LCP} ${AUTHENTICATION} ${NETWORK}`, EVENTS);
  assert.ok(waitedMs < 200, `${waitedMs} ms`);
  assert.equal(link.phase, 'Network');
  assert.equal(link.peerMru, 4091);
  const expected: readonly PppServerAction[] = [
    { kind: 'lcp-opened', peerMru: 4091, authMethod: 'mschapv2' },
    { kind: 'peer-info', text: 'MSRASV5.20' },
    { kind: 'peer-info', text: 'MSRAS-0-DESKTOP-7K2' },
    { kind: 'peer-info', text: '....D.K_.!....w.' },
    {
      kind: 'verify-credentials',
      proof: {
        method: 'mschapv2',
        name: 'EXAMPLE\\alice',
        authenticatorChallenge: hex('a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5'),
        peerChallenge: hex('21402324255e262a28295f2b3a337c7e'),
        ntResponse: hex('82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df'),
      },
    },
    {
      kind: 'authenticated',
      name: 'alice',
      method: 'mschapv2',
      innerAuth: { kind: 'keys', hlaks: [Buffer.alloc(32, 7)] },
    },
    { kind: 'lease-address' },
    { kind: 'ipv6-up', suffices: true, interfaceId: LEASE.interfaceId, serverInterfaceId: LEASE.serverInterfaceId },
    { kind: 'ipv4-up', suffices: true, address: 0x0a090008 },
  ];
  assert.deepEqual(actions, expected);
});

test('Windows starts its PPP 700 ms late: the request that it dropped goes out again with its first frame', () => {
  const { waitedMs, now } = play(
    `
    * call connect ack
    # nobody listens to this one, sent at 500 ms
    < ff03 c021 01 01 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    + 200
    ${LCP} ${AUTHENTICATION} ${NETWORK}
    `,
    EVENTS,
  );
  assert.equal(waitedMs, 500);
  assert.equal(now, 700);
});

test('IPCP of Windows that comes with Call Connected waits for the lease', () => {
  const script = `* call connect ack ${LCP} ${AUTHENTICATION}
    * call connected
    > ff03 8057 01 06 000e 010a 0000000000000002
    > ff03 8021 01 07 000a 0306 0a090008
    * lease
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8057 02 06 000e 010a 0000000000000002
    < ff03 8021 01 01 000a 0306 0a090001
    < ff03 8021 02 07 000a 0306 0a090008`;
  assert.equal(play(script, EVENTS).waitedMs, 0);
});

test('CCP of Windows gets a Protocol-Reject (RFC 1661 §5.7), IPv6CP never does', () => {
  const script = `* call connect ack ${LCP} ${AUTHENTICATION}
    > ff03 80fd 01 05 000a 1206 01000001
    < ff03 c021 08 01 0010 80fd 01 05 000a 1206 01000001`;
  assert.equal(play(script, EVENTS).waitedMs, 0);
});

test('Terminate-Request of Windows is acked, and the end of the call is left to it (data as pptpd logged it)', () => {
  const script = `* call connect ack ${LCP} ${AUTHENTICATION} ${NETWORK}
    > ff03 c021 05 0b 0010 3c4a7e11 003ccd7400000000
    < ff03 c021 06 0b 0004`;
  const { actions, link } = play(script, EVENTS);
  assert.deepEqual(actions.slice(-3), [
    { kind: 'ipv6-down' },
    { kind: 'ipv4-down' },
    {
      kind: 'terminating',
      reason: 'terminated-by-peer',
      detail: 'Terminate-Request RAS error 0',
    },
  ]);
  assert.equal(link.phase, 'Terminate');
});

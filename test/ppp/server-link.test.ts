import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methodRows, type PppServerAction, PppServerLink } from '../../ppp/index.ts';
import { AUTH, EVENTS, failureText, LCP, NETWORK, OUR_REQUEST, RESPONSE, run, SUCCESS } from './server-script.ts';
import { hex, LEASE, SERVER_OPTIONS } from './support.ts';
import { play } from './transcript.ts';

test('a silent client gets our request after 500 ms, ten times in all, and then the end', () => {
  const script = `* up ${`\n< ${OUR_REQUEST}`.repeat(10)}
    + 3000`;
  const { actions, waitedMs } = run(script);
  assert.equal(waitedMs, 500 + 1000 + 8 * 3000);
  assert.deepEqual(
    actions.map((action) => (action.kind === 'down' ? action.reason : action.kind)),
    ['lcp-failed'],
  );
});

test('what a client drops goes out again after 1 s: the Challenge and the requests of IPCP and IPv6CP', () => {
  const script = `${LCP}
    + 999
    < ff03 c223 01 04 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
    ${AUTH}
    * data open
    * lease
    + 499
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8021 01 01 000a 0306 0a090001
    + 999
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8021 01 01 000a 0306 0a090001
    + 2999
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8021 01 01 000a 0306 0a090001`;
  const { waitedMs } = run(script);
  assert.equal(waitedMs, 4);
});

test('a client that has asked, and dropped our request, gets it again after 1 s', () => {
  const { waitedMs } = run(`${LCP} ${AUTH}
    * data open
    * lease
    > ff03 8021 01 50 000a 0306 0a090008
    < ff03 8021 01 01 000a 0306 0a090001
    < ff03 8021 02 50 000a 0306 0a090008
    + 499
    < ff03 8057 01 01 000e 010a 0000000000000001
    + 499
    < ff03 8021 01 01 000a 0306 0a090001`);
  assert.equal(waitedMs, 2);
});

test('frames before Up are dropped (RFC 1661 §3.3)', () => {
  const { link } = run('> ff03 c021 01 40 0008 0104 0578');
  assert.equal(link.phase, 'Dead');
  assert.equal(link.deadline, undefined);
});

test('a pty that echoes our request does no harm', () => {
  const script = `
    * up
    < ${OUR_REQUEST}
    > ${OUR_REQUEST}
    > ff03 c021 01 40 0008 0104 0578
    < ff03 c021 02 40 0008 0104 0578
    > ff03 c021 02 01 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c223 01 04 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064`;
  assert.equal(run(script).link.phase, 'Authenticate');
});

test('a wire that only echoes is a loop', () => {
  const script = `* up ${`\n< ${OUR_REQUEST}\n> ${OUR_REQUEST}`.repeat(10)}
    < ff03 c021 05 02 0004
    + 1000`;
  const down = run(script).actions.at(-1);
  const fault = { protocol: 'LCP', problem: 'loopback' } as const;
  assert.deepEqual(down, { kind: 'down', reason: 'loopback', detail: 'we hear our own LCP packets', fault });
});

test('a client that takes none of our methods is told so by a Terminate-Request', () => {
  const script = `
    * up
    > ff03 c021 01 40 0008 0104 0578
    < ${OUR_REQUEST}
    < ff03 c021 02 40 0008 0104 0578
    > ff03 c021 03 01 0008 0304 c227
    < ff03 c021 01 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    > ff03 c021 03 02 0008 0304 c227
    < ff03 c021 05 03 0004
    > ff03 c021 06 03 0004`;
  const { actions, link } = run(script);
  assert.deepEqual(
    actions.map((action) => action.kind === 'down' && action.reason),
    ['no-auth-method'],
  );
  assert.equal(link.phase, 'Dead');
});

test('a client that rejects the demand for a login is not asked for the same again (RFC 1661 §5.4)', () => {
  const script = `
    * up
    > ff03 c021 01 40 0008 0104 0578
    < ${OUR_REQUEST}
    < ff03 c021 02 40 0008 0104 0578
    > ff03 c021 04 01 0009 0305 c223 81
    < ff03 c021 01 02 0012 0104 05dc 0304 c023 0506 a5a5a5a5
    > ff03 c021 04 02 0008 0304 c023
    < ff03 c021 05 03 0004
    > ff03 c021 06 03 0004`;
  const down = run(script, { authMethods: methodRows(['mschapv2', 'pap']) }).actions.at(-1);
  assert.equal(down?.kind === 'down' && down.reason, 'no-auth-method');
});

test("a client's wish for PAP is granted if PAP is allowed", () => {
  const script = `
    * up
    > ff03 c021 01 40 0008 0104 0578
    < ${OUR_REQUEST}
    < ff03 c021 02 40 0008 0104 0578
    > ff03 c021 03 01 0008 0304 c023
    < ff03 c021 01 02 0012 0104 05dc 0304 c023 0506 a5a5a5a5
    > ff03 c021 02 02 0012 0104 05dc 0304 c023 0506 a5a5a5a5
    > ff03 c023 01 05 0010 05 616c696365 05 68 6f727365
    * accept
    < ff03 c023 02 05 0004`;
  const { actions } = run(script, { authMethods: methodRows(['mschapv2', 'chap', 'pap']) });
  assert.deepEqual(actions[0], { kind: 'lcp-opened', peerMru: 1400, authMethod: 'pap' });
  assert.deepEqual(actions[1], {
    kind: 'verify-credentials',
    proof: { method: 'pap', name: 'alice', password: 'horse' },
  });
});

test('a wrong password may be corrected in place (RFC 2759 §6), then all goes on', () => {
  const second = RESPONSE.replace('02 04', '02 05');
  const script = `${LCP}
    > ${RESPONSE}
    * wrong password
    < ${failureText('04', 691, 1)}
    > ${second}
    * accept
    < ${SUCCESS.replace('03 04', '03 05')}
    ${NETWORK}`;
  const { actions } = run(script);
  assert.deepEqual(
    actions.filter((action) => action.kind === 'auth-failed'),
    [{ kind: 'auth-failed', name: 'alice', errorCode: 691, final: false }],
  );
  assert.equal(actions.at(-1)?.kind, 'ipv6-up');
});

test('a final failure is followed by a Terminate-Request, and by the end after a second without Ack', () => {
  const script = `${LCP}
    > ${RESPONSE}
    * disabled
    < ${failureText('04', 647, 0)}
    < ff03 c021 05 02 0004
    + 999`;
  const early = run(script);
  assert.equal(early.link.phase, 'Terminate');
  assert.equal(early.actions.at(-1)?.kind, 'auth-failed');
  const { actions } = run(`${script}\n+ 1`);
  assert.deepEqual(actions.at(-1), { kind: 'down', reason: 'auth-failed', detail: 'error 647' });
});

test('a client that gives up after a failure has failed to authenticate, whoever ends the link', () => {
  const script = `${LCP}
    > ${RESPONSE}
    * wrong password
    < ${failureText('04', 691, 1)}
    > ff03 c021 05 41 0004
    < ff03 c021 06 41 0004`;
  const detail = 'the client gave up after error 691';
  assert.deepEqual(run(script).actions.at(-1), { kind: 'terminating', reason: 'auth-failed', detail });
  assert.deepEqual(run(`${script}\n+ 3000`).actions.at(-1), { kind: 'down', reason: 'auth-failed', detail });
});

test('a client that never answers the Challenge is dropped after 60 s', () => {
  const challenge = '\n< ff03 c223 01 04 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064';
  const quick = { echoIntervalMs: 1_000_000 };
  const { actions, waitedMs } = run(`${LCP} ${challenge.repeat(20)}\n< ff03 c021 05 02 0004\n+ 1000`, quick);
  assert.equal(waitedMs, 60_000);
  assert.deepEqual(actions.at(-1), { kind: 'down', reason: 'auth-timeout', detail: 'authentication took too long' });
});

test('a Response while the verdict is due is passed over, one after it gets the same answer', () => {
  const { actions } = run(`${LCP}
    > ${RESPONSE}
    > ${RESPONSE}
    * accept
    < ${SUCCESS}
    > ${RESPONSE}
    < ${SUCCESS}`);
  assert.deepEqual(
    actions.map((action) => action.kind),
    ['lcp-opened', 'verify-credentials', 'authenticated'],
  );
});

test('network protocols wait for Call Connected and for the lease, and the lease is asked for once', () => {
  const { actions } = run(`${LCP}
    # before the end of the authentication: dropped, RFC 1661 §3.5
    > ff03 8021 01 4f 000a 0306 0a090008
    ${AUTH}
    > ff03 8021 01 50 000a 0306 0a090008
    + 10000
    * data open
    * data open
    + 10000
    > ff03 8021 01 51 000a 0306 0a090008
    * lease
    < ff03 8021 01 01 000a 0306 0a090001
    < ff03 8021 02 50 000a 0306 0a090008
    < ff03 8021 02 51 000a 0306 0a090008
    * lease`);
  assert.equal(actions.filter((action) => action.kind === 'lease-address').length, 1);
});

test('a verdict about one name is never taken for one about another', () => {
  const second = RESPONSE.replace('02 04 003b', '02 08 0039').replace('616c696365', '626f62');
  const challenge = 'ff03 c223 01 08 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064';
  const { actions } = run(`${LCP}
    > ${RESPONSE}
    # the verdict about alice is due when LCP is renegotiated and bob appears
    > ff03 c021 01 42 0008 0104 0578
    < ff03 c021 01 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c021 02 42 0008 0104 0578
    > ff03 c021 02 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ${challenge}
    > ${second}
    * accept
    # bob is asked again
    < ${challenge}
    > ${second}
    * wrong password
    < ${failureText('08', 691, 1)}`);
  assert.deepEqual(
    actions.flatMap((action) => (action.kind === 'verify-credentials' ? action.proof.name : action.kind)),
    ['lcp-opened', 'alice', 'lcp-opened', 'bob', 'auth-failed'],
  );
});

const WISHFUL = { heedsAddressWish: true };

test('a client that asks for another address than the leased one: the shell is asked once, then IPCP answers', () => {
  for (const [options, wish] of [
    ['0306 0a09004d', 0x0a09004d],
    ['8106 09090909 0306 0a09004d', 0x0a09004d],
    ['0306 00000000', undefined],
    ['0306 0a090008', undefined],
    ['', undefined],
    ['8106 09090909', undefined],
    ['0305 0a0900', undefined],
    ['03ff 0a09004d', undefined],
  ] as const) {
    const length = 4 + options.replaceAll(' ', '').length / 2;
    const request = hex(`ff03 8021 01 50 00${length.toString(16).padStart(2, '0')} ${options}`);
    for (const heedsAddressWish of [true, false]) {
      const { link } = run(`${LCP} ${AUTH}\n* data open\n* lease`, { heedsAddressWish });
      const actions = link.handle({ kind: 'frame', frame: request }, 1);
      const expected = wish !== undefined && heedsAddressWish ? [{ kind: 'choose-address', wish }] : [];
      assert.deepEqual(
        actions.filter(({ kind }) => kind !== 'send'),
        expected,
        options,
      );
      assert.equal(
        actions.some(({ kind }) => kind === 'send'),
        expected.length === 0,
      );
    }
  }
});

const CHOSEN = {
  chosen: { kind: 'address', address: 0x0a09004d },
  kept: { kind: 'address', address: 0x0a090008 },
} as const;

test('what comes meanwhile waits; a granted address is acked, one that is not is Nakked with the leased one', () => {
  const before = `${LCP} ${AUTH}
    > ff03 8021 01 50 000a 0306 0a09004d
    * data open
    * lease
    > ff03 8021 01 51 000a 0306 0a09004d
    > ff03 8057 01 51 000e 010a 0000000000000002
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8057 02 51 000e 010a 0000000000000002`;
  const granted = play(
    `${before}
    * chosen
    < ff03 8021 01 01 000a 0306 0a090001
    < ff03 8021 02 50 000a 0306 0a09004d
    < ff03 8021 02 51 000a 0306 0a09004d
    > ff03 8021 02 01 000a 0306 0a090001
    # another wish is one too many
    > ff03 8021 01 52 000a 0306 0a090022
    < ff03 8021 01 02 000a 0306 0a090001
    < ff03 8021 03 52 000a 0306 0a09004d`,
    { ...EVENTS, ...CHOSEN },
    WISHFUL,
  );
  assert.deepEqual(granted.actions.filter(({ kind }) => kind === 'choose-address').length, 1);
  assert.ok(granted.actions.some((action) => action.kind === 'ipv4-up' && action.address === 0x0a09004d));
  play(
    `${before}
    * kept
    < ff03 8021 01 01 000a 0306 0a090001
    < ff03 8021 03 50 000a 0306 0a090008
    < ff03 8021 03 51 000a 0306 0a090008
    * chosen`,
    { ...EVENTS, ...CHOSEN },
    WISHFUL,
  );
});

test('no more than eight frames wait for the lease', () => {
  const early = '\n> ff03 8021 01 50 000a 0306 0a090008';
  const { link } = run(`${LCP} ${AUTH}\n* data open ${early.repeat(20)}`);
  const sent = link.handle(LEASE, 1).filter((action) => action.kind === 'send');
  assert.equal(sent.length, 1 + 8);
});

test('Call Connected before the verdict: the lease is asked for when the verdict comes', () => {
  const { actions } = run(`${LCP}
    * data open
    > ${RESPONSE}
    * accept
    < ${SUCCESS}`);
  assert.deepEqual(actions.map((action) => action.kind).slice(-2), ['authenticated', 'lease-address']);
});

test('without an address the link ends', () => {
  const { actions } = run(`${LCP} ${AUTH}
    * data open
    * no lease
    < ff03 c021 05 02 0004
    > ff03 c021 06 02 0004`);
  assert.deepEqual(actions.at(-1), {
    kind: 'down',
    reason: 'no-address',
    detail: 'no address is left for this client',
  });
});

test('a client that insists on another address loses IPCP, and with it the link if there is no IPv6', () => {
  const refused = '\n> ff03 8021 01 50 000a 0306 0a090063\n< ff03 8021 03 50 000a 0306 0a090008';
  const { actions } = run(
    `${LCP} ${AUTH}
    * data open
    * lease
    > ff03 8021 01 50 000a 0306 0a090063
    < ff03 8021 01 01 000a 0306 0a090001
    < ff03 8021 03 50 000a 0306 0a090008
    ${refused.repeat(4)}
    > ff03 8021 01 50 000a 0306 0a090063
    < ff03 8021 04 50 000a 0306 0a090063
    > ff03 8021 01 51 0004
    < ff03 c021 05 02 0004
    > ff03 c021 06 02 0004`,
    { ipv6: false },
  );
  const fault = { protocol: 'IPCP', problem: 'not-converging' } as const;
  assert.deepEqual(actions.at(-1), { kind: 'down', reason: 'ncp-failed', detail: 'IPCP: not-converging', fault });
});

test('a link without IPCP goes on as long as IPv6CP carries it', () => {
  const { link, actions } = run(`${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 08 60 0010 8021 01 01 000a 0306 0a090001
    < ff03 8021 05 02 0004`);
  assert.equal(link.phase, 'Network');
  assert.deepEqual(actions.slice(-2), [
    { kind: 'ipv4-down' },
    { kind: 'network-failed', fault: { protocol: 'IPCP', problem: 'rejected' } },
  ]);
  const { actions: rest } = run(`${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 08 60 0010 8021 01 01 000a 0306 0a090001
    < ff03 8021 05 02 0004
    > ff03 c021 08 60 0014 8057 01 01 000e 010a 0000000000000001
    < ff03 8057 05 02 0004
    < ff03 c021 05 02 0004
    > ff03 c021 06 02 0004`);
  const fault = { protocol: 'IPv6CP', problem: 'rejected' } as const;
  assert.deepEqual(rest.slice(-3), [
    { kind: 'ipv6-down' },
    { kind: 'network-failed', fault },
    { kind: 'down', reason: 'ncp-failed', detail: 'IPv6CP: rejected by the peer', fault },
  ]);
});

test('a client that will not have the identifier loses IPv6CP and keeps IPv4', () => {
  const own = '010a 02005efffe005301';
  const { link } = run(`${LCP} ${AUTH}
    * data open
    * lease
    > ff03 8021 01 50 000a 0306 0a090008
    < ff03 8021 01 01 000a 0306 0a090001
    < ff03 8021 02 50 000a 0306 0a090008
    > ff03 8021 02 01 000a 0306 0a090001
    > ff03 8057 01 51 000e ${own}
    < ff03 8057 01 01 000e 010a 0000000000000001
    < ff03 8057 03 51 000e 010a 0000000000000002
    ${`\n> ff03 8057 01 51 000e ${own}\n< ff03 8057 03 51 000e 010a 0000000000000002`.repeat(4)}
    > ff03 8057 01 51 000e ${own}
    < ff03 8057 04 51 000e ${own}
    > ff03 8057 01 52 0004
    + 20000`);
  assert.equal(link.phase, 'Network');
});

test('LCP renegotiation: network down, the whole way again, the lease kept (RFC 1661 §3.5)', () => {
  const { actions } = run(`${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 01 42 0008 0104 0578
    < ff03 c021 01 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c021 02 42 0008 0104 0578
    > ff03 c021 02 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c223 01 08 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
    > ${RESPONSE.replace('02 04', '02 08')}
    * accept
    < ${SUCCESS.replace('03 04', '03 08')}
    > ff03 8021 01 53 000a 0306 0a090008
    < ff03 8021 01 02 000a 0306 0a090001
    < ff03 8021 02 53 000a 0306 0a090008
    > ff03 8021 02 02 000a 0306 0a090001`);
  const kinds = actions.map((action) => action.kind);
  assert.deepEqual(kinds.slice(kinds.indexOf('ipv6-up') + 1), [
    'ipv6-down',
    'ipv4-down',
    'lcp-opened',
    'verify-credentials',
    'authenticated',
    'ipv4-up',
  ]);
});

const AGAIN = `
  > ff03 c021 01 42 0008 0104 0578
  < ff03 c021 01 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
  < ff03 c021 02 42 0008 0104 0578
  > ff03 c021 02 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
  < ff03 c223 01 08 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
  > ${RESPONSE.replace('02 04', '02 08')}
  * accept
  < ${SUCCESS.replace('03 04', '03 08')}
`;

test('a network protocol that was given up stays so after a renegotiation', () => {
  run(`${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 08 60 0014 8057 01 01 000e 010a 0000000000000001
    < ff03 8057 05 02 0004
    ${AGAIN}
    > ff03 8057 01 52 000e 010a 0000000000000002
    > ff03 8021 01 53 000a 0306 0a090008
    < ff03 8021 01 02 000a 0306 0a090001
    < ff03 8021 02 53 000a 0306 0a090008
    > ff03 8021 02 02 000a 0306 0a090001
    + 10000`);
});

test('while LCP is negotiated again no Echo-Request goes out (RFC 1661 §5.8)', () => {
  const request = 'ff03 c021 01 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5';
  const script = `${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 01 42 0008 0104 0578
    < ${request}
    < ff03 c021 02 42 0008 0104 0578
    + 11000
    ${`< ${request}\n`.repeat(4)}`;
  run(script, { echoIntervalMs: 9500 });
});

test('a failure that was mended is not the reason of a later end', () => {
  const { actions } = run(`${LCP}
    > ${RESPONSE}
    * wrong password
    < ${failureText('04', 691, 1)}
    > ${RESPONSE.replace('02 04', '02 05')}
    * accept
    < ${SUCCESS.replace('03 04', '03 05')}
    > ff03 c021 05 41 0004
    < ff03 c021 06 41 0004`);
  const detail = 'Terminate-Request';
  assert.deepEqual(actions.at(-1), { kind: 'terminating', reason: 'terminated-by-peer', detail });
});

test('after a Terminate-Request the peer has a Restart time to close the carrier (RFC 1661 §3.7)', () => {
  const script = `${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 05 41 0004
    < ff03 c021 06 41 0004`;
  assert.equal(run(`${script}\n+ 2999`).actions.at(-1)?.kind, 'terminating');
  const { actions, link } = run(`${script}\n+ 3000`);
  const detail = 'Terminate-Request';
  assert.deepEqual(actions.at(-1), { kind: 'down', reason: 'terminated-by-peer', detail });
  assert.equal(link.deadline, undefined);
});

test('a client that listens from the first gets our Configure-Request without having asked (RFC 1661 §3.4)', () => {
  const script = `* up\n< ${OUR_REQUEST}`;
  assert.equal(run(script, { isPeerListening: true }).waitedMs, 0);
  assert.equal(run(script).waitedMs, 500);
});

test("another name after a renegotiation ends the link: address and binding are the first one's", () => {
  const { actions } = run(`${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 01 42 0008 0104 0578
    < ff03 c021 01 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c021 02 42 0008 0104 0578
    > ff03 c021 02 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c223 01 08 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
    > ${RESPONSE.replace('02 04 003b', '02 08 0039').replace('616c696365', '626f62')}
    * accept bob
    < ${SUCCESS.replace('03 04', '03 08')}
    < ff03 c021 05 03 0004
    > ff03 c021 06 03 0004`);
  const detail = 'another name after a renegotiation';
  assert.deepEqual(actions.at(-1), { kind: 'down', reason: 'auth-failed', detail });
  assert.equal(actions.filter((action) => action.kind === 'authenticated').length, 1);
});

test('one user is one, however the name is spelt after a renegotiation', () => {
  const { actions, link } = run(`${LCP} ${AUTH} ${NETWORK}
    > ff03 c021 01 42 0008 0104 0578
    < ff03 c021 01 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c021 02 42 0008 0104 0578
    > ff03 c021 02 02 0013 0104 05dc 0305 c223 81 0506 a5a5a5a5
    < ff03 c223 01 08 001a 10 a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 7373747064
    > ${RESPONSE.replace('02 04', '02 08').replace('616c696365', '414c494345')}
    * accept
    < ${SUCCESS.replace('03 04', '03 08')}`);
  assert.equal(link.phase, 'Network');
  assert.deepEqual(
    actions.flatMap((action) => (action.kind === 'authenticated' ? [action.name] : [])),
    ['alice', 'alice'],
  );
});

test('LCP that is renegotiated for ever ends', () => {
  const link = new PppServerLink(SERVER_OPTIONS);
  const actions: PppServerAction[] = [...link.handle({ kind: 'up' }, 0)];
  for (let id = 1; id < 60 && link.phase !== 'Dead'; id++) {
    const frames = [
      `ff03 c021 01 40 0008 0104 0578`,
      OUR_REQUEST.replace('01 01', `02 ${id.toString(16).padStart(2, '0')}`),
    ];
    for (const frame of frames) actions.push(...link.handle({ kind: 'frame', frame: hex(frame) }, id));
  }
  const deadline = link.deadline;
  assert.ok(deadline !== undefined);
  actions.push(...link.handle({ kind: 'timeout' }, deadline));
  const fault = { protocol: 'LCP', problem: 'not-converging' } as const;
  const detail = 'LCP options do not converge';
  assert.deepEqual(actions.at(-1), { kind: 'down', reason: 'lcp-failed', detail, fault });
  assert.equal(actions.filter((action) => action.kind === 'lcp-opened').length, 21);
});

test('an Echo-Request is answered with our Magic-Number and its data (RFC 1661 §5.8)', () => {
  run(`${LCP}
    > ff03 c021 09 77 000c 3c4a7e11 01020304
    < ff03 c021 0a 77 000c a5a5a5a5 01020304
    > ff03 c021 0a 77 0008 3c4a7e11
    > ff03 c021 0b 77 0008 3c4a7e11`);
});

test('an Echo-Request before LCP is open is not answered (RFC 1661 §5.8)', () => {
  run(`* up
    > ff03 c021 09 77 0008 3c4a7e11
    < ${OUR_REQUEST}`);
});

test('four Echo-Requests into 30 s of silence each, then the end; data counts as a sign of life', () => {
  const { link } = run(`${LCP} ${AUTH} ${NETWORK}`);
  link.noteReceived(7_000);
  const log: [number, string][] = [];
  for (let at = link.deadline; at !== undefined; at = link.deadline) {
    for (const action of link.handle({ kind: 'timeout' }, at)) {
      log.push([at, action.kind === 'send' ? action.frame.toString('hex') : action.kind]);
    }
  }
  assert.deepEqual(log, [
    [37_000, 'ff03c02109010008a5a5a5a5'],
    [67_000, 'ff03c02109020008a5a5a5a5'],
    [97_000, 'ff03c02109030008a5a5a5a5'],
    [127_000, 'ff03c02109040008a5a5a5a5'],
    [157_000, 'ipv6-down'],
    [157_000, 'ipv4-down'],
    [157_000, 'down'],
  ]);
});

test('unknown protocols are rejected in the network phase and passed over before it (RFC 1661 §3.5, §5.7)', () => {
  const protocols = ['80fd', 'c227', 'c025', 'c023', '8029', '0029'];
  for (const protocol of protocols) {
    run(`${LCP}\n> ff03 ${protocol} 01 05 0004`);
    run(`${LCP} ${AUTH}\n> ff03 ${protocol} 01 05 0004\n< ff03 c021 08 01 000a ${protocol} 01 05 0004`);
  }
});

test('data that comes early is dropped without a word (RFC 1661 §3.7)', () => {
  for (const before of ['* up', LCP, `${LCP} ${AUTH}`]) run(`${before}\n> ff03 0021 4500\n> ff03 0057 6000`);
});

test('an unknown LCP code gets a Code-Reject, Identification and Time-Remaining nothing (RFC 1661 §5.6, RFC 1570)', () => {
  run(`${LCP}
    > ff03 c021 0e 09 0004
    < ff03 c021 07 02 0008 0e 09 0004
    > ff03 c021 0c 09 000a 3c4a7e11 4d53
    > ff03 c021 0d 09 000c 3c4a7e11 0000003c`);
});

test('of Identifications eight are told, each of at most 64 printable characters', () => {
  const one = `\n> ff03 c021 0c 09 0108 3c4a7e11 ${'41'.repeat(250)}0a1b80ff4142${'41'.repeat(4)}`;
  const { actions } = run(`${LCP} ${one.repeat(20)}`);
  const infos = actions.filter((action) => action.kind === 'peer-info');
  assert.equal(infos.length, 8);
  for (const info of infos) assert.equal(info.text, 'A'.repeat(64));
  const { actions: odd } = run(`${LCP}\n> ff03 c021 0c 09 000d 3c4a7e11 410a1b80ff`);
  assert.deepEqual(odd.at(-1), { kind: 'peer-info', text: 'A....' });
});

test('terminate in every phase: Terminate-Request if LCP has begun, the end with the Ack or after 1 s', () => {
  const down = { kind: 'down', reason: 'terminated-by-us', detail: 'shutdown' };
  for (const [before, request] of [
    ['', undefined],
    ['* up', undefined],
    [`* up\n< ${OUR_REQUEST}`, '05 02 0004'],
    [LCP, '05 02 0004'],
    [`${LCP} ${AUTH}`, '05 02 0004'],
    [`${LCP} ${AUTH} ${NETWORK}`, '05 02 0004'],
  ] as const) {
    if (request === undefined) {
      assert.deepEqual(run(`${before}\n* terminate`).actions.at(-1), down);
    } else {
      const script = `${before}\n* terminate\n< ff03 c021 ${request}`;
      assert.equal(run(`${script}\n+ 999`).link.phase, 'Terminate');
      assert.deepEqual(run(`${script}\n+ 1000`).actions.at(-1), down);
      assert.deepEqual(run(`${script}\n> ff03 c021 06 02 0004`).actions.at(-1), down);
    }
  }
});

test("both ends terminate at once: the peer's request is acked and our Ack awaited", () => {
  const { actions } = run(`${LCP}
    * terminate
    < ff03 c021 05 02 0004
    > ff03 c021 05 33 0004
    < ff03 c021 06 33 0004
    > ff03 c021 06 02 0004`);
  assert.deepEqual(actions.at(-1), { kind: 'down', reason: 'terminated-by-us', detail: 'shutdown' });
});

test('a peer that rejects LCP itself or a code that LCP needs ends the link (RXJ-, RFC 1661 §4.3)', () => {
  for (const frame of ['07 61 0008 01 01 0004', '08 61 000a c021 01 01 0004']) {
    const { actions } = run(`${LCP} ${AUTH} ${NETWORK}
      > ff03 c021 ${frame}
      < ff03 c021 05 02 0004
      + 1000`);
    const down = actions.at(-1);
    assert.equal(down?.kind === 'down' && down.reason, 'lcp-failed');
  }
});

test('a peer that rejects the authentication protocol after all ends the link', () => {
  const { actions } = run(`${LCP}
    > ff03 c021 08 61 000a c223 01 04 001a
    < ff03 c021 05 02 0004
    > ff03 c021 06 02 0004`);
  const down = actions.at(-1);
  assert.equal(down?.kind === 'down' && down.reason, 'no-auth-method');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CERTIFICATE_HASHES, World } from '../support.ts';
import { answerChallenge, compoundMacOf, PASSWORD } from './mschapv2-peer.ts';
import { ScriptedPeer } from './scripted-peer.ts';

// What is known of the Windows 10 client, from traces: the HTTP request with its order of lines, the Call Connect
// Request, option values and order in LCP and IPCP, the three Identification packets, IPv6CP before IPCP, Call Connected
// between authentication and the network protocols, no answer to a Configure-Request before its own, and the broadcasts
// afterwards. Not known, and filled with plausible bytes: SNI and ALPN, the numbers of the Identifiers, the text of the
// third Identification, its answer to a Nak of its interface identifier (here: takes the suggestion), whether CCP comes
// with MS-CHAPv2 over SSTP (here: yes, in a test of its own), when it sends Echo-Requests, what it does after an abort,
// and whether DHCPINFORM really comes over SSTP (here: yes, since it does over other tunnels).

const HTTP_REQUEST = [
  'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1',
  'SSTPCORRELATIONID: {48B82435-099A-4158-A987-052E7570CFAA}',
  'Content-Length: 18446744073709551615',
  'Host: vpn.example.com',
  '\r\n',
].join('\r\n');

const CALL_CONNECT = `
  > 1001 000e 0001 0001 0001 0006 0001
  # both hash protocols and the nonce
  < 1001 0030 0002 0001 0004 0028 000000 03 <nonce:32>
`;

const LCP = `
  # Configure-Request id 0: MRU 4091, Magic-Number, PFC, ACFC, Callback (CBCP)
  > 1000 001d ff03 c021 01 00 0015 0104 0ffb 0506 3c4a7e11 0702 0802 0d03 06
  # ours: MRU 1500, MS-CHAPv2, Magic-Number; Reject of PFC, ACFC, Callback
  < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>
  < 1000 0013 ff03 c021 04 00 000b 0702 0802 0d03 06
  > 1000 001b ff03 c021 02 <lcpId> 0013 0104 05dc 0305 c223 81 0506 <magic>
  # Configure-Request id 1: MRU 4091, Magic-Number
  > 1000 0016 ff03 c021 01 01 000e 0104 0ffb 0506 3c4a7e11
  < 1000 0016 ff03 c021 02 01 000e 0104 0ffb 0506 3c4a7e11
  < 1000 0022 ff03 c223 01 <chapId:1> 001a 10 <challenge:16> 7373747064
  # Identification: MSRASV5.20, MSRAS-0-DESKTOP-7K2, and one that is no text
  > 1000 001a ff03 c021 0c 02 0012 3c4a7e11 4d53524153 56352e3230
  > 1000 0023 ff03 c021 0c 03 001b 3c4a7e11 4d53524153 2d302d4445 534b544f50 2d374b32
  > 1000 0020 ff03 c021 0c 04 0018 3c4a7e11 f1d29b0044be4b5f8c21aa9903de7712
`;

const AUTHENTICATION = `
  # Response of EXAMPLE\\alice
  > 1000 004b ff03 c223 02 <chapId> 0043 31 <peerChallenge> 0000000000000000 <ntResponse> 00 4558414d504c455c616c696365
  # Success: S=... M=Access granted
  < 1000 0047 ff03 c223 03 <chapId> 003f <success> 204d3d416363657373206772616e746564
`;

const CALL_CONNECTED = '1001 0070 0004 0001 0003 0068 000000 02 <nonce> <certificateHash> <compoundMac>';

const NETWORK = `
  # IPv6CP comes first
  > 1000 0016 ff03 8057 01 06 000e 010a 1c9f5b7e02d4a611
  < 1000 0016 ff03 8057 01 <ipv6cpId:1> 000e 010a 0000000000000001
  < 1000 0016 ff03 8057 03 06 000e 010a 000000000a090002
  # IPCP: address, DNS1, WINS1, DNS2, WINS2, all 0.0.0.0
  > 1000 002a ff03 8021 01 07 0022 0306 00000000 8106 00000000 8206 00000000 8306 00000000 8406 00000000
  # ours: 10.9.0.1; there is no WINS
  < 1000 0012 ff03 8021 01 <ipcpId:1> 000a 0306 0a090001
  < 1000 0018 ff03 8021 04 07 0010 8206 00000000 8406 00000000
  > 1000 0016 ff03 8057 02 <ipv6cpId> 000e 010a 0000000000000001
  > 1000 0016 ff03 8057 01 08 000e 010a 000000000a090002
  < 1000 0016 ff03 8057 02 08 000e 010a 000000000a090002
  > 1000 0012 ff03 8021 02 <ipcpId> 000a 0306 0a090001
  > 1000 001e ff03 8021 01 09 0016 0306 00000000 8106 00000000 8306 00000000
  < 1000 001e ff03 8021 03 09 0016 0306 0a090002 8106 09090909 8306 01010101
  > 1000 001e ff03 8021 01 0a 0016 0306 0a090002 8106 09090909 8306 01010101
  < 1000 001e ff03 8021 02 0a 0016 0306 0a090002 8106 09090909 8306 01010101
`;

const PEER_CHALLENGE = Buffer.from('21402324255e262a28295f2b3a337c7e', 'hex');

async function dial(peer: ScriptedPeer): Promise<void> {
  await peer.sendText(HTTP_REQUEST);
  assert.equal(
    await peer.httpAnswer(),
    'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\nServer: Microsoft-HTTPAPI/2.0\r\n' +
      'Date: Fri, 01 Mar 2024 12:00:00 GMT\r\n\r\n',
  );
  await peer.play(CALL_CONNECT);
}

async function authenticate(peer: ScriptedPeer): Promise<void> {
  const { ntResponse, success, hlak } = answerChallenge('alice', peer.value('challenge'), PEER_CHALLENGE);
  peer.set('peerChallenge', PEER_CHALLENGE);
  peer.set('ntResponse', ntResponse);
  peer.set('success', success);
  await peer.play(AUTHENTICATION);
  peer.set('certificateHash', CERTIFICATE_HASHES.sha256);
  peer.set('compoundMac', Buffer.alloc(32));
  peer.set('compoundMac', compoundMacOf('sha256', hlak, peer.bytesOf(`> ${CALL_CONNECTED}`)));
}

async function connect(world: World): Promise<ScriptedPeer> {
  const peer = new ScriptedPeer(world);
  await dial(peer);
  await peer.play(LCP);
  await authenticate(peer);
  await peer.play(`> ${CALL_CONNECTED}\n${NETWORK}`);
  return peer;
}

const USERS = [{ name: 'alice', password: PASSWORD }];

test('Windows 10 gets its tunnel without waiting for a timer of ours (client bytes: VyOS trace of 2024)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connect(world);

  assert.ok(peer.waitedMs < 200, `${peer.waitedMs} ms`);
  const { stage, user, ipv4, method, correlationId } = peer.connection.view;
  assert.deepEqual(
    { stage, user, ipv4, method, correlationId },
    {
      stage: 'up',
      user: 'alice',
      ipv4: '10.9.0.2',
      method: 'mschapv2',
      correlationId: '{48B82435-099A-4158-A987-052E7570CFAA}',
    },
  );
  assert.deepEqual(
    world.log.lines.filter((line) => line.level !== 'debug').map((line) => line.event),
    ['connection.accepted', 'auth.accepted', 'connection.up'],
  );
  assert.deepEqual(
    world.log.of('lcp.identification').map((line) => line.fields.text),
    ['MSRASV5.20', 'MSRAS-0-DESKTOP-7K2', '....D.K_.!....w.'],
  );
});

test('what Windows never gets: Identification, PFC or ACFC, compressed headers, a Reject of its Identification', async (t) => {
  const peer = await connect(new World(t, { users: USERS }));
  const pppFrames = peer.sentByServer.filter((packet) => packet[1] === 0x00).map((packet) => packet.subarray(4));
  assert.ok(pppFrames.length > 8);
  for (const frame of pppFrames) {
    assert.equal(frame.toString('hex', 0, 2), 'ff03');
    const [protocol, code] = [frame.readUInt16BE(2), frame[4]];
    if (protocol !== 0xc021) continue;
    // Configure-Request, -Ack, -Reject and nothing else: no Code-Reject (7), Protocol-Reject (8), Identification (12)
    assert.ok(code === 1 || code === 2 || code === 4, `LCP code ${code}`);
    if (code !== 1) continue;
    for (let at = 8; at < frame.length; at += frame[at + 1] || 1) {
      assert.ok([0x01, 0x03, 0x05].includes(frame[at] ?? 0), `LCP option ${frame[at]} asked for`);
    }
  }
  const firstLcp = peer.transcript.findIndex((line) => line.includes('ff03c021'));
  assert.equal(peer.transcript[firstLcp]?.[0], '>', "LCP of ours before the client's first frame");
});

test('Windows starts its PPP 700 ms late: the request it dropped goes out again with its first frame, not 3 s later', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = new ScriptedPeer(world);
  await dial(peer);
  // Nobody listens to this one.
  await peer.play('< 1000 001b ff03 c021 01 <unheard:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>');
  assert.equal(peer.waitedMs, world.context.config.ppp.startDelayMs);
  await world.advance(200);
  await peer.play(LCP);
  await authenticate(peer);
  await peer.play(`> ${CALL_CONNECTED}\n${NETWORK}`);
  assert.equal(world.now, 700);
  assert.equal(peer.connection.view.stage, 'up');
});

test('what Windows broadcasts once it is up is dropped, counted, and no reason for an answer or a log line', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connect(world);
  const lines = world.log.lines.length;
  // IPv4 from 10.9.0.2 to 255.255.255.255, 328 bytes: DHCPINFORM from port 68 to 67
  const dhcp = `1000 0150 ff03 0021 4500 0148 0001 0000 80 11 0000 0a090002 ffffffff 0044 0043 0134 0000 01010600 ${'00'.repeat(296)}`;
  // LLMNR to 224.0.0.252
  const llmnr = '1000 0028 ff03 0021 4500 0020 0002 0000 01 11 0000 0a090002 e00000fc 14eb 14eb 000c 0000 00000000';
  await peer.play(`> ${dhcp}\n> ${llmnr}\n`);
  await world.advance(4000, 100);
  await peer.play(`> ${dhcp}`);
  assert.deepEqual(world.tun.sent, []);
  assert.equal(world.log.lines.length, lines);
  peer.socket.deliverEnd();
  await world.advance(1);
  assert.deepEqual(world.log.of('connection.closed')[0]?.fields.drops, { dropsGroup: 3 });
});

test('packets of Windows reach the device, and those for it reach Windows behind ff03 0021', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connect(world);
  const request = '4500 001c 0003 0000 80 01 0000 0a090002 0a090001 0800 f7fd 0001 0001';
  const reply = '4500 001c 0003 0000 40 01 0000 0a090001 0a090002 0000 fffd 0001 0001';
  await peer.play(`> 1000 0024 ff03 0021 ${request}`);
  assert.deepEqual(
    world.tun.sent.map((packet) => packet.toString('hex')),
    [request.replaceAll(' ', '')],
  );
  world.tun.inject([Buffer.from(reply.replaceAll(' ', ''), 'hex')]);
  await peer.play(`< 1000 0024 ff03 0021 ${reply}`);
  assert.equal(peer.connection.view.bytesIn, 28);
  assert.equal(peer.connection.view.bytesOut, 28);
});

test('CCP of Windows gets a Protocol-Reject and the tunnel comes up all the same (RFC 1661 §5.7)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = new ScriptedPeer(world);
  await dial(peer);
  await peer.play(LCP);
  await authenticate(peer);
  await peer.play(`
    > ${CALL_CONNECTED}
    # <mppe +H +M +S +L -D -C>
    > 1000 0012 ff03 80fd 01 05 000a 1206 01000060
    < 1000 0018 ff03 c021 08 <rejectId:1> 0010 80fd 01 05 000a 1206 01000060
    ${NETWORK}
  `);
  assert.equal(peer.connection.view.stage, 'up');
});

// After its login Windows sends the requests of all protocols in one go, with one counter of Identifiers: IPv6CP (6), CCP
// (7), IPCP (8). Over carriers that encrypt by themselves its MPPE has no key bits, and when CCP is refused it ends that
// protocol with error 732 and goes on (client bytes: an L2TP server's log of 2011).
const BURST = `
  > ${CALL_CONNECTED}
  > 1000 0016 ff03 8057 01 06 000e 010a 1c9f5b7e02d4a611
  > 1000 0012 ff03 80fd 01 07 000a 1206 01000000
  > 1000 002a ff03 8021 01 08 0022 0306 00000000 8106 00000000 8206 00000000 8306 00000000 8406 00000000
`;
const END_OF_CCP = '1000 0018 ff03 80fd 05 09 0010 3c4a7e11 003ccd74 000002dc';

for (const inPieces of [false, true]) {
  test(`the burst of Windows after its login, ${inPieces ? 'byte by byte' : 'in one piece'}, and CCP's end with 732`, async (t) => {
    const world = new World(t, { users: USERS });
    const peer = new ScriptedPeer(world);
    await dial(peer);
    await peer.play(LCP);
    await authenticate(peer);
    const burst = peer.bytesOf(BURST);
    if (inPieces) for (const byte of burst) await peer.sendBytes(Buffer.of(byte));
    else await peer.sendBytes(burst);
    await peer.play(`
      < 1000 0016 ff03 8057 01 <ipv6cpId:1> 000e 010a 0000000000000001
      < 1000 0016 ff03 8057 03 06 000e 010a 000000000a090002
      < 1000 0018 ff03 c021 08 <rejectId:1> 0010 80fd 01 07 000a 1206 01000000
      < 1000 0012 ff03 8021 01 <ipcpId:1> 000a 0306 0a090001
      < 1000 0018 ff03 8021 04 08 0010 8206 00000000 8406 00000000
      > ${END_OF_CCP}
      < 1000 001e ff03 c021 08 <rejectId:1> 0016 80fd 05 09 0010 3c4a7e11 003ccd74 000002dc
      > 1000 0012 ff03 8021 02 <ipcpId> 000a 0306 0a090001
      > 1000 001e ff03 8021 01 0a 0016 0306 00000000 8106 00000000 8306 00000000
      < 1000 001e ff03 8021 03 0a 0016 0306 0a090002 8106 09090909 8306 01010101
      > 1000 001e ff03 8021 01 0b 0016 0306 0a090002 8106 09090909 8306 01010101
      < 1000 001e ff03 8021 02 0b 0016 0306 0a090002 8106 09090909 8306 01010101
    `);
    assert.equal(peer.connection.view.stage, 'up');
    assert.equal(peer.waitedMs, 0);
  });
}

test('Windows gives its address up: IPCP ends with 738, LCP with none; both are acked and the record has the error', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = new ScriptedPeer(world);
  await dial(peer);
  await peer.play(LCP);
  await authenticate(peer);
  await peer.sendBytes(peer.bytesOf(BURST));
  peer.socket.takeWritten();
  await peer.play(`
    > ${END_OF_CCP}
    < 1000 001e ff03 c021 08 <rejectId:1> 0016 80fd 05 09 0010 3c4a7e11 003ccd74 000002dc
    > 1000 0018 ff03 8021 05 0a 0010 3c4a7e11 003ccd74 000002e2
    < 1000 000c ff03 8021 06 0a 0004
    > 1000 0018 ff03 c021 05 0b 0010 3c4a7e11 003ccd74 00000000
    < 1000 000c ff03 c021 06 0b 0004
  `);
  peer.socket.deliverEnd();
  peer.socket.destroy();
  await world.advance(1);
  const view = world.attempts.find(peer.connection.id) ?? assert.fail();
  assert.equal(view.explanation?.code, '738');
  const ends = view.options.filter(({ from, packet }) => from === 'client' && packet === 'Terminate-Request');
  assert.deepEqual(
    ends.map(({ protocol, options }) => `${protocol} ${options}`),
    [
      'CCP RAS error 732 (the options of the protocol could not be agreed on)',
      'IPCP RAS error 738 (it got no address)',
      'LCP RAS error 0',
    ],
  );
});

test('Call Connected with SHA-1, and one that comes before our Success, are both taken (MS-SSTP 2.2.7, 3.3.5.2.3)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = new ScriptedPeer(world);
  await dial(peer);
  await peer.play(LCP);
  const { ntResponse, success, hlak } = answerChallenge('alice', peer.value('challenge'), PEER_CHALLENGE);
  peer.set('ntResponse', ntResponse);
  peer.set('peerChallenge', PEER_CHALLENGE);
  peer.set('success', success);
  peer.set('certificateHash', CERTIFICATE_HASHES.sha1);
  peer.set('compoundMac', Buffer.alloc(20));
  // 20 bytes of hash, 12 of padding, 20 of Compound MAC, 12 of padding
  const callConnected = `1001 0070 0004 0001 0003 0068 000000 01 <nonce> <certificateHash> ${'00'.repeat(12)} <compoundMac> ${'00'.repeat(12)}`;
  peer.set('compoundMac', compoundMacOf('sha1', hlak, peer.bytesOf(`> ${callConnected}`)));
  await peer.play(`> ${callConnected}`);
  assert.equal(peer.connection.view.stage, 'authentication');
  await peer.play(`${AUTHENTICATION}\n${NETWORK}`);
  assert.equal(peer.connection.view.stage, 'up');
});

test('Terminate-Request, then Call Disconnect: Windows gets both answers and its address is free (MS-SSTP 3.3.5.2.5)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connect(world);
  await peer.play(`
    # data as pptpd logged it
    > 1000 0018 ff03 c021 05 0b 0010 3c4a7e11 003ccd7400000000
    < 1000 000c ff03 c021 06 0b 0004
    < 1001 0014 0006 0001 0002 000c 000000 00 00000000
    > 1001 0008 0007 0000
  `);
  assert.equal(peer.socket.isEnded, true);
  assert.equal(world.pool.used, 0);
  peer.socket.deliverEnd();
  await world.advance(1);
  const [closed] = world.log.of('connection.closed');
  assert.equal(closed?.fields.reason, 'terminated-by-peer');
  assert.equal(closed?.fields.stage, 'up');
});

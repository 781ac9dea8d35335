import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CERTIFICATE_HASHES, World, type WorldOptions } from '../support.ts';
import { answerChallenge, compoundMacOf, PASSWORD } from './mschapv2-peer.ts';
import { ScriptedPeer } from './scripted-peer.ts';

// Open-SSTP-Client 1.10.2 ends the session where others shrug: see `assertTolerable`. It runs LCP, authentication, Call
// Connected, IPCP and IPv6CP one after the other and drops what belongs to a step it has not reached.
// Not known, and filled with plausible bytes: its Identifiers, its Configure-Request without a Magic-Number, and its
// Reject of ours, which is assumed because it is the harder case.

const HTTP_REQUEST = [
  'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1',
  'Content-Length: 18446744073709551615',
  'Host: vpn.example.com',
  'SSTPCORRELATIONID: {0D6F8B1C-7C5E-4E0B-9D3E-1B1F0C9A2D10}',
  '\r\n',
].join('\r\n');

const UP_TO_CHALLENGE = `
  > 1001 000e 0001 0001 0001 0006 0001
  < 1001 0030 0002 0001 0004 0028 000000 03 <nonce:32>
  # Configure-Request: MRU 1500
  > 1000 0010 ff03 c021 01 00 0008 0104 05dc
  < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>
  < 1000 0010 ff03 c021 02 00 0008 0104 05dc
  # it does not know Magic-Number
  > 1000 0012 ff03 c021 04 <lcpId> 000a 0506 <magic>
  < 1000 0015 ff03 c021 01 <lcpId:1> 000d 0104 05dc 0305 c223 81
  > 1000 0015 ff03 c021 02 <lcpId> 000d 0104 05dc 0305 c223 81
  < 1000 0022 ff03 c223 01 <chapId:1> 001a 10 <challenge:16> 7373747064
`;

const AUTHENTICATION = `
  # Response of alice
  > 1000 0043 ff03 c223 02 <chapId> 003b 31 <peerChallenge> 0000000000000000 <ntResponse> 00 616c696365
  < 1000 0047 ff03 c223 03 <chapId> 003f <success> 204d3d416363657373206772616e746564
`;

const CALL_CONNECTED = '1001 0070 0004 0001 0003 0068 000000 02 <nonce> <certificateHash> <compoundMac>';

const IPCP = `
  # address and DNS1
  > 1000 0018 ff03 8021 01 01 0010 0306 00000000 8106 00000000
  < 1000 0012 ff03 8021 01 <ipcpId:1> 000a 0306 0a090001
  < 1000 0018 ff03 8021 03 01 0010 0306 0a090002 8106 09090909
  > 1000 0012 ff03 8021 02 <ipcpId> 000a 0306 0a090001
  > 1000 0018 ff03 8021 01 02 0010 0306 0a090002 8106 09090909
  < 1000 0018 ff03 8021 02 02 0010 0306 0a090002 8106 09090909
`;

const IPV6CP = `
  > 1000 0016 ff03 8057 01 03 000e 010a 02005efffe005301
  < 1000 0016 ff03 8057 01 <ipv6cpId:1> 000e 010a 0000000000000001
  < 1000 0016 ff03 8057 03 03 000e 010a 000000000a090002
  > 1000 0016 ff03 8057 02 <ipv6cpId> 000e 010a 0000000000000001
  > 1000 0016 ff03 8057 01 04 000e 010a 000000000a090002
  < 1000 0016 ff03 8057 02 04 000e 010a 000000000a090002
`;

const PEER_CHALLENGE = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

async function accepted(world: World): Promise<ScriptedPeer> {
  const peer = new ScriptedPeer(world);
  await peer.sendText(HTTP_REQUEST);
  const answer = await peer.httpAnswer();
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.equal(answer.indexOf('\r\n\r\n'), answer.length - 4, 'the first blank line is the last line');
  return peer;
}

async function callConnected(world: World, beforeItsLogin = ''): Promise<ScriptedPeer> {
  const peer = await accepted(world);
  await peer.play(UP_TO_CHALLENGE);
  await peer.play(beforeItsLogin);
  const { ntResponse, success, hlak } = answerChallenge('alice', peer.value('challenge'), PEER_CHALLENGE);
  peer.set('peerChallenge', PEER_CHALLENGE);
  peer.set('ntResponse', ntResponse);
  peer.set('success', success);
  await peer.play(AUTHENTICATION);
  peer.set('certificateHash', CERTIFICATE_HASHES.sha256);
  peer.set('compoundMac', Buffer.alloc(32));
  peer.set('compoundMac', compoundMacOf('sha256', hlak, peer.bytesOf(`> ${CALL_CONNECTED}`)));
  await peer.play(`> ${CALL_CONNECTED}`);
  return peer;
}

const newWorld = (t: Parameters<Parameters<typeof test>[0] & object>[0], options: WorldOptions = {}): World =>
  new World(t, { users: [{ name: 'alice', password: PASSWORD }], ...options });

const MOST_CODES: Readonly<Record<number, number>> = { 49185: 11, 32801: 4, 32855: 4 };

/** Each rule of the client that ends a session, on everything we sent. */
function assertTolerable(packets: readonly Buffer[]): void {
  for (const packet of packets) {
    const shown = packet.toString('hex');
    assert.ok(packet.length <= 1508, `longer than its buffer: ${packet.length}`);
    if (packet[1] === 0x01) {
      const type = packet.readUInt16BE(4);
      assert.ok(type >= 1 && type <= 9, `SSTP message type ${type}: ${shown}`);
      continue;
    }
    assert.equal(packet.toString('hex', 4, 6), 'ff03', `no address and control octets: ${shown}`);
    const protocol = packet.readUInt16BE(6);
    const code = packet[8] ?? 0;
    const mostCode = MOST_CODES[protocol];
    if (protocol === 0xc023) {
      assert.equal(packet.length, 12, `PAP with a message, which it takes for an SSTP packet: ${shown}`);
      continue;
    }
    if (mostCode === undefined) {
      assert.ok([0xc223, 0x0021, 0x0057].includes(protocol), `protocol: ${shown}`);
      continue;
    }
    assert.ok(code <= mostCode, `code ${code}: ${shown}`);
    assert.ok(protocol !== 0xc021 || (code !== 7 && code !== 8), `Code-Reject or Protocol-Reject: ${shown}`);
    if (protocol === 0xc021 && code === 1) assert.match(shown.slice(24), /^010405dc/, 'MRU below its MTU of 1500');
    if (protocol === 0x8021 && code === 1)
      assert.equal(shown.slice(24, 28), '0306', 'asks it for more than its address');
    if (protocol === 0x8021 && code === 1) assert.equal(packet.readUInt16BE(10), 10, 'one option in our IPCP request');
  }
}

test('the strict Android client gets its tunnel without waiting for a timer of ours', async (t) => {
  const world = newWorld(t);
  const peer = await callConnected(world);
  await peer.play(`${IPCP}\n${IPV6CP}`);
  assert.ok(peer.waitedMs < 200, `${peer.waitedMs} ms`);
  assert.equal(peer.connection.view.stage, 'up');
  assert.match(peer.value('success').toString('latin1'), /^S=[0-9A-F]{40}$/);
  assertTolerable(peer.sentByServer);
});

test('the Challenge that it drops on a short path comes again within the 3 s that it waits', async (t) => {
  const world = newWorld(t);
  // Its part for CHAP has not begun when the first one comes.
  const peer = await callConnected(world, '< 1000 0022 ff03 c223 01 <chapId> 001a 10 <challenge> 7373747064');
  assert.equal(peer.waitedMs, 1000);
  await peer.play(`${IPCP}\n${IPV6CP}`);
  assert.equal(peer.connection.view.stage, 'up');
  assertTolerable(peer.sentByServer);
});

const PAP_LCP = `
  > 1001 000e 0001 0001 0001 0006 0001
  < 1001 0030 0002 0001 0004 0028 000000 03 <nonce:32>
  > 1000 0010 ff03 c021 01 00 0008 0104 05dc
  < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>
  < 1000 0010 ff03 c021 02 00 0008 0104 05dc
  # only PAP is ticked in the app
  > 1000 0010 ff03 c021 03 <lcpId> 0008 0304 c023
  < 1000 001a ff03 c021 01 <lcpId:1> 0012 0104 05dc 0304 c023 0506 <magic:4>
  > 1000 0012 ff03 c021 04 <lcpId> 000a 0506 <magic>
  < 1000 0014 ff03 c021 01 <lcpId:1> 000c 0104 05dc 0304 c023
  > 1000 0014 ff03 c021 02 <lcpId> 000c 0104 05dc 0304 c023
`;

test('PAP: an Ack of 4 bytes, and the tunnel', async (t) => {
  const world = newWorld(t, { flags: { 'auth.methods': 'mschapv2,pap' } });
  const peer = await accepted(world);
  peer.set('password', Buffer.concat([Buffer.of(PASSWORD.length), Buffer.from(PASSWORD)]));
  const length = (4 + 6 + 1 + PASSWORD.length).toString(16).padStart(4, '0');
  const packet = (4 + 4 + 4 + 6 + 1 + PASSWORD.length).toString(16).padStart(4, '0');
  await peer.play(`${PAP_LCP}
    > 1000 ${packet} ff03 c023 01 05 ${length} 05 616c696365 <password>
    < 1000 000c ff03 c023 02 05 0004`);
  peer.set('certificateHash', CERTIFICATE_HASHES.sha256);
  peer.set('compoundMac', Buffer.alloc(32));
  peer.set('compoundMac', compoundMacOf('sha256', Buffer.alloc(32), peer.bytesOf(`> ${CALL_CONNECTED}`)));
  await peer.play(`> ${CALL_CONNECTED}\n${IPCP}\n${IPV6CP}`);
  assert.equal(peer.connection.view.stage, 'up');
  assertTolerable(peer.sentByServer);
});

test('PAP: a Nak of 4 bytes for a wrong password', async (t) => {
  const world = newWorld(t, { flags: { 'auth.methods': 'mschapv2,pap' } });
  const peer = await accepted(world);
  await peer.play(`${PAP_LCP}
    > 1000 0015 ff03 c023 01 05 000d 05 616c696365 02 6e6f
    < 1000 000c ff03 c023 03 05 0004
    < 1000 000c ff03 c021 05 <endId:1> 0004`);
  assertTolerable(peer.sentByServer);
});

test('both of its keep-alives are answered, ours are of kinds it knows, and it can stay for an hour', async (t) => {
  const world = newWorld(t);
  const peer = await callConnected(world);
  await peer.play(`${IPCP}\n${IPV6CP}`);
  for (let id = 0x10; id < 0x40; id++) {
    // After 20 s of silence: SSTP and LCP Echo-Request; the latter without a magic, since it rejected ours
    await world.advance(20_000, 500);
    await peer.play(`
      > 1001 0008 0008 0000
      < 1001 0008 0009 0000
      > 1000 0010 ff03 c021 09 ${id.toString(16)} 0008 00000000
      < 1000 0010 ff03 c021 0a ${id.toString(16)} 0008 00000000
    `);
  }
  // It falls asleep: our own questions come.
  await world.advance(29_000, 500);
  await peer.play(`
    < 1000 0010 ff03 c021 09 <echoId:1> 0008 00000000
    > 1000 0010 ff03 c021 0a <echoId> 0008 00000000
  `);
  assert.equal(peer.waitedMs, 1000);
  assertTolerable(peer.sentByServer);
  assert.equal(peer.connection.view.stage, 'up');
});

test('requests of ours that it dropped are sent again when it begins, without a restart period', async (t) => {
  const world = newWorld(t, { flags: { 'pool.ipv6': '2001:db8:7::/48' } });
  const peer = await callConnected(world);
  await peer.play(IPCP);
  // Dropped by the client, whose IPv6CP has not begun.
  await peer.play('< 1000 0016 ff03 8057 01 <dropped:1> 000e 010a 0000000000000001');
  assert.equal(peer.waitedMs, world.context.config.ppp.startDelayMs);
  await world.advance(100);
  await peer.play(`
    ${IPV6CP}
    # Router Advertisement to the client: MTU 1400, 2001:db8:7:1::/64
    < 1000 0068 ff03 0057 6000000000383aff fe800000000000000000000000000001 ff020000000000000000000000000001 <advertisement:56>
  `);
  assert.match(peer.value('advertisement').toString('hex'), /^8600.*20010db80007000100000000000000000501000000000578$/);
  assert.equal(peer.waitedMs, world.context.config.ppp.startDelayMs);
  assertTolerable(peer.sentByServer);
});

test('while nobody has asked for IPv6CP and there is no IPv6 pool, we do not either', async (t) => {
  const world = newWorld(t);
  const peer = await callConnected(world);
  await peer.play(IPCP);
  await world.advance(20_000, 100);
  await peer.expectSilence();
  assert.equal(peer.connection.view.stage, 'up');
});

test('Call Disconnect and a closed socket in the same moment: everything is given back (MS-SSTP 3.3.5.2.5)', async (t) => {
  const world = newWorld(t);
  const peer = await callConnected(world);
  await peer.play(`${IPCP}\n${IPV6CP}`);
  assert.equal(world.pool.used, 1);
  await peer.play('> 1001 0008 0006 0000\n< 1001 0008 0007 0000');
  peer.socket.deliverEnd();
  await world.advance(1);
  assert.equal(world.pool.used, 0);
  assert.equal(world.table.tunnels().length, 0);
  assert.equal(world.admission.connections, 0);
  assertTolerable(peer.sentByServer);
});

test('Call Abort and a closed socket in the same moment: everything is given back (MS-SSTP 3.3.5.2.4)', async (t) => {
  const world = newWorld(t);
  const peer = await callConnected(world);
  await peer.play(`${IPCP}\n${IPV6CP}`);
  await peer.play(
    '> 1001 0014 0005 0001 0002 000c 000000 00 00000005\n< 1001 0014 0005 0001 0002 000c 000000 00 00000000',
  );
  peer.socket.destroy();
  await world.advance(1);
  assert.equal(world.pool.used, 0);
  assert.equal(world.admission.connections, 0);
  assert.equal(world.log.of('sstp.peer-status')[0]?.fields.status, 5);
});

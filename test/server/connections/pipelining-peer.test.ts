import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CERTIFICATE_HASHES, World } from '../support.ts';
import { answerChallenge, compoundMacOf, PASSWORD } from './mschapv2-peer.ts';
import { ScriptedPeer } from './scripted-peer.ts';

// A public JavaScript client writes its HTTP request, the Call Connect Request with a reserved bit set in the length
// field (0x8000) and its first LCP frame at once, before it has seen a byte of ours.

const HTTP_REQUEST = Buffer.from(
  [
    'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1',
    'Host: vpn.example.com',
    'Content-Length: 18446744073709551615',
    'SSTPCORRELATIONID: {7B3D7E0A-34A5-4B8E-9D7C-5A1E7C0F2B11}',
    '\r\n',
  ].join('\r\n'),
  'latin1',
);

const PIPELINED = `
  > 1001 800e 0001 0001 0001 0006 0001
  > 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344
`;

const ANSWERS = `
  < 1001 0030 0002 0001 0004 0028 000000 03 <nonce:32>
  < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>
  < 1000 0016 ff03 c021 02 01 000e 0104 05dc 0506 11223344
`;

const USERS = [{ name: 'alice', password: PASSWORD }];
const PEER_CHALLENGE = Buffer.from('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', 'hex');

test('HTTP request, Call Connect Request and LCP in one write: answered in order, at once (MS-SSTP 2.2.1)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = new ScriptedPeer(world);
  await peer.sendBytes(Buffer.concat([HTTP_REQUEST, peer.bytesOf(PIPELINED)]));
  assert.match(await peer.httpAnswer(), /^HTTP\/1\.1 200 OK\r\n/);
  await peer.play(ANSWERS);
  assert.equal(peer.waitedMs, 0);
});

test('the rest of the session in as few writes as it can be: one more for LCP, the Response, one for all that follows', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = new ScriptedPeer(world);
  await peer.sendBytes(Buffer.concat([HTTP_REQUEST, peer.bytesOf(PIPELINED)]));
  await peer.httpAnswer();
  await peer.play(`${ANSWERS}
    > 1000 001b ff03 c021 02 <lcpId> 0013 0104 05dc 0305 c223 81 0506 <magic>
    < 1000 0022 ff03 c223 01 <chapId:1> 001a 10 <challenge:16> 7373747064
  `);
  const { ntResponse, success, hlak } = answerChallenge('alice', peer.value('challenge'), PEER_CHALLENGE);
  peer.set('peerChallenge', PEER_CHALLENGE);
  peer.set('ntResponse', ntResponse);
  peer.set('success', success);
  peer.set('certificateHash', CERTIFICATE_HASHES.sha256);
  peer.set('compoundMac', Buffer.alloc(32));
  const callConnected = '> 1001 0070 0004 0001 0003 0068 000000 02 <nonce> <certificateHash> <compoundMac>';
  peer.set('compoundMac', compoundMacOf('sha256', hlak, peer.bytesOf(callConnected)));
  await peer.play(`
    > 1000 0043 ff03 c223 02 <chapId> 003b 31 <peerChallenge> 0000000000000000 <ntResponse> 00 616c696365
    < 1000 0047 ff03 c223 03 <chapId> 003f <success> 204d3d416363657373206772616e746564
  `);
  await peer.sendBytes(
    peer.bytesOf(`
      ${callConnected}
      # IPCP, before it knows whether its Call Connected was right
      > 1000 0012 ff03 8021 01 02 000a 0306 00000000
    `),
  );
  await peer.play(`
    < 1000 0012 ff03 8021 01 <ipcpId:1> 000a 0306 0a090001
    < 1000 0012 ff03 8021 03 02 000a 0306 0a090002
    > 1000 0012 ff03 8021 02 <ipcpId> 000a 0306 0a090001
    > 1000 0012 ff03 8021 01 03 000a 0306 0a090002
    < 1000 0012 ff03 8021 02 03 000a 0306 0a090002
  `);
  assert.equal(peer.connection.view.stage, 'up');
  assert.equal(peer.waitedMs, 0);
});

test('wherever the stream is cut in two, the answers are the same', async (t) => {
  const world = new World(t, { users: USERS, env: { SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '1000' } });
  const length = HTTP_REQUEST.length + 36;
  for (let cut = 1; cut < length; cut++) {
    const peer = new ScriptedPeer(world);
    const stream = Buffer.concat([HTTP_REQUEST, peer.bytesOf(PIPELINED)]);
    assert.equal(stream.length, length);
    await peer.sendBytes(stream.subarray(0, cut));
    await peer.sendBytes(stream.subarray(cut));
    assert.match(await peer.httpAnswer(), /^HTTP\/1\.1 200 OK\r\n/);
    await peer.play(ANSWERS);
    peer.socket.destroy();
  }
  assert.equal(world.now, 0);
});

test('LCP that comes before the Call Connect Request is not answered (MS-SSTP 3.3.7.2)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = new ScriptedPeer(world);
  const [, early = ''] = PIPELINED.trim().split('\n');
  await peer.sendBytes(Buffer.concat([HTTP_REQUEST, peer.bytesOf(early)]));
  await peer.httpAnswer();
  await peer.expectSilence();
  await peer.play(`${PIPELINED.trim().split('\n')[0]}\n< 1001 0030 0002 0001 0004 0028 000000 03 <nonce:32>`);
});

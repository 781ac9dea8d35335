/** A plain client for tests that need a session to be there: no traits of its own, every frame acknowledged at once. */

import { CERTIFICATE_HASHES, type Peer, type World } from '../support.ts';
import { answerChallenge, compoundMacOf } from './mschapv2-peer.ts';
import { ScriptedPeer } from './scripted-peer.ts';

export const HTTP_REQUEST = `SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1\r
Host: vpn.example.com\r
Content-Length: 18446744073709551615\r
SSTPCORRELATIONID: {11111111-2222-3333-4444-555555555555}\r
\r
`;

export const CALL_CONNECT = `
  > 1001 000e 0001 0001 0001 0006 0001
  < 1001 0030 0002 0001 0004 0028 000000 03 <nonce:32>
`;

export const LCP = `
  > 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344
  < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>
  < 1000 0016 ff03 c021 02 01 000e 0104 05dc 0506 11223344
  > 1000 001b ff03 c021 02 <lcpId> 0013 0104 05dc 0305 c223 81 0506 <magic>
  < 1000 0022 ff03 c223 01 <chapId:1> 001a 10 <challenge:16> 7373747064
`;

/** Of a user whose name has five letters. */
export const RESPONSE =
  '> 1000 0043 ff03 c223 02 <chapId> 003b 31 <peerChallenge> 0000000000000000 <ntResponse> 00 <name>';
export const SUCCESS = '< 1000 0047 ff03 c223 03 <chapId> 003f <success> 204d3d416363657373206772616e746564';
export const CALL_CONNECTED = '> 1001 0070 0004 0001 0003 0068 000000 02 <nonce> <certificateHash> <compoundMac>';

export const IPCP = `
  > 1000 0012 ff03 8021 01 02 000a 0306 00000000
  < 1000 0012 ff03 8021 01 <ipcpId:1> 000a 0306 0a090001
  < 1000 0012 ff03 8021 03 02 000a 0306 <address:4>
  > 1000 0012 ff03 8021 02 <ipcpId> 000a 0306 0a090001
  > 1000 0012 ff03 8021 01 03 000a 0306 <address>
  < 1000 0012 ff03 8021 02 03 000a 0306 <address>
`;

/** The HTTP answer has been read. */
export async function accepted(world: World, connection?: Peer): Promise<ScriptedPeer> {
  const peer = new ScriptedPeer(world, connection);
  await peer.sendText(HTTP_REQUEST);
  await peer.httpAnswer();
  return peer;
}

/** LCP is open, the Challenge has come; `<ntResponse>` and what follows from it are set. */
export async function challenged(world: World, name = 'alice', connection?: Peer): Promise<ScriptedPeer> {
  const peer = await accepted(world, connection);
  await peer.play(`${CALL_CONNECT}${LCP}`);
  setAnswer(peer, name, CERTIFICATE_HASHES.sha256);
  return peer;
}

/** The Success has come. */
export async function authenticated(world: World, name = 'alice', connection?: Peer): Promise<ScriptedPeer> {
  const peer = await challenged(world, name, connection);
  await peer.play(`${RESPONSE}\n${SUCCESS}`);
  return peer;
}

/** IPCP is open. */
export async function connected(world: World, name = 'alice', connection?: Peer): Promise<ScriptedPeer> {
  const peer = await authenticated(world, name, connection);
  await peer.play(`${CALL_CONNECTED}\n${IPCP}`);
  return peer;
}

/** What the user answers to the `<challenge>`, and the Call Connected of a client that saw that certificate. */
export function setAnswer(peer: ScriptedPeer, name: string, certificateHash: Buffer): void {
  const peerChallenge = Buffer.from('a0a1a2a3a4a5a6a7a8a9aaabacadaeaf', 'hex');
  const { ntResponse, success, hlak } = answerChallenge(name, peer.value('challenge'), peerChallenge);
  peer.set('name', Buffer.from(name, 'latin1'));
  peer.set('peerChallenge', peerChallenge);
  peer.set('ntResponse', ntResponse);
  peer.set('success', success);
  peer.set('certificateHash', certificateHash);
  peer.set('compoundMac', Buffer.alloc(32));
  peer.set('compoundMac', compoundMacOf('sha256', hlak, peer.bytesOf(CALL_CONNECTED)));
}

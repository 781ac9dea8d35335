/** What each write to the TLS stream holds, in whole sessions: clients notice (datapath/outgoing-frames.ts). */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hex, ipv4 } from '../../datapath/packets.ts';
import { CERTIFICATE_HASHES, settle, World } from '../support.ts';
import { PASSWORD } from './mschapv2-peer.ts';
import { ScriptedPeer } from './scripted-peer.ts';
import { CALL_CONNECT, CALL_CONNECTED, IPCP, LCP, RESPONSE, SUCCESS, setAnswer } from './session.ts';

const START = 'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ HTTP/1.1';
const HOST = 'Host: vpn.example.com';
const LENGTH = 'Content-Length: 18446744073709551615';
const BRACED = 'SSTPCORRELATIONID: {48B82435-099A-4158-A987-052E7570CFAA}';

/** IPv6CP, CCP and IPCP in one chunk, as Windows sends them behind its Call Connected. */
const BURST = `
  > 1000 0016 ff03 8057 01 06 000e 010a 0123456789abcdef
  > 1000 0012 ff03 80fd 01 07 000a 1206 01000000
  > 1000 0012 ff03 8021 01 08 000a 0306 00000000
`;

/** Notes what every write held from now on. */
function watchWrites(peer: ScriptedPeer): Buffer[] {
  const writes: Buffer[] = [];
  const { socket } = peer;
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, done) => {
    writes.push(Buffer.from(chunk));
    write(chunk, encoding, done);
  };
  return writes;
}

function assertSinglePackets(writes: readonly Buffer[]): void {
  for (const bytes of writes) {
    assert.equal(bytes.length, bytes.readUInt16BE(2) & 0x0fff, `more than one packet: ${bytes.toString('hex')}`);
  }
}

async function session(t: TestContext, ...headers: string[]) {
  const world = new World(t, { users: [{ name: 'alice', password: PASSWORD }] });
  const peer = new ScriptedPeer(world);
  await peer.sendText(`${[START, ...headers].join('\r\n')}\r\n\r\n`);
  await peer.httpAnswer();
  const writes = watchWrites(peer);
  await peer.play(`${CALL_CONNECT}${LCP}`);
  setAnswer(peer, 'alice', CERTIFICATE_HASHES.sha256);
  return { world, peer, writes };
}

test('every control packet of a session is written alone, also those of one turn', async (t) => {
  const { peer, writes } = await session(t, BRACED, LENGTH, HOST);
  await peer.play(`${RESPONSE}\n${SUCCESS}`);
  const before = writes.length;
  const sent = [CALL_CONNECTED, '> 1001 0008 0008 0000', '> 1000 0012 ff03 8021 01 08 000a 0306 00000000'];
  await peer.sendBytes(Buffer.concat(sent.map((packet) => peer.bytesOf(packet))));
  await settle();
  const types = writes.slice(before).map((bytes) => bytes.subarray(4, 6).toString('hex'));
  assert.ok(types.includes('0009') && types.includes('ff03'), `Echo Response and IPCP: ${types}`);
  assertSinglePackets(writes);
});

test('the answers to a burst of three, and the end, are written one by one', async (t) => {
  const { peer, writes } = await session(t, BRACED, LENGTH, HOST);
  await peer.play(`${RESPONSE}\n${SUCCESS}\n${CALL_CONNECTED}`);
  const before = writes.length;
  await peer.sendBytes(peer.bytesOf(BURST));
  await settle();
  const answers = writes.slice(before).map((bytes) => bytes.subarray(6, 9).toString('hex'));
  assert.ok(answers.includes('805703') || answers.includes('805702'), `IPv6CP is answered: ${answers}`);
  assert.ok(answers.includes('c02108'), `CCP is rejected: ${answers}`);
  assert.ok(answers.includes('802101') && answers.includes('802103'), `IPCP asks and is answered: ${answers}`);
  peer.connection.disconnect('killed-by-admin');
  await settle();
  assertSinglePackets(writes);
});

const CLIENTS: readonly (readonly [name: string, isAlone: boolean, headers: readonly string[]])[] = [
  ['Windows', false, [BRACED, LENGTH, HOST]],
  ['sstp-client 1.0.18', true, [HOST, LENGTH, 'SSTPCORRELATIONID: {46649A51-9601-AEDC-25A63085}']],
];

for (const [name, isAlone, headers] of CLIENTS) {
  test(`20 packets that wait for ${name} ${isAlone ? 'are 20 writes' : 'are one write'}`, async (t) => {
    const { world, peer, writes } = await session(t, ...headers);
    await peer.play(`${RESPONSE}\n${SUCCESS}\n${CALL_CONNECTED}\n${IPCP}`);
    const before = writes.length;
    const packet = ipv4('cb007105', peer.value('address').toString('hex'), hex('01'));
    world.tun.inject(Array.from({ length: 20 }, () => packet));
    await settle();
    assert.equal(writes.length - before, isAlone ? 20 : 1);
    assert.equal(Buffer.concat(writes.slice(before)).length, 20 * (8 + packet.length));
  });
}

/** Peers that do what no client should, in literal bytes, against the real server: each ends as the spec says. */
// Needs: curl
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';
import { CALL_ABORT, CONNECT_ACK, type ControlMessage, hex, IPCP, LCP, RawPeer } from '../support/raw-peer.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const CONFIG = `
tls: { handshakeMs: 700 }
http: { preambleMs: 700 }
sstp: { negotiationMs: 1000 }
auth: { methods: [pap], timeoutMs: 600 }
ppp: { restartMs: 100 }
`;

let lab: VpnLab;
let server: SstpdServer;
let door: string;
let from: number;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({ args: ['--config', lab.file('config.yaml', CONFIG)] });
    door = await lab.door();
  },
  () => lab?.destroy(),
);
beforeEach(() => {
  from = server?.mark ?? 0;
});

const closed = ({ correlationId }: RawPeer) => server.logged('connection.closed', { correlationId });

/** Header 8, attribute: reserved, id, length, reserved 3, attribute id, status 4 (MS-SSTP 2.2.8). */
function statusInfo({ bytes }: ControlMessage): { attribute: number | undefined; status: number } {
  return { attribute: bytes[15], status: bytes.readUInt32BE(16) };
}

test('a peer that does everything right is up: what the others do wrong is what ends them', { skip }, async () => {
  const { peer, address } = await RawPeer.up(door, USER, PASSWORD);
  assert.match(address.toString('hex'), /^0a5600/);
  const [session] = await server.sessions();
  assert.equal(session?.ipv4, [...address].join('.'));
  peer.destroy();
  assert.equal((await closed(peer)).stage, 'up');
});

const BINDINGS = [
  {
    name: 'another certificate hash: somebody decrypts TLS in between',
    alter: (parts) => ({ ...parts, certificateHash: Buffer.alloc(32, 0xee) }),
    wrong: ['certificate-hash'],
    explanation: 'client saw another certificate: TLS interception or offload in between',
  },
  {
    name: 'the nonce of another connection',
    alter: (parts) => ({ ...parts, nonce: Buffer.alloc(32, 0xee) }),
    wrong: ['nonce'],
    explanation: 'the Crypto Binding of the client does not fit this connection',
  },
  {
    name: 'a Compound MAC under another key',
    alter: (parts) => ({ ...parts, hlak: Buffer.alloc(32, 1) }),
    wrong: ['compound-mac'],
    explanation: 'the Crypto Binding of the client does not fit this connection',
  },
] satisfies {
  name: string;
  alter: Parameters<RawPeer['sendCallConnected']>[0];
  wrong: string[];
  explanation: string;
}[];

for (const { name, alter, wrong, explanation } of BINDINGS) {
  test(`Crypto Binding with ${name}: Call Abort, nothing passes (MS-SSTP 3.3.5.2.3)`, { skip }, async () => {
    const peer = await RawPeer.pap(door, USER, PASSWORD);
    peer.sendCallConnected(alter);
    const abort = await peer.control(CALL_ABORT);
    assert.deepEqual(statusInfo(abort), { attribute: 0x03, status: 0x04 });
    const log = await server.logged('sstp.binding-failed', {}, from);
    assert.deepEqual({ wrong: log.wrong, explanation: log.explanation }, { wrong, explanation });
    const packets = await peer.hangUp();
    assert.deepEqual(
      packets.filter((each) => each.kind === 'ppp' && each.protocol !== LCP),
      [],
    );
    const { stage, reason } = await closed(peer);
    assert.deepEqual({ stage, reason }, { stage: 'binding', reason: 'crypto-binding-failed' });
  });
}

test('a Call Connected that another connection has used, replayed byte for byte, is refused', { skip }, async () => {
  const first = await RawPeer.pap(door, USER, PASSWORD);
  const second = await RawPeer.pap(door, USER, PASSWORD);
  first.sendCallConnected();
  // With PAP the nonce is all that differs between the two, so these are the same bytes.
  second.sendCallConnected((parts) => ({ ...parts, nonce: first.nonce }));
  assert.deepEqual(statusInfo(await second.control(CALL_ABORT)), { attribute: 0x03, status: 0x04 });
  assert.deepEqual((await server.logged('sstp.binding-failed', {}, from)).wrong, ['nonce']);
  await second.hangUp();
  first.destroy();
});

test('IP packets before Call Connected are dropped and counted; the connection goes on', { skip }, async () => {
  const peer = await RawPeer.pap(door, USER, PASSWORD);
  // ICMP Echo to 10.86.0.1 from 10.86.0.2; whether the checksums are right is never asked.
  const ping = '4500001c00004000400100000a5600020a560001 0800000000010001';
  peer.sendPpp(0x0021, hex(ping));
  peer.sendPpp(0x0021, hex(ping));
  peer.sendCallConnected();
  assert.equal((await peer.negotiate(IPCP, '0306 00000000')).length, 6);
  peer.destroy();
  const { stage, drops, bytesIn } = await closed(peer);
  assert.deepEqual({ stage, drops, bytesIn }, { stage: 'up', drops: { dropsClosed: 2 }, bytesIn: 0 });
});

test('a peer that only opens TCP is hung up on after tls.handshakeMs', { skip }, async () => {
  const socket = await RawPeer.tcp(door);
  const end = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  await end;
});

test('a peer that only speaks TLS is hung up on after http.preambleMs', { skip }, async () => {
  const peer = await RawPeer.tls(door);
  await peer.ended();
  const { stage } = await server.logged('connection.closed', { reason: 'http-timeout' }, from);
  assert.equal(stage, 'http');
});

test('a peer that stops behind its HTTP request gets a Call Abort after the negotiation timer (MS-SSTP 3.3.6.1)', {
  skip,
}, async () => {
  const peer = await RawPeer.http(door);
  assert.equal(statusInfo(await peer.control(CALL_ABORT)).status, 0x08);
  // It does not hang up either: the server does, after the abort timers.
  await peer.ended();
  const { stage, reason } = await closed(peer);
  assert.deepEqual({ stage, reason }, { stage: 'sstp', reason: 'negotiation-timeout' });
});

test('a peer that never answers in PPP is ended by the server', { skip }, async () => {
  const peer = await RawPeer.sstp(door);
  await peer.ppp(LCP);
  assert.equal(statusInfo(await peer.control(CALL_ABORT)).status, 0x08);
  await peer.hangUp();
  assert.equal((await closed(peer)).stage, 'lcp');
});

test('a peer that never authenticates is ended after auth.timeoutMs', { skip }, async () => {
  const peer = await RawPeer.lcp(door);
  await peer.endedInOrder();
  const { stage, reason } = await closed(peer);
  assert.deepEqual({ stage, reason }, { stage: 'authentication', reason: 'auth-timeout' });
});

test('a peer that closes its half of the connection is gone, and its address is free', { skip }, async () => {
  const { peer } = await RawPeer.up(door, USER, PASSWORD);
  peer.halfClose();
  const { reason, stage } = await closed(peer);
  assert.deepEqual({ reason, stage }, { reason: 'closed-by-peer', stage: 'up' });
  assert.deepEqual(await server.sessions(), []);
});

const GARBAGE = [
  { name: 'bytes that are no SSTP packet', bytes: 'deadbeef deadbeef' },
  { name: 'a packet with another version', bytes: '2001000e00010001000100060001' },
  { name: 'a packet shorter than its header', bytes: '10010003' },
];

for (const { name, bytes } of GARBAGE) {
  test(`${name} behind the HTTP answer: the connection is closed without a word (MS-SSTP 3.1.5.1)`, {
    skip,
  }, async () => {
    const peer = await RawPeer.http(door);
    peer.send(hex(bytes));
    assert.deepEqual(await peer.ended(), []);
    assert.equal((await closed(peer)).reason, 'framing-error');
  });
}

test('the four reserved bits above the length are ignored (MS-SSTP 2.2.1)', { skip }, async () => {
  const peer = await RawPeer.http(door);
  peer.send(hex('1001800e00010001000100060001'));
  await peer.control(CONNECT_ACK);
  peer.destroy();
});

test('a control message with a length that its attributes do not fill gets a Call Abort', { skip }, async () => {
  const peer = await RawPeer.http(door);
  peer.send(hex(`1001 0ffe 0001 0001 0001 0006 0001 ${'00'.repeat(4080)}`));
  await peer.control(CALL_ABORT);
  await peer.hangUp();
});

test('a browser gets the web page, also on the address where the tunnels are', { skip }, async () => {
  const page = await lab.client().run('curl', ['-sk', '--max-time', '10', '-i', 'https://198.18.0.1/']);
  assert.match(page, /^HTTP\/1\.1 200 /);
  assert.match(page, /<h1>It works<\/h1>/);
  const missing = await lab
    .client()
    .run('curl', ['-sk', '-o', '/dev/null', '-w', '%{http_code}', 'https://198.18.0.1/x']);
  assert.equal(missing, '404');
});

test('the certificate stands the check of a client that trusts the CA', { skip }, async () => {
  await lab.client().run('curl', ['-s', '--cacert', server.caFile, '-o', '/dev/null', 'https://198.18.0.1/']);
});

test('HTTP without TLS on the port does not disturb anybody', { skip }, async () => {
  const { code } = await lab.client().exec('curl', ['-s', '--max-time', '10', 'http://198.18.0.1:443/']);
  assert.notEqual(code, 0);
  const failed = await server.logged('tls.failed', {}, from);
  assert.match(String(failed.peer), /^198\.18\.1\.2:/);
});

test('SSTP requests that are wrong get an HTTP status, not a tunnel', { skip }, async () => {
  const peer = await RawPeer.tls(door);
  peer.send(
    Buffer.from('SSTP_DUPLEX_POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n'),
  );
  assert.match(await peer.rest(), /^HTTP\/1\.1 404 /);
});

test('after all that the server serves: a client connects and pings', { skip }, async () => {
  const client = lab.connect({ args: ['--auth', 'pap'] });
  await client.up();
  await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  await client.stop();
  assert.deepEqual(server.process.lines({ level: 'error' }), []);
  assert.equal((await server.stop()).status, 0);
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { PppServerLink } from '../../../ppp/index.ts';
import { SstpServerMachine } from '../../../sstp/index.ts';
import { CERTIFICATE_HASHES, settle, World } from '../support.ts';
import { PASSWORD } from './mschapv2-peer.ts';
import type { ScriptedPeer } from './scripted-peer.ts';
import {
  accepted,
  authenticated,
  CALL_CONNECT,
  CALL_CONNECTED,
  challenged,
  connected,
  IPCP,
  LCP,
  RESPONSE,
  SUCCESS,
  setAnswer,
} from './session.ts';

const USERS = [
  { name: 'alice', password: PASSWORD },
  { name: 'bobby', password: PASSWORD },
  { name: 'fixed', password: PASSWORD, ipv4: 0x0a090063 },
  { name: 'wrong', password: 'another one' },
];

/** E=691 R=1 C=... V=3 M=..., of whatever length. */
async function failure(peer: ScriptedPeer): Promise<string> {
  const packet = peer.socket.takeWritten();
  assert.equal(packet.toString('hex', 4, 9), 'ff03c22304', 'a CHAP Failure');
  return packet.toString('latin1', 12);
}

const packetTo = (address: string): Buffer =>
  Buffer.from(`4500001c0003000040010000 0a090001 ${address} 0000fffd00010001`.replaceAll(' ', ''), 'hex');

const packet6To = (address: string): Buffer =>
  Buffer.from(`6000000000003b40 20010db8ffff00000000000000000001 ${address}`.replaceAll(' ', ''), 'hex');

test('the verdict of a connection that is gone has no effect', async (t) => {
  const world = new World(t, { users: USERS });
  world.failLogin('192.0.2.7', 'alice');
  const peer = await challenged(world);
  await peer.play(RESPONSE); // right, but it has to wait
  peer.socket.destroy();
  await world.advance(10_000, 100);
  assert.deepEqual(world.log.of('auth.accepted'), []);
  assert.equal(peer.socket.takeWritten().length, 0);
  assert.equal(world.pool.used, 0);
  assert.deepEqual(world.log.of('connection.closed')[0]?.fields.stage, 'authentication');
});

test('an attempt that has to wait is not judged before, so nothing that it costs can show; who leaves has guessed nothing', async (t) => {
  const world = new World(t, { users: USERS });
  const { authenticator } = world;
  world.failLogin('192.0.2.7', 'somebody');
  const verify = t.mock.method(authenticator, 'verify');
  const peer = await challenged(world);
  await peer.play(RESPONSE);
  await world.advance(499);
  assert.equal(verify.mock.callCount(), 0);
  peer.socket.destroy();
  await settle();
  assert.equal(verify.mock.callCount(), 0);
  await world.advance(600_000, 60_000);
  assert.equal(world.delayAt('192.0.2.7'), 0);
});

for (const name of ['alice', 'wrong']) {
  test(`after a failure from the address the next verdict waits 500 ms, right or wrong (${name})`, async (t) => {
    const world = new World(t, { users: USERS });
    world.failLogin('192.0.2.7', 'somebody');
    const peer = await challenged(world, name);
    await peer.play(RESPONSE);
    await world.advance(499);
    await peer.expectSilence();
    await world.advance(1);
    assert.notEqual(peer.socket.takeWritten().length, 0);
  });
}

test('a wrong password: Failure with R=1 and a log line with its reason but without the password', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await challenged(world, 'wrong');
  peer.socket.deliver(peer.bytesOf(RESPONSE));
  await settle();
  assert.match(await failure(peer), /^E=691 R=1 C=[0-9A-F]{32} V=3 M=./);
  const [line] = world.log.of('auth.refused');
  assert.equal(line?.level, 'warn');
  const { user, method, reason, errorCode, delayMs, peer: from } = line?.fields ?? {};
  assert.deepEqual(
    { user, method, reason, errorCode, delayMs, from },
    {
      user: 'wrong',
      method: 'mschapv2',
      reason: 'wrong-password',
      errorCode: 691,
      delayMs: 0,
      from: '192.0.2.7:50123',
    },
  );
  assert.equal(peer.connection.view.user, undefined);
  const secrets = [peer.value('ntResponse').toString('hex'), 'another one', PASSWORD];
  for (const secret of secrets) assert.ok(!JSON.stringify(world.log.lines).includes(secret));
});

test('a session writes no secret to the log, at any level', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  peer.connection.disconnect('killed-by-admin');
  await world.advance(10_000, 100);
  const text = JSON.stringify(world.log.lines);
  for (const name of ['ntResponse', 'challenge', 'peerChallenge', 'nonce', 'compoundMac', 'success']) {
    const bytes = peer.value(name);
    for (const form of [bytes.toString('hex'), bytes.toString('base64'), JSON.stringify([...bytes])]) {
      assert.ok(!text.includes(form), name);
    }
  }
  assert.ok(!text.includes(PASSWORD));
});

test('a store that cannot be read ends the connection and is an error for the operator', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await challenged(world);
  t.mock.method(world.authenticator, 'verify', () => {
    throw new Error('disk is gone');
  });
  await peer.play(RESPONSE);
  assert.equal(peer.socket.destroyed, true);
  assert.match(String(world.log.of('connection.fault')[0]?.fields.error), /disk is gone/);
  assert.equal(world.log.of('connection.fault')[0]?.level, 'error');
});

test('an error of ours while a timer runs ends that connection and no other', async (t) => {
  const world = new World(t, { users: USERS });
  const other = await connected(world, 'bobby');
  const peer = await accepted(world);
  await peer.play(CALL_CONNECT);
  const handle = PppServerLink.prototype.handle;
  t.mock.method(PppServerLink.prototype, 'handle', function (this: PppServerLink, ...args: Parameters<typeof handle>) {
    if (args[0].kind === 'timeout' && this.phase === 'Establish') throw new Error('made up');
    return handle.apply(this, args);
  });
  await world.advance(500, 1);
  assert.equal(peer.socket.destroyed, true);
  const timers = t.mock.method(globalThis, 'setTimeout');
  await world.advance(100, 1);
  assert.equal(timers.mock.callCount(), 0, 'no timer is left to run for it');
  assert.match(String(world.log.of('connection.fault')[0]?.fields.error), /made up\n +at /);
  assert.equal(world.log.of('connection.closed')[0]?.fields.reason, 'internal-error');
  assert.equal(other.connection.view.stage, 'up');
});

test('the same for the timer of SSTP', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await accepted(world);
  t.mock.method(SstpServerMachine.prototype, 'handle', () => {
    throw new Error('made up');
  });
  await world.advance(60_000, 1000);
  assert.equal(peer.socket.destroyed, true);
  const timers = t.mock.method(globalThis, 'setTimeout');
  await world.advance(100, 1);
  assert.equal(timers.mock.callCount(), 0, 'no timer is left to run for it');
});

const ABORT_WRONG_BINDING = '< 1001 0014 0005 0001 0002 000c 000000 03 00000004';

test('another certificate and nothing else wrong: the log says interception, the client gets its Call Abort (MS-SSTP 3.3.5.2.3)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await authenticated(world);
  const theirs = createHash('sha256').update('certificate of a proxy').digest();
  setAnswer(peer, 'alice', theirs); // its Compound MAC fits what it saw
  await peer.play(`${CALL_CONNECTED}\n${ABORT_WRONG_BINDING}`);
  const [line] = world.log.of('sstp.binding-failed');
  assert.equal(line?.level, 'warn');
  assert.deepEqual(line?.fields.wrong, ['certificate-hash']);
  assert.match(String(line?.fields.explanation), /interception/);
  assert.equal(line?.fields.clientCertificateHash, theirs.toString('hex'));
  assert.equal(world.pool.used, 0);
  await world.advance(3000, 100);
  assert.equal(peer.socket.isEnded, true);
  peer.socket.deliverEnd();
  await settle();
  assert.equal(world.log.of('connection.closed')[0]?.fields.reason, 'crypto-binding-failed');
});

for (const [field, wrong] of [
  ['compoundMac', ['compound-mac']],
  ['nonce', ['nonce', 'compound-mac']],
  ['certificateHash', ['certificate-hash', 'compound-mac']],
] as const) {
  test(`a Call Connected with a wrong ${field} is refused, and nobody speaks of interception (MS-SSTP 3.3.5.2.3)`, async (t) => {
    const world = new World(t, { users: USERS });
    const peer = await authenticated(world);
    peer.set(field, Buffer.alloc(32, 0x5a));
    await peer.play(`${CALL_CONNECTED}\n${ABORT_WRONG_BINDING}`);
    const [line] = world.log.of('sstp.binding-failed');
    assert.deepEqual(line?.fields.wrong, wrong);
    assert.doesNotMatch(String(line?.fields.explanation), /interception/);
    assert.equal(peer.connection.view.reason, 'crypto-binding-failed');
  });
}

test('IP packets before Call Connected and before IPCP do not reach the device (MS-SSTP 3.3.5.2.3)', async (t) => {
  const world = new World(t, { users: USERS });
  const data = '> 1000 0024 ff03 0021 4500 001c 0003 0000 80 01 0000 0a090002 0a090001 0800 f7fd 0001 0001';
  const peer = await accepted(world);
  await peer.play(`${data}\n${CALL_CONNECT}\n${data}\n${LCP}`);
  setAnswer(peer, 'alice', peer.value('nonce'));
  await peer.play(data);
  assert.deepEqual(world.tun.sent, []);
  const up = await authenticated(world, 'bobby');
  await up.play(`${CALL_CONNECTED}\n${data}`);
  assert.deepEqual(world.tun.sent, []);
  await up.play(`${IPCP}\n${data}`);
  assert.equal(world.tun.sent.length, 1);
});

/** Each way a session can end, and the reason that stands in its last line. */
const ENDS: readonly { name: string; reason: string; end: (peer: ScriptedPeer, world: World) => Promise<unknown> }[] = [
  { name: 'the client closes', reason: 'closed-by-peer', end: async (peer) => peer.socket.deliverEnd() },
  { name: 'the socket breaks', reason: 'socket-error', end: async (peer) => peer.socket.destroy(new Error('x')) },
  {
    name: 'LCP Terminate-Request',
    reason: 'terminated-by-peer',
    end: (peer) =>
      peer.play(`
        > 1000 000c ff03 c021 05 09 0004
        < 1000 000c ff03 c021 06 09 0004
        < 1001 0014 0006 0001 0002 000c 000000 00 00000000
      `),
  },
  {
    name: 'Call Disconnect',
    reason: 'disconnected-by-peer',
    end: (peer) => peer.play('> 1001 0008 0006 0000\n< 1001 0008 0007 0000'),
  },
  {
    name: 'Call Abort',
    reason: 'aborted-by-peer',
    end: (peer) => peer.play('> 1001 0008 0005 0000\n< 1001 0014 0005 0001 0002 000c 000000 00 00000000'),
  },
  {
    name: 'a message that does not belong here',
    reason: 'aborted',
    end: (peer) =>
      peer.play('> 1001 000e 0001 0001 0001 0006 0001\n< 1001 0014 0005 0001 0002 000c 000000 02 00000005'),
  },
  {
    name: 'a message that is none',
    reason: 'aborted',
    end: (peer) => peer.play('> 1001 0008 0063 0000\n< 1001 0014 0005 0001 0002 000c 000000 02 00000007'),
  },
  {
    name: 'a stream that is no SSTP',
    reason: 'framing-error',
    end: async (peer) => peer.sendBytes(Buffer.alloc(4, 0xff)),
  },
  {
    name: 'silence',
    reason: 'peer-silent',
    end: async (_peer, world) => world.advance(200_000, 1000),
  },
  { name: 'kill', reason: 'killed-by-admin', end: async (peer) => peer.connection.disconnect('killed-by-admin') },
  { name: 'kill by force', reason: 'killed-by-admin', end: async (peer) => peer.connection.destroy('killed-by-admin') },
  {
    name: 'a client that does not read',
    reason: 'peer-not-reading',
    end: async (peer, world) => {
      peer.socket.isStalled = true;
      for (let batch = 0; batch < 3; batch++) {
        world.tun.inject([packetTo('0a090002')]);
        await settle();
      }
      const echo = Buffer.from('1001000800080000', 'hex');
      for (let i = 0; i < 3; i++) await peer.sendBytes(Buffer.concat(Array.from({ length: 4100 }, () => echo)));
    },
  },
];

for (const { name, reason, end } of ENDS) {
  test(`whichever way a session ends, all it had is given back: ${name}`, async (t) => {
    const world = new World(t, { users: USERS, flags: { 'pool.ipv6': '2001:db8:7::/48' } });
    const peer = await connected(world);
    await peer.play(`
      > 1000 0016 ff03 8057 01 06 000e 010a 000000000a090002
      < 1000 0016 ff03 8057 01 <ipv6cpId:1> 000e 010a 0000000000000001
      < 1000 0016 ff03 8057 02 06 000e 010a 000000000a090002
      > 1000 0016 ff03 8057 02 <ipv6cpId> 000e 010a 0000000000000001
      < 1000 0068 ff03 0057 <advertisement:96>
    `);
    world.tun.inject([packetTo('0a090002')]);
    await peer.play('< 1000 0024 ff03 0021 <echo:28>');
    assert.equal(world.pool.used, 1);
    assert.equal(world.prefixes?.used, 1);
    const forgotten = t.mock.method(world.context.advertiser ?? assert.fail(), 'remove');
    await end(peer, world);
    await world.advance(10_000, 500);
    peer.socket.destroy();
    await settle();
    assert.equal(world.pool.used, 0);
    assert.equal(world.prefixes?.used, 0);
    assert.equal(world.admission.connections, 0);
    assert.ok(forgotten.mock.callCount() > 0, 'no more Router Advertisements');
    assert.equal(world.chunks.usedBytes, 0);
    const warnings = world.log.of('sstp.bad-message').map((line) => line.level);
    assert.deepEqual(warnings, name === 'a message that is none' ? ['warn'] : []);
    const [closed, ...more] = world.log.of('connection.closed');
    assert.deepEqual(more, []);
    assert.equal(closed?.fields.reason, reason);
    const { dropsUnknown } = world.path.counters;
    world.tun.inject([packetTo('0a090002'), packet6To('20010db8000700010000000000000005')]);
    world.tun.inject([packet6To('fe80000000000000000000000a090002')]);
    assert.equal(world.path.counters.dropsUnknown, dropsUnknown + 3, 'the router has forgotten it');
    await world.advance(600_000, 60_000);
    assert.deepEqual(world.log.of('connection.closed').length, 1);
  });
}

test('what the last drop that a client does not read would have opened stays closed', async (t) => {
  const world = new World(t, { users: USERS });
  const { counters } = world.path; // the router listens from here on
  const peer = await authenticated(world);
  const [request = '', ours = '', nak = '', ack = '', again = ''] = IPCP.trim().split('\n');
  await peer.play([CALL_CONNECTED, request, ours, nak, ack].join('\n'));
  peer.socket.isStalled = true;
  const echo = Buffer.from('1001000800080000', 'hex');
  await peer.sendBytes(echo); // its answer is on the way, what follows fills the 64 KiB that may wait
  await peer.sendBytes(Buffer.concat(Array.from({ length: 8192 }, () => echo)));
  assert.equal(peer.socket.destroyed, false);
  await peer.sendBytes(peer.bytesOf(again)); // its Ack is one packet too many, and would be followed by IPCP up
  assert.equal(peer.socket.destroyed, true);
  assert.equal(world.pool.used, 0);
  assert.deepEqual(world.log.of('connection.up'), []);
  world.tun.inject([packetTo('0a090002')]);
  assert.equal(counters.dropsUnknown, 1);
});

test('after a renegotiation of LCP the verdict on the first Response is not taken for the second', async (t) => {
  const world = new World(t, { users: USERS });
  world.failLogin('192.0.2.7', 'somebody');
  const peer = await challenged(world);
  await peer.play(RESPONSE); // right, held back for 500 ms
  await peer.play(LCP.replace('c021 01 01 000e', 'c021 01 02 000e').replace('c021 02 01 000e', 'c021 02 02 000e'));
  setAnswer(peer, 'wrong', peer.value('certificateHash'));
  await peer.play(RESPONSE);
  await world.advance(500);
  await peer.expectSilence();
  await peer.play('< 1000 0022 ff03 c223 01 <chapId> 001a 10 <challenge> 7373747064');
  peer.socket.deliver(peer.bytesOf(RESPONSE));
  await world.advance(1000);
  assert.match(await failure(peer), /^E=691 R=1/);
  assert.deepEqual(world.log.of('auth.accepted'), []);
});

test('a second session of a user with a fixed address takes it over; the first is told to go (MS-SSTP 3.3.4)', async (t) => {
  const world = new World(t, { users: USERS });
  const first = await connected(world, 'fixed');
  assert.equal(first.value('address').toString('hex'), '0a090063');
  const second = await connected(world, 'fixed');
  assert.equal(second.value('address').toString('hex'), '0a090063');
  await first.play('< 1000 000c ff03 c021 05 <id:1> 0004');

  world.tun.inject([packetTo('0a090063')]);
  await second.play('< 1000 0024 ff03 0021 <echo:28>');
  await first.expectSilence();
  const stolen = '4500 001c 0003 0000 80 01 0000 0a090063 0a090001 0800 f7fd 0001 0001';
  await first.play(`> 1000 0024 ff03 0021 ${stolen}`);
  assert.deepEqual(world.tun.sent, [], 'the first no longer speaks for the address');

  await first.play(`
    > 1000 000c ff03 c021 06 <id> 0004
    < 1001 0014 0006 0001 0002 000c 000000 00 00000000
    > 1001 0008 0007 0000
  `);
  first.socket.deliverEnd();
  await settle();
  assert.equal(world.log.of('connection.closed')[0]?.fields.reason, 'replaced-by-new-connection');
  world.tun.inject([packetTo('0a090063')]);
  await second.play('< 1000 0024 ff03 0021 <echo:28>');
  assert.equal(world.pool.used, 1);
});

test('users.maxPerUser: one more session ends the oldest', async (t) => {
  const world = new World(t, { users: USERS, env: { SSTPD_USERS_MAX_PER_USER: '2' } });
  const peers = [await connected(world), await connected(world), await connected(world, 'bobby')];
  await connected(world);
  assert.deepEqual(
    peers.map((peer) => peer.connection.view.reason),
    ['replaced-by-new-connection', undefined, undefined],
  );
});

test('no address left: an error line for the operator, a Terminate-Request for the client', async (t) => {
  const world = new World(t, { users: USERS, prefixLength: 30 });
  await connected(world, 'bobby'); // .2 is the only address of a /30 besides ours
  const peer = await authenticated(world);
  await peer.play(`${CALL_CONNECTED}\n< 1000 000c ff03 c021 05 <id:1> 0004`);
  assert.deepEqual(
    world.log.of('pool.exhausted').map((line) => [line.level, line.fields.user]),
    [['error', 'alice']],
  );
  assert.equal(peer.connection.view.reason, undefined);
  await peer.play(`
    > 1000 000c ff03 c021 06 <id> 0004
    < 1001 0014 0006 0001 0002 000c 000000 00 00000000
  `);
  assert.equal(peer.connection.view.reason, 'no-address');
});

test('disconnect: Terminate-Request, its Ack, Call Disconnect with Status Info, its Ack, end (MS-SSTP 3.3.4)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  peer.connection.disconnect('server-shutdown');
  await peer.play(`
    < 1000 000c ff03 c021 05 <id:1> 0004
    > 1000 000c ff03 c021 06 <id> 0004
    < 1001 0014 0006 0001 0002 000c 000000 00 00000000
    > 1001 0008 0007 0000
  `);
  assert.equal(peer.waitedMs, 0);
  await settle();
  assert.equal(peer.socket.isEnded, true);
  assert.equal(peer.connection.view.reason, 'server-shutdown');
});

test('disconnect of a client that says nothing: Call Disconnect after 1 s, the end 5 s later (MS-SSTP 3.1.6.2)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  peer.connection.disconnect('server-shutdown');
  await peer.play(`
    < 1000 000c ff03 c021 05 <id:1> 0004
    < 1001 0014 0006 0001 0002 000c 000000 00 00000000
  `);
  assert.equal(peer.waitedMs, 1000);
  await world.advance(4999, 1);
  assert.equal(peer.socket.isEnded, false);
  await world.advance(1);
  assert.equal(peer.socket.isEnded, true);
});

test('disconnect between the HTTP answer and the Call Connect Request is a Call Disconnect at once', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await accepted(world);
  peer.connection.disconnect('server-shutdown');
  await peer.play('< 1001 0014 0006 0001 0002 000c 000000 00 00000000');
  assert.equal(peer.waitedMs, 0);
});

test('after our Call Abort there is no more PPP, and the address is free at once (MS-SSTP 3.3.7.1)', async (t) => {
  const world = new World(t, { users: USERS });
  const abort = '> 1001 000e 0001 0001 0001 0006 0001\n< 1001 0014 0005 0001 0002 000c 000000 02 00000005';
  const early = await accepted(world);
  await early.play(`${CALL_CONNECT}\n${abort}`);
  await world.advance(900, 10); // our LCP request would be due after 500 ms
  await early.expectSilence();
  const up = await connected(world);
  await up.play(abort);
  assert.equal(world.pool.used, 0);
});

test('data alone keeps both keep-alives quiet (MS-SSTP 3.1.2.3)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  for (let i = 0; i < 12; i++) {
    await world.advance(20_000, 500);
    await peer.play('> 1000 0024 ff03 0021 4500 001c 0003 0000 80 01 0000 0a090002 0a090001 0800 f7fd 0001 0001');
  }
  assert.equal(peer.connection.view.stage, 'up');
});

test("a packet larger than the client's MRU is not sent to it but answered with ICMP (RFC 1191)", async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await accepted(world);
  await peer.play(`${CALL_CONNECT}${LCP.replaceAll('0104 05dc 0506 11223344', '0104 03e8 0506 11223344')}`);
  setAnswer(peer, 'alice', CERTIFICATE_HASHES.sha256);
  await peer.play(`${RESPONSE}\n${SUCCESS}\n${CALL_CONNECTED}\n${IPCP}`);
  const large = Buffer.concat([packetTo('0a090002'), Buffer.alloc(1001 - 28)]);
  large.writeUInt16BE(1001, 2);
  large.writeUInt16BE(0x4000, 6); // Don't Fragment
  world.tun.inject([large]);
  await peer.expectSilence();
  assert.equal(world.tun.sent[0]?.toString('hex', 20, 28).replace(/^(....)..../, '$1'), '0304000003e8');
});

test('a Router Solicitation is answered with a Router Advertisement (RFC 4861 6.2.6)', async (t) => {
  const world = new World(t, { users: USERS, flags: { 'pool.ipv6': '2001:db8:7::/48' } });
  const peer = await connected(world);
  await peer.play(`
    > 1000 0016 ff03 8057 01 06 000e 010a 000000000a090002
    < 1000 0016 ff03 8057 01 <ipv6cpId:1> 000e 010a 0000000000000001
    < 1000 0016 ff03 8057 02 06 000e 010a 000000000a090002
    > 1000 0016 ff03 8057 02 <ipv6cpId> 000e 010a 0000000000000001
    < 1000 0068 ff03 0057 <advertisement:96>
    # from fe80::a09:2 to ff02::2
    > 1000 0038 ff03 0057 60000000 0008 3aff fe80000000000000000000000a090002 ff020000000000000000000000000002 8500 732c 00000000
    < 1000 0068 ff03 0057 <advertisement>
  `);
  assert.deepEqual(world.tun.sent, []);
});

for (const isolate of [true, false]) {
  test(`network.isolate ${isolate}: a packet from client to client ${isolate ? 'is dropped' : 'goes to the kernel'}`, async (t) => {
    const world = new World(t, { users: USERS, flags: { 'network.isolate': isolate } });
    const peer = await connected(world);
    await connected(world, 'bobby');
    await peer.play('> 1000 0024 ff03 0021 4500 001c 0003 0000 80 01 0000 0a090002 0a090003 0800 f7fd 0001 0001');
    assert.equal(world.tun.sent.length, isolate ? 0 : 1);
  });
}

test('limits.queueBytes: what waits for one client is bounded, the rest is dropped and counted', async (t) => {
  const world = new World(t, { users: USERS, env: { SSTPD_LIMITS_QUEUE_BYTES: '65536' } });
  const peer = await connected(world);
  peer.socket.isStalled = true;
  const large = Buffer.concat([packetTo('0a090002'), Buffer.alloc(1400 - 28)]);
  large.writeUInt16BE(1400, 2);
  world.tun.inject(Array.from({ length: 200 }, () => large));
  assert.ok(peer.connection.view.bytesOut <= 65_536, `${peer.connection.view.bytesOut}`);
  peer.socket.destroy();
  await settle();
  const { drops } = world.log.of('connection.closed')[0]?.fields ?? {};
  assert.deepEqual(drops, { dropsQueue: 200 - 46 });
});

test('disconnect twice says it once, with the first reason', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  peer.connection.disconnect('killed-by-admin');
  peer.connection.disconnect('user-disabled');
  await peer.play('< 1000 000c ff03 c021 05 <id:1> 0004');
  assert.equal(peer.connection.view.reason, 'killed-by-admin');
});

test('no Call Connect Request for 60 s: Call Abort with NEGOTIATION_TIMEOUT, and the stage in the last line (MS-SSTP 3.3.6.1)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await accepted(world);
  await world.advance(59_000, 500);
  await peer.play('< 1001 0014 0005 0001 0002 000c 000000 02 00000008');
  assert.equal(peer.waitedMs, 1000);
  await world.advance(10_000, 100);
  assert.equal(peer.socket.destroyed, true);
  const { stage, reason } = world.log.of('connection.closed')[0]?.fields ?? {};
  assert.deepEqual({ stage, reason }, { stage: 'sstp', reason: 'negotiation-timeout' });
});

test('auth.retries: three more tries in place, then the end with reason auth-failed', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await challenged(world, 'wrong');
  const retryFlags: string[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    peer.socket.deliver(peer.bytesOf(RESPONSE));
    await world.advance(2500, 100);
    const text = await failure(peer);
    const [, flag = '', challenge = ''] = /R=(\d) C=([0-9A-F]{32})/.exec(text) ?? [];
    retryFlags.push(flag);
    peer.set('chapId', Buffer.of((peer.value('chapId')[0] ?? 0) + 1));
    peer.set('challenge', Buffer.from(challenge, 'hex'));
    setAnswer(peer, 'wrong', peer.value('nonce'));
  }
  assert.deepEqual(retryFlags, ['1', '1', '1', '0']);
  assert.equal(world.log.of('auth.refused').length, 4);
});

test('the right password at the second try counts (RFC 2759 §6)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await challenged(world, 'wrong');
  peer.socket.deliver(peer.bytesOf(RESPONSE));
  await settle();
  const [, challenge = ''] = / C=([0-9A-F]{32})/.exec(await failure(peer)) ?? [];
  peer.set('chapId', Buffer.of((peer.value('chapId')[0] ?? 0) + 1));
  peer.set('challenge', Buffer.from(challenge, 'hex'));
  setAnswer(peer, 'alice', peer.value('certificateHash'));
  await peer.play(`${RESPONSE}\n${SUCCESS}\n${CALL_CONNECTED}\n${IPCP}`);
  assert.equal(peer.connection.view.user, 'alice');
  assert.equal(peer.waitedMs, 500);
});

/** PPP protocols that no client speaks here, each in an SSTP packet of 8 bytes. */
function unknown(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => Buffer.from('10000008ff0380fd', 'hex')));
}

test('before the login a client may send as much as the longest negotiation takes, and after it without end', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await challenged(world);
  await peer.sendBytes(unknown(300));
  await peer.play(`${RESPONSE}\n${SUCCESS}\n${CALL_CONNECTED}\n${IPCP}`);
  await peer.sendBytes(unknown(20_000));
  assert.equal(peer.connection.view.stage, 'up');
});

const FLOODS: readonly { readonly name: string; readonly send: (peer: ScriptedPeer) => Promise<void> }[] = [
  { name: 'PPP frames', send: (peer) => peer.sendBytes(unknown(1_100)) },
  {
    name: 'SSTP control packets',
    send: (peer) =>
      peer.sendBytes(Buffer.concat(Array.from({ length: 1_100 }, () => Buffer.from('1001000800080000', 'hex')))),
  },
  {
    name: 'one byte at a time',
    send: async (peer) => {
      for (let i = 0; i < 1_100; i++)
        peer.socket.deliver(
          Buffer.from([0x10, 0x00, 0x0f, 0xff][i] === undefined ? [0] : [[0x10, 0x00, 0x0f, 0xff][i] ?? 0]),
        );
      await settle();
    },
  },
  {
    name: 'large packets',
    send: (peer) => peer.sendBytes(Buffer.concat(Array.from({ length: 70 }, () => largePacket()))),
  },
];

function largePacket(): Buffer {
  const packet = Buffer.alloc(1_000);
  packet.write('100003e8ff0380fd', 'hex');
  return packet;
}

for (const { name, send } of FLOODS) {
  test(`a flood before the login ends the connection, and explain says so: ${name}`, async (t) => {
    const world = new World(t, { users: USERS });
    const peer = await challenged(world);
    await send(peer);
    assert.equal(peer.socket.destroyed, true);
    const { reason } = peer.connection.view;
    assert.equal(reason, 'too-much-before-login');
    assert.match(String(world.attempts.find(peer.connection.id)?.explanation?.text), /more than 64 KiB/);
  });
}

test('who has to make room is ended and told so by explain; who has logged in stays', async (t) => {
  for (const isWorker of [false, true]) {
    const world = new World(t, { users: USERS, isWorker, env: { SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '1' } });
    const inside = await connected(world, 'bobby');
    const first = await challenged(world);
    await world.advance(3_000, 100);
    const second = await challenged(world);
    assert.deepEqual(
      [inside, first, second].map(({ socket }) => socket.destroyed),
      [false, true, false],
    );
    assert.equal(first.connection.view.reason, 'pushed-out');
    const { state, explanation } = world.attempts.find(first.connection.id) ?? assert.fail();
    assert.equal(state, 'failed');
    assert.match(String(explanation?.text), /had to make room before it had logged in.*unauthenticatedPerAddress/);
    assert.match(String(explanation?.fix), /Dial again.*sstpd doctor/);
    t.mock.timers.reset();
  }
});

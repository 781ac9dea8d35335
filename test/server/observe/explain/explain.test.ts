/** Each way to fail, provoked by a scripted client; what the record of the attempt then says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD } from '../../connections/mschapv2-peer.ts';
import {
  accepted,
  authenticated,
  CALL_CONNECT,
  CALL_CONNECTED,
  challenged,
  connected,
  HTTP_REQUEST,
  RESPONSE,
  setAnswer,
} from '../../connections/session.ts';
import { CERTIFICATE_HASHES, settle } from '../../support.ts';
import { bound, expect, gone, IPCP_REQUEST, recordOf, start } from './record.ts';

test('the record of a session that works: who, how, how long each stage took, what was negotiated', async (t) => {
  const world = start(t);
  const peer = await connected(world);
  const view = recordOf(world, peer.connection.id);
  assert.equal(view.state, 'up');
  assert.equal(view.user, 'alice');
  assert.equal(view.correlationId, '{11111111-2222-3333-4444-555555555555}');
  assert.match(view.http ?? '', /^SSTP_DUPLEX_POST .*\nhost: vpn\.example\.com/);
  assert.deepEqual(
    view.stages.map(({ stage }) => stage),
    ['tls', 'http', 'sstp', 'lcp', 'authentication', 'binding', 'network', 'up'],
  );
  assert.ok(view.options.some((one) => one.from === 'client' && /IP-Address 0\.0\.0\.0/.test(one.options)));
  assert.ok(view.options.some((one) => one.packet === 'Configure-Nak' && /IP-Address 10\.9\.0\.2/.test(one.options)));
  assert.equal(view.explanation, undefined);
  const text = JSON.stringify(view);
  assert.ok(!text.includes(PASSWORD) && !text.includes(peer.value('ntResponse').toString('hex')));
});

test('an end after a while is told, and is no failure', async (t) => {
  const world = start(t);
  const peer = await connected(world);
  const view = await gone(world, peer);
  assert.equal(view.state, 'ended');
  expect(view, undefined, /closed the connection/, undefined);
});

test('0x800704C9: at the limit of connections', async (t) => {
  const world = start(t);
  const { socket, connection } = world.connect({ refusal: 'connections' });
  socket.deliver(Buffer.from(HTTP_REQUEST));
  await settle();
  socket.destroy();
  await settle();
  expect(recordOf(world, connection.id), '0x800704C9', /limits\.connections/, /Raise limits\.connections/);
});

for (const [code, request, text] of [
  ['RasSstp event 3', HTTP_REQUEST.replace('HTTP/1.1', 'HTTP/1.0'), /not of version 1\.1/],
  ['RasSstp event 4', HTTP_REQUEST.replace('sra_', 'srb_'), /answered with 404/],
  ['RasSstp event 4', HTTP_REQUEST.replace(/Content-Length.*\r\n/, ''), /answered with 411/],
] as const) {
  test(`${code}: ${text.source}`, async (t) => {
    const world = start(t);
    const { socket, connection } = world.connect();
    socket.deliver(Buffer.from(request));
    await settle();
    socket.destroy();
    await settle();
    expect(recordOf(world, connection.id), code, text, /rewrites HTTP/);
  });
}

test('RasSstp event 2: TLS, and then no request', async (t) => {
  const world = start(t);
  const { socket, connection } = world.connect();
  socket.deliver(Buffer.from('SSTP_DUPLEX_POST /'));
  await world.advance(10_001, 1_000);
  expect(recordOf(world, connection.id), 'RasSstp event 2', /no whole HTTP request/, /holds back/);
});

test('0x800B0109: a client that closes right after the handshake did not trust the certificate', async (t) => {
  const world = start(t);
  const { socket, connection } = world.connect();
  socket.deliverEnd();
  await settle();
  expect(recordOf(world, connection.id), '0x800B0109', /did not trust/, /certutil -addstore Root ca\.pem/);
});

test('0x80072746: reset before the request', async (t) => {
  const world = start(t);
  const { socket, connection } = world.connect();
  socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  await settle();
  expect(recordOf(world, connection.id), '0x80072746', /reset before the HTTP request/, /inspects TLS/);
});

test('0x8007274C: no Call Connect Request', async (t) => {
  const world = start(t);
  const peer = await accepted(world);
  await world.advance(70_000, 1_000);
  expect(recordOf(world, peer.connection.id), '0x8007274C', /no acceptable Call Connect Request/, /proxy/);
});

test('718: SSTP, and nothing of PPP', async (t) => {
  const world = start(t);
  const peer = await accepted(world);
  await peer.play(CALL_CONNECT);
  await world.advance(70_000, 1_000);
  expect(recordOf(world, peer.connection.id), '718', /nothing of PPP/, /WAN Miniport/);
});

test('812: the client takes no method that is allowed, and says which it wants', async (t) => {
  const world = start(t);
  const peer = await accepted(world);
  await peer.play(`${CALL_CONNECT}
    > 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344
    < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic:4>
    < 1000 0016 ff03 c021 02 01 000e 0104 05dc 0506 11223344`);
  await peer.play(`
    > 1000 0010 ff03 c021 03 <lcpId> 0008 0304 c227
    < 1000 001b ff03 c021 01 <lcpId:1> 0013 0104 05dc 0305 c223 81 0506 <magic>`);
  await peer.sendBytes(peer.bytesOf('> 1000 0010 ff03 c021 03 <lcpId> 0008 0304 c227'));
  const view = await gone(world, peer);
  expect(view, '812', /offers MS-CHAPv2, and the client wants EAP/, /Set-VpnConnection -AuthenticationMethod MSChapv2/);
});

test('732: LCP goes round in circles, with what both sides ask for', async (t) => {
  const world = start(t);
  const peer = await accepted(world);
  await peer.play(CALL_CONNECT);
  await peer.sendBytes(peer.bytesOf('> 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344'));
  // Every answer to the server's request is a Nak of its MRU, to another number each time.
  for (let i = 0; i < 40; i++) {
    const id = world.attempts.size; // any number: what counts is the Identifier below
    assert.ok(id >= 0);
    const sent = peer.socket.takeWritten();
    const request = lastConfigureRequest(sent);
    if (request === undefined) break;
    const mru = (1400 + (i % 2)).toString(16).padStart(4, '0');
    await peer.sendBytes(Buffer.from(`1000 0010 ff03 c021 03 ${request} 0008 0104 ${mru}`.replaceAll(' ', ''), 'hex'));
  }
  const view = await gone(world, peer);
  expect(view, '732', /round in circles: the client asks for LCP MRU 1500, .* this server for LCP/, /defaults/);
});

/** The Identifier of the last LCP Configure-Request among SSTP packets, as two digits. */
function lastConfigureRequest(bytes: Buffer): string | undefined {
  const at = bytes.lastIndexOf(Buffer.from('ff03c02101', 'hex'));
  return at === -1 ? undefined : bytes.toString('hex', at + 5, at + 6);
}

for (const [code, packet, text] of [['734', '> 1000 000c ff03 c021 05 07 0004', /ended the link while LCP/]] as const) {
  test(`${code}: the client ends LCP before it is open`, async (t) => {
    const world = start(t);
    const peer = await accepted(world);
    await peer.play(CALL_CONNECT);
    await peer.sendBytes(peer.bytesOf('> 1000 0016 ff03 c021 01 01 000e 0104 05dc 0506 11223344'));
    await peer.sendBytes(peer.bytesOf(packet));
    expect(await gone(world, peer), code, text, /asked for LCP MRU 1500/);
  });
}

test('719: the client hangs up before it sends a password', async (t) => {
  const world = start(t);
  const peer = await challenged(world);
  expect(await gone(world, peer), '719', /in the middle of the login/, /MS-CHAPv2/);
});

test('718: the login takes too long', async (t) => {
  const world = start(t, { env: { SSTPD_AUTH_TIMEOUT_MS: '20000' } });
  const peer = await challenged(world);
  await world.advance(25_000, 1_000);
  expect(await gone(world, peer), '718', /did not answer the login in time/, undefined);
});

for (const [name, text, fix] of [
  ['nobod', /There is no such user/, /user list/],
  ['alice', /The password is wrong/, /user passwd/],
] as const) {
  test(`691: ${text.source}; the client is not told which`, async (t) => {
    const world = start(t);
    const peer = await challenged(world, name);
    if (name === 'alice') peer.set('ntResponse', Buffer.alloc(24, 7));
    await peer.sendBytes(peer.bytesOf(RESPONSE));
    assert.match(peer.socket.takeWritten().toString('latin1'), /E=691 R=1 .*M=Wrong user name or password/);
    const view = await gone(world, peer);
    assert.equal(view.user, name);
    expect(view, '691', text, fix);
  });
}

test('647: the account is disabled', async (t) => {
  const world = start(t);
  world.store.change('alice', { enabled: false });
  const peer = await challenged(world);
  await peer.sendBytes(peer.bytesOf(RESPONSE));
  expect(await gone(world, peer), '647', /disabled/, /user enable/);
});

for (const [errorCode, text] of [
  [646, /time of day/],
  [648, /expired/],
  [649, /no permission to dial in/],
] as const) {
  test(`${errorCode} (RFC 2759 6)`, async (t) => {
    const world = start(t);
    const verdict = { kind: 'reject', errorCode, retryAllowed: false, message: 'No' } as const;
    t.mock.method(world.authenticator, 'verify', () => ({ verdict, reason: 'disabled', user: undefined }));
    const peer = await challenged(world);
    await peer.sendBytes(peer.bytesOf(RESPONSE));
    assert.match(peer.socket.takeWritten().toString('latin1'), new RegExp(`E=${errorCode} `));
    expect(await gone(world, peer), String(errorCode), text, undefined);
  });
}

test('RasSstp event 6: another certificate in between', async (t) => {
  const world = start(t);
  const peer = await challenged(world);
  setAnswer(peer, 'alice', Buffer.alloc(32, 9));
  await peer.sendBytes(peer.bytesOf(RESPONSE));
  await peer.sendBytes(peer.bytesOf(CALL_CONNECTED));
  expect(await gone(world, peer), 'RasSstp event 6', /saw another certificate/, /TLS inspection/);
});

test('RasSstp event 6: a binding that fits nothing', async (t) => {
  const world = start(t);
  const peer = await authenticated(world);
  setAnswer(peer, 'alice', CERTIFICATE_HASHES.sha256);
  peer.set('compoundMac', Buffer.alloc(32, 1));
  await peer.sendBytes(peer.bytesOf(CALL_CONNECTED));
  expect(await gone(world, peer), 'RasSstp event 6', /does not fit/, /Update the client/);
});

test('717: no address is left', async (t) => {
  const world = start(t, { prefixLength: 30 });
  await connected(world);
  const peer = await bound(world, 'bobby');
  expect(await gone(world, peer), '717', /No address is left/, /--pool/);
});

test('720: the client refuses IPv4', async (t) => {
  const world = start(t);
  const peer = await bound(world);
  await peer.sendBytes(peer.bytesOf('> 1000 0010 ff03 c021 08 03 0008 8021 0101'));
  await peer.sendBytes(peer.bytesOf('> 1000 0010 ff03 c021 08 04 0008 8057 0101'));
  expect(await gone(world, peer), '720', /refused IPv4/, /Turn on IPv4/);
});

test('735: the client insists on an address of its own', async (t) => {
  const world = start(t);
  const peer = await bound(world);
  await peer.sendBytes(peer.bytesOf(IPCP_REQUEST.replace('00000000', 'c0a80105')));
  await peer.sendBytes(peer.bytesOf(IPCP_REQUEST.replace('01 02', '01 03').replace('00000000', 'c0a80105')));
  expect(await gone(world, peer), '735', /insisted on the address 192\.168\.1\.5.*10\.9\.0\.2/, /--ip 192\.168\.1\.5/);
});

test('741: the client demands MPPE', async (t) => {
  const world = start(t);
  const peer = await bound(world);
  await peer.sendBytes(peer.bytesOf('> 1000 0012 ff03 80fd 01 05 000a 1206 01000060'));
  await peer.sendBytes(peer.bytesOf('> 1000 000c ff03 c021 05 09 0004'));
  expect(await gone(world, peer), '741', /MPPE/, /-EncryptionLevel Optional/);
});

test('733: the client wants a protocol that there is not', async (t) => {
  const world = start(t);
  const peer = await bound(world);
  await peer.sendBytes(peer.bytesOf('> 1000 000c ff03 8281 01 05 0004')); // MPLSCP
  await peer.sendBytes(peer.bytesOf('> 1000 000c ff03 c021 05 09 0004'));
  expect(await gone(world, peer), '733', /refused protocol 0x8281/, /Turn that protocol off/);
});

test('736: the client ends the link while IPCP goes on', async (t) => {
  const world = start(t);
  const peer = await bound(world);
  await peer.sendBytes(peer.bytesOf(IPCP_REQUEST));
  await peer.sendBytes(peer.bytesOf('> 1000 000c ff03 c021 05 09 0004'));
  expect(await gone(world, peer), '736', /while IPCP/, undefined);
});

test('738: IPCP finds no agreement', async (t) => {
  const world = start(t);
  const peer = await bound(world);
  await peer.sendBytes(peer.bytesOf(IPCP_REQUEST));
  await world.advance(60_000, 1_000); // the server's own requests stay without an answer
  expect(await gone(world, peer), '738', /No network protocol came up/, /asked for IPCP IP-Address/);
});

test('hostile texts stay texts: a correlation id, a host and a user name cannot be more than they are', async (t) => {
  const world = start(t);
  const { socket, connection } = world.connect();
  const evil = '<script>\u001b[2J';
  socket.deliver(Buffer.from(HTTP_REQUEST.replace('vpn.example.com', `${evil}"`), 'latin1'));
  await settle();
  socket.destroy();
  await settle();
  const view = recordOf(world, connection.id);
  assert.ok(!JSON.stringify(view).includes('\\u001b'));
});

test('a web browser leaves no record', async (t) => {
  const world = start(t);
  const { socket, connection } = world.connect();
  socket.deliver(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  await settle();
  socket.destroy();
  await settle();
  assert.equal(world.attempts.find(connection.id), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Peer, settle, World } from '../support.ts';
import { PASSWORD } from './mschapv2-peer.ts';
import { accepted, authenticated, CALL_CONNECTED, connected, HTTP_REQUEST } from './session.ts';

const USERS = [
  { name: 'alice', password: PASSWORD },
  { name: 'bobby', password: PASSWORD },
];

async function send(peer: Peer, text: string): Promise<void> {
  peer.socket.deliver(Buffer.from(text, 'latin1'));
  await settle();
}

const answerOf = (peer: Peer): string => peer.socket.takeWritten().toString('latin1');

const reasonOf = (world: World): unknown => world.log.of('connection.closed')[0]?.fields.reason;

test('without a whole HTTP request the connection ends after http.preambleMs, however the bytes trickle', async (t) => {
  const world = new World(t);
  const peer = world.connect();
  for (const letter of HTTP_REQUEST.slice(0, 9)) {
    await send(peer, letter);
    await world.advance(1000, 100);
  }
  await world.advance(999, 1);
  assert.equal(peer.socket.destroyed, false);
  await world.advance(1);
  assert.equal(peer.socket.destroyed, true);
  assert.equal(answerOf(peer), '');
  assert.equal(reasonOf(world), 'http-timeout');
  assert.equal(world.log.of('connection.closed')[0]?.fields.stage, 'http');
});

test('a request that came in time stops that clock', async (t) => {
  const world = new World(t);
  const peer = await accepted(world);
  await world.advance(20_000, 1000);
  assert.equal(peer.socket.destroyed, false);
});

const REFUSALS: readonly { name: string; request: string; status: number }[] = [
  { name: 'another URI', request: HTTP_REQUEST.replace('/sra_', '/srb_'), status: 404 },
  { name: 'no Content-Length', request: HTTP_REQUEST.replace(/Content-Length[^\n]*\n/, ''), status: 411 },
  { name: 'a Content-Length that ends', request: HTTP_REQUEST.replace('18446744073709551615', '14'), status: 400 },
  { name: 'HTTP/1.0', request: HTTP_REQUEST.replace('HTTP/1.1', 'HTTP/1.0'), status: 505 },
  { name: 'a head without end', request: `SSTP_DUPLEX_POST / HTTP/1.1\r\nX: ${'x'.repeat(9000)}`, status: 431 },
];

for (const { name, request, status } of REFUSALS) {
  test(`SSTP_DUPLEX_POST with ${name} gets ${status} with a text, then the end (MS-SSTP 3.3.7.2)`, async (t) => {
    const world = new World(t);
    const peer = world.connect();
    await send(peer, request);
    const answer = answerOf(peer);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} [A-Z].*\\r\\nConnection: close\\r\\n\\r\\n.{8,}\\n$`, 's'));
    assert.equal(peer.socket.isEnded, true);
    peer.socket.deliverEnd();
    await settle();
    assert.equal(reasonOf(world), `http-${status}`);
    assert.deepEqual(
      world.log.of('http.refused').map((line) => [line.level, line.fields.status]),
      [['warn', status]],
    );
    assert.equal(world.log.of('connection.accepted').length, 0);
  });
}

test('over a limit the answer is 503 and names the limit, once the request is read', async (t) => {
  const world = new World(t, { env: { SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '1' } });
  const first = world.connect();
  const second = world.connect();
  assert.equal(answerOf(second), '', 'nothing before the request');
  await send(second, HTTP_REQUEST);
  assert.match(answerOf(second), /^HTTP\/1\.1 503 Service Unavailable\r\n.*limits\.unauthenticatedPerAddress/s);
  assert.equal(second.socket.isEnded, true);
  await send(first, HTTP_REQUEST);
  assert.match(answerOf(first), /^HTTP\/1\.1 200 /);
  assert.deepEqual(
    world.log.of('connection.refused').map((line) => line.fields.limit),
    ['limits.unauthenticatedPerAddress'],
  );
});

test('a verified Crypto Binding makes room for the next of its address, a login alone does not', async (t) => {
  const world = new World(t, { users: USERS, env: { SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '2' } });
  const first = await authenticated(world);
  assert.equal(world.admission.unauthenticated, 1);
  first.socket.destroy();
  await connected(world);
  assert.equal(world.admission.unauthenticated, 0);
  const second = await accepted(world);
  assert.equal(world.admission.unauthenticated, 1);
  second.socket.destroy();
  await settle();
  assert.equal(world.admission.unauthenticated, 0, 'nor does a closed one count');
  assert.equal(world.admission.connections, 1);
});

test('who was told to go but keeps the socket open loses it after 2 s', async (t) => {
  const world = new World(t);
  const peer = world.connect();
  await send(peer, HTTP_REQUEST.replace('/sra_', '/srb_'));
  await world.advance(1999, 100);
  assert.equal(peer.socket.destroyed, false);
  await world.advance(1);
  assert.equal(peer.socket.destroyed, true);
});

test('who was told to go is not listened to any more', async (t) => {
  const world = new World(t);
  const peer = world.connect();
  await send(peer, HTTP_REQUEST.replace('/sra_', '/srb_'));
  answerOf(peer);
  await send(peer, HTTP_REQUEST);
  assert.equal(answerOf(peer), '');
});

test('a stream that cannot be split is closed without a word, and the address is free (MS-SSTP 3.1.7.2)', async (t) => {
  const world = new World(t, { users: USERS });
  const peer = await connected(world);
  assert.equal(world.pool.used, 1);
  await peer.sendBytes(Buffer.from('20010008', 'hex')); // version 2.0
  assert.equal(peer.socket.destroyed, true);
  assert.equal(peer.socket.takeWritten().length, 0);
  assert.equal(reasonOf(world), 'framing-error');
  assert.equal(world.log.of('sstp.framing')[0]?.level, 'warn');
  assert.equal(world.pool.used, 0);
});

test('whoever speaks ordinary HTTP is handed to the web page with every byte read, and only then', async (t) => {
  const world = new World(t);
  const peer = world.connect();
  await send(peer, 'S'); // could still be SSTP_DUPLEX_POST
  assert.equal(world.web.length, 0);
  await send(peer, 'EARCH / HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.deepEqual(
    world.web.map(({ bytes }) => bytes.toString('latin1')),
    ['SEARCH / HTTP/1.1\r\nHost: x\r\n\r\n'],
  );
  assert.equal(world.web[0]?.socket, peer.socket);
  assert.equal(answerOf(peer), '');
  assert.equal(peer.connection.isTunnel, false);
});

test('after that the socket is the web page\'s: no clock of ours, no reading, no "connection.closed" line', async (t) => {
  const world = new World(t);
  const peer = world.connect();
  await send(peer, 'GET / HTTP/1.1\r\n\r\n');
  assert.equal(peer.socket.listenerCount('data'), 0);
  await world.advance(60_000, 5000);
  assert.equal(peer.socket.destroyed, false);
  peer.socket.destroy();
  await settle();
  assert.equal(peer.closedCalls(), 1);
  assert.equal(world.admission.connections, 0);
  assert.deepEqual(world.log.of('connection.closed'), []);
});

test('an error of ours ends that connection, says so with its stack, and leaves the others', async (t) => {
  const world = new World(t, { users: USERS });
  const other = await connected(world, 'bobby');
  const peer = await authenticated(world);
  t.mock.method(world.pool, 'lease', () => {
    throw new Error('made up');
  });
  await peer.sendBytes(peer.bytesOf(CALL_CONNECTED));
  assert.equal(peer.socket.destroyed, true);
  const [fault] = world.log.of('connection.fault');
  assert.equal(fault?.level, 'error');
  assert.match(String(fault?.fields.error), /made up\n +at /);
  assert.equal(reasonOf(world), 'internal-error');
  assert.equal(other.connection.view.stage, 'up');
  await other.play('> 1001 0008 0008 0000\n< 1001 0008 0009 0000');
});

const ENDS: readonly { name: string; reason: string; end: (peer: Peer) => void }[] = [
  { name: 'closes its side', reason: 'closed-by-peer', end: ({ socket }) => socket.deliverEnd() },
  {
    name: 'resets',
    reason: 'reset-by-peer',
    end: ({ socket }) => socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })),
  },
  {
    name: 'breaks TLS',
    reason: 'socket-error',
    end: ({ socket }) => socket.destroy(Object.assign(new Error('x'), { code: 'ERR_SSL_DECRYPTION_FAILED' })),
  },
  {
    name: 'is torn down by us',
    reason: 'server-shutdown',
    end: ({ connection }) => connection.destroy('server-shutdown'),
  },
];

for (const { name, reason, end } of ENDS) {
  test(`a tunnel whose peer ${name} is logged once with "${reason}" and forgotten once`, async (t) => {
    const world = new World(t, { users: USERS });
    const connection = world.connect();
    await connected(world, 'alice', connection);
    await world.advance(2500, 100);
    end(connection);
    await world.advance(5000, 500);
    assert.equal(connection.closedCalls(), 1);
    const { lines } = world.log;
    const closed = world.log.of('connection.closed').map((line) => line.fields);
    assert.equal(closed.length, 1);
    const { stage, user, ipv4, seconds, bytesIn, bytesOut, peer, correlationId } = closed[0] ?? {};
    assert.deepEqual(
      { stage, reason: closed[0]?.reason, user, ipv4, seconds, bytesIn, bytesOut, peer, correlationId },
      {
        stage: 'up',
        reason,
        user: 'alice',
        ipv4: '10.9.0.2',
        seconds: 2.5,
        bytesIn: 0,
        bytesOut: 0,
        peer: '192.0.2.7:50123',
        correlationId: '{11111111-2222-3333-4444-555555555555}',
      },
    );
    assert.equal(lines.at(-1)?.event, 'connection.closed');
  });
}

test('disconnect: a tunnel in order, whoever is not that far at once', async (t) => {
  const world = new World(t, { users: USERS });
  const silent = world.connect();
  silent.connection.disconnect('server-shutdown');
  await settle();
  assert.equal(silent.socket.destroyed, true);
  assert.equal(reasonOf(world), 'server-shutdown');

  const peer = await connected(world);
  peer.connection.disconnect('server-shutdown');
  await peer.play('< 1000 000c ff03 c021 05 <id:1> 0004');
  assert.equal(peer.socket.destroyed, false);
});

test('what an operator sees of a connection: where from, how, since when', async (t) => {
  const world = new World(t, { users: USERS });
  const before = world.connect({ address: '2001:db8::7' }).connection.view;
  assert.equal(before.peer, '[2001:db8::7]:50123');
  assert.equal(before.stage, 'http');
  assert.equal(before.user, undefined);

  const { connection } = await connected(world);
  const { id, peer, tls, connectedAt, correlationId, method, ipv6 } = connection.view;
  assert.match(id, /^[0-9a-f]{8}$/);
  const [up] = world.log.of('connection.up');
  assert.equal(up?.fields.correlationId, correlationId, 'in every line of the tunnel');
  assert.equal(up?.fields.connection, id);
  assert.deepEqual(
    { peer, tls, connectedAt: connectedAt.toISOString(), correlationId, method, ipv6 },
    {
      peer: '192.0.2.7:50123',
      tls: 'TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384',
      connectedAt: '2024-03-01T12:00:00.000Z',
      correlationId: '{11111111-2222-3333-4444-555555555555}',
      method: 'mschapv2',
      ipv6: undefined,
    },
  );
});

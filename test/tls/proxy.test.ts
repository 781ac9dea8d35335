/** The listener behind a proxy: who is the client, and what becomes of connections without a good header. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { authority, Harness, LET_IN, serverContext, silentLog } from './support.ts';

const context = serverContext();
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c6336401c35001bb', 'hex');
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const V1 = 'PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n';

interface Heard {
  readonly reasons: unknown[];
  readonly checks: boolean[];
}

async function behindProxy(isProxy = (): boolean => true, handshakeTimeoutMs = 10_000) {
  const heard: Heard = { reasons: [], checks: [] };
  const log = { ...silentLog, warn: (_: string, fields?: object) => heard.reasons.push({ ...fields }) };
  let count = 0;
  const harness = await new Harness(context, {
    isProxy,
    handshakeTimeoutMs,
    log: { ...log, child: () => log },
    admit: (remoteAddress, isHealthCheck) => {
      harness.admitted.push(remoteAddress);
      heard.checks.push(isHealthCheck);
      count += 1;
      return { ...LET_IN, number: count, close: () => {} };
    },
  }).start();
  return { harness, heard };
}

async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const overTls = (socket: Socket) =>
  connectTls({ socket, ca: authority.certificatePem, servername: 'vpn.test' }).on('error', () => undefined);

for (const [name, header] of [
  ['version 1', V1],
  ['version 2', V2],
] as const) {
  test(`${name}: the client of the header is who is admitted and told; TLS behind it is as ever`, async () => {
    const { harness } = await behindProxy();
    const raw = await tcp(harness.address.port);
    raw.write(header);
    const client = overTls(raw);
    client.write('hello');
    const { info, socket } = await harness.connections.next();
    assert.deepEqual([info.remoteAddress, info.remotePort], ['192.0.2.1', 50_000]);
    assert.equal(info.hello?.serverName, 'vpn.test');
    assert.deepEqual(harness.admitted, ['192.0.2.1']);
    assert.equal(String((await once(socket, 'data'))[0]), 'hello');
    client.destroy();
  });
}

test('a header in single bytes, and in one piece with the ClientHello', async () => {
  const { harness } = await behindProxy();
  const slow = await tcp(harness.address.port);
  for (const byte of V2) {
    slow.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  const first = overTls(slow);
  assert.equal((await harness.connections.next()).info.remoteAddress, '192.0.2.1');
  first.destroy();

  const corked = await tcp(harness.address.port);
  corked.cork();
  corked.write(V1);
  const second = overTls(corked);
  setImmediate(() => corked.uncork());
  assert.equal((await harness.connections.next()).info.remoteAddress, '192.0.2.1');
  second.destroy();
});

test('LOCAL is the proxy itself: alone it is a check that ends without a word, with TLS it is served', async () => {
  const { harness, heard } = await behindProxy();
  const check = await tcp(harness.address.port);
  check.end(LOCAL);
  check.resume();
  await once(check, 'close');
  const { failure } = await harness.failures.next();
  assert.deepEqual([failure.stage, failure.bytesReceived, failure.hint], ['closed', 0, undefined]);
  const raw = await tcp(harness.address.port);
  raw.write(LOCAL);
  const client = overTls(raw);
  assert.equal((await harness.connections.next()).info.remoteAddress, '127.0.0.1');
  assert.deepEqual(heard.checks, [true, true]);
  assert.deepEqual(heard.reasons, []);
  client.destroy();
});

test('without a good header a proxy is cut off before anything is admitted, and the log says why', async () => {
  const { harness, heard } = await behindProxy();
  for (const bytes of [Buffer.from('16030100', 'hex'), 'GET / HTTP/1.1\r\n\r\n', 'PROXY TCP4 1.2.3.4\r\n']) {
    const raw = await tcp(harness.address.port);
    raw.write(bytes);
    raw.resume();
    await once(raw, 'close');
  }
  assert.deepEqual(harness.admitted, []);
  assert.deepEqual(
    heard.reasons.map((fields) => (fields as { reason: string }).reason),
    ['no PROXY header', 'no PROXY header', 'a PROXY line with a wrong address or port'],
  );
});

test('the time for the handshake begins with TCP: a header that never ends, and a handshake behind a late one', async () => {
  const { harness, heard } = await behindProxy(() => true, 200);
  const silent = await tcp(harness.address.port);
  silent.write(V1.slice(0, 10));
  silent.resume();
  await once(silent, 'close');
  assert.equal((heard.reasons[0] as { reason: string }).reason, 'no PROXY header in time');
  const late = await tcp(harness.address.port);
  late.write(V1);
  late.resume();
  await once(late, 'close');
  assert.equal((await harness.failures.next()).failure.stage, 'timeout');
});

test('a header from anybody else is what it looks like: no TLS', async () => {
  const { harness } = await behindProxy(() => false);
  const raw = await tcp(harness.address.port);
  raw.write(V1);
  raw.resume();
  await once(raw, 'close');
  assert.deepEqual(harness.admitted, ['127.0.0.1']);
  const { failure } = await harness.failures.next();
  assert.equal(failure.remoteAddress, '127.0.0.1');
});

test('close ends connections whose header has not come', async () => {
  const { harness } = await behindProxy();
  const raw = await tcp(harness.address.port);
  raw.write(V1.slice(0, 10));
  raw.resume();
  const closed = once(raw, 'close');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await harness.listener.close();
  await closed;
});

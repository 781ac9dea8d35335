import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { type Endpoints, PlainListener } from '../../tls/index.ts';
import { LET_IN, Queue, silentLog } from './support.ts';

async function start(options: { readonly isProxy?: () => boolean; readonly timeoutMs?: number } = {}) {
  const connections = new Queue<{ socket: Socket; endpoints: Endpoints; heard: Promise<unknown[]> }>();
  const probes = new Queue<Endpoints>();
  const closes = new Queue<string>();
  const admitted: string[] = [];
  const listener = new PlainListener({
    timeoutMs: options.timeoutMs ?? 10_000,
    isProxy: options.isProxy,
    admit: (address) => {
      admitted.push(address);
      return address === '203.0.113.9' ? undefined : { ...LET_IN, close: () => closes.push(address) };
    },
    onConnection: (socket, endpoints) => {
      connections.push({ socket, endpoints, heard: once(socket, 'data') });
    },
    onProbe: (endpoints) => probes.push(endpoints),
    log: silentLog,
  });
  after(async () => {
    await listener.close();
    for (const { socket } of connections.all) socket.destroy();
  });
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  return { listener, port, connections, probes, closes, admitted };
}

async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port });
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  return socket;
}

for (const [name, header, address] of [
  ['by itself', '', '127.0.0.1'],
  ['behind a proxy', 'PROXY TCP4 192.0.2.1 198.51.100.1 5 443\r\n', '192.0.2.1'],
] as const) {
  test(`${name}: the first bytes are the client's own, and reach the owner whole`, async () => {
    const { port, connections, closes } = await start({ isProxy: () => header !== '' });
    const client = await tcp(port);
    client.write(`${header}GET / HTTP/1.1\r\n`);
    const { socket, endpoints, heard } = await connections.next();
    assert.equal(endpoints.remoteAddress, address);
    assert.equal(String((await heard)[0]), 'GET / HTTP/1.1\r\n');
    socket.write('answer');
    client.end();
    assert.equal(await closes.next(), address);
  });
}

test('a connection without a byte is a probe: at its end, after its time, and when the listener closes', async () => {
  const { port, probes, closes, listener, connections } = await start({ timeoutMs: 300 });
  (await tcp(port)).destroy();
  await Promise.all([probes.next(), closes.next()]);
  const silent = await tcp(port);
  await Promise.all([once(silent, 'close'), probes.next(), closes.next()]);
  const last = await tcp(port);
  const closed = once(last, 'close');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await listener.close();
  await Promise.all([closed, probes.next()]);
  assert.equal(connections.all.length, 0);
});

test('who is not admitted is closed at once', async () => {
  const { port, admitted, probes } = await start({ isProxy: () => true });
  const client = await tcp(port);
  client.write('PROXY TCP4 203.0.113.9 198.51.100.1 5 443\r\nGET /');
  await once(client, 'close');
  assert.deepEqual(admitted, ['203.0.113.9']);
  assert.equal(probes.all.length, 0);
});

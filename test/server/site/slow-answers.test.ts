/** Visitors who do not take the answer of the other server; over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { proxyListener } from '../../../server/site/reverse-proxy.ts';
import { eventually } from '../../support/eventually.ts';

const WINDOW_MS = 200;
/** More than the buffers of two connections hold. */
const LARGE = 20 * 1024 * 1024;

async function listen(t: TestContext, server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A site behind the proxy; whoever is not in `sources`, by port, comes from an address of his own. */
async function site(t: TestContext) {
  const sources = new Map<number, string>();
  const upstream = await listen(
    t,
    createServer((incoming, response) => response.end(incoming.url === '/large' ? Buffer.alloc(LARGE) : 'small')),
  );
  const addressOf = (port = 0): string => sources.get(port) ?? `2001:db8:0:${port.toString(16)}::1`;
  const listener = proxyListener(
    new URL(`http://127.0.0.1:${upstream}`),
    (socket) => addressOf((socket as Socket).remotePort),
    undefined,
    WINDOW_MS,
  );
  const proxy = createServer(listener);
  const port = await listen(t, proxy);
  const open = (): Promise<number> => new Promise((resolve) => proxy.getConnections((_error, count) => resolve(count)));
  /** Takes the beginning of a large answer and no more. */
  const stalled = async (address: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    sources.set(socket.localPort ?? 0, address);
    socket.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    return socket;
  };
  const deaf = (address: string, index: number): Deaf => {
    const socket = new Deaf(index);
    sources.set(index, address);
    t.after(() => socket.destroy());
    proxy.emit('connection', socket);
    return socket;
  };
  return { port, stalled, deaf, open };
}

/** A visitor who takes none of an answer, however small. */
class Deaf extends Duplex {
  readonly remotePort: number;

  constructor(remotePort: number) {
    super();
    this.remotePort = remotePort;
    this.push('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  }

  override _read(): void {}

  override _write(): void {}
}

async function get(port: number): Promise<string> {
  const [response] = await once(request({ port, host: '127.0.0.1', agent: false }).end(), 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

/** @returns how much came until the end */
async function rest(socket: Socket): Promise<number> {
  let length = 0;
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
  });
  const isWhole = (): boolean => length >= LARGE;
  await eventually('the end', () => Promise.resolve(isWhole() || socket.closed || undefined));
  return length;
}

test('64 answers that eight addresses do not take leave room for a page; a slow visitor of another one gets his all', async (t) => {
  const { port, stalled, open } = await site(t);
  const honest = await stalled('192.0.2.200');
  const held = await Promise.all(Array.from({ length: 8 * 7 + 7 }, (_, index) => stalled(`192.0.2.${index % 8}`)));
  assert.equal(await get(port), 'small');
  await eventually('those that are too many have ended', async () => (await open()) <= 32 || undefined);
  assert.equal(await get(port), 'small');
  const ended = await Promise.all(held.map(async (socket) => (await rest(socket)) < LARGE));
  assert.equal(ended.filter((isEnded) => !isEnded).length, 31);
  assert.ok((await rest(honest)) >= LARGE);
});

test('so do 64 small answers, of which nothing more is to come', async (t) => {
  const { port, deaf } = await site(t);
  const held = Array.from({ length: 64 }, (_, index) => deaf(`192.0.2.${index % 8}`, index));
  await eventually('some have ended', () => Promise.resolve(held.some(({ destroyed }) => destroyed) || undefined));
  assert.equal(await get(port), 'small');
  await eventually('those that are too many have ended', () =>
    Promise.resolve(held.filter(({ destroyed }) => !destroyed).length === 32 || undefined),
  );
});

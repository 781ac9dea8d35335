/** Bodies that come slowly, or not at all, on the way to another server; over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { proxyListener } from '../../../server/site/reverse-proxy.ts';

const WINDOW_MS = 300;

async function listen(t: TestContext, server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A site behind the proxy that says how long each body was, and what it was asked for. */
async function site(t: TestContext, addressOf: (port: number) => string = () => '192.0.2.1') {
  const asked: string[] = [];
  const upstream = await listen(
    t,
    createServer((incoming, response) => {
      asked.push(incoming.url ?? '');
      let length = 0;
      incoming.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      incoming.on('end', () => response.end(String(length)));
    }),
  );
  const listener = proxyListener(
    new URL(`http://127.0.0.1:${upstream}`),
    (socket) => addressOf((socket as Socket).remotePort ?? 0),
    undefined,
    WINDOW_MS,
  );
  return { port: await listen(t, createServer(listener)), asked };
}

async function answerOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

async function get(port: number): Promise<string> {
  const [response] = await once(request({ port, host: '127.0.0.1' }).end(), 'response');
  return answerOf(response as IncomingMessage);
}

/** A request whose body has begun and does not come. */
function stalled(t: TestContext, port: number, path: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx`);
  t.after(() => socket.destroy());
  return socket;
}

test('200 bodies of one byte take no place of the other server, and end as too slow', async (t) => {
  const { port, asked } = await site(t, (remotePort) => `192.0.2.${remotePort % 5}`);
  const slow = Array.from({ length: 200 }, (_, i) => stalled(t, port, `/slow${i}`));
  assert.equal(await get(port), '0');
  assert.deepEqual(asked, ['/']);
  const ends = await Promise.all(
    slow.map(async (socket) => {
      const [bytes] = await once(socket, 'data');
      return String(bytes).slice(0, 12);
    }),
  );
  assert.deepEqual([...new Set(ends)], ['HTTP/1.1 408']);
});

test('a slow honest upload of 8 KB/s arrives, small and large, of known and of unknown length', async (t) => {
  const { port } = await site(t);
  const upload = async (bytes: number, headers: Record<string, string | number>): Promise<string> => {
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', headers });
    const answered = once(outgoing, 'response');
    // 8 KB/s in the proportion of the window: so much within each tenth of it.
    const step = Math.ceil((8_000 * 10) / 10);
    for (let sent = 0; sent < bytes; sent += step) {
      outgoing.write(Buffer.alloc(Math.min(step, bytes - sent)));
      await sleep(WINDOW_MS / 10);
    }
    outgoing.end();
    const [response] = await answered;
    return answerOf(response as IncomingMessage);
  };
  const answers = await Promise.all([
    upload(20_000, { 'content-length': 20_000 }),
    upload(200_000, { 'content-length': 200_000 }),
    upload(65_536, { 'transfer-encoding': 'chunked' }),
    upload(65_537, { 'transfer-encoding': 'chunked' }),
  ]);
  assert.deepEqual(answers, ['20000', '200000', '65536', '65537']);
});

test('uploads that stop behind their first 64 KiB give their places back; others are served meanwhile', async (t) => {
  const { port, asked } = await site(t, (remotePort) => `192.0.2.${remotePort % 50}`);
  const large = Array.from({ length: 60 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
    socket.write(Buffer.alloc(70_000));
    socket.resume(); // the end is seen behind the answer
    t.after(() => socket.destroy());
    return once(socket, 'close');
  });
  while (asked.length < 20) await sleep(5);
  assert.equal(await get(port), '0');
  assert.ok(asked.filter((path) => path === '/large').length <= 32);
  await Promise.all(large);
});

test('nine requests of one address at once: the ninth waits for its turn, and is answered', async (t) => {
  let open = 0;
  let most = 0;
  const upstream = await listen(
    t,
    createServer((_incoming, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end('done');
      }, 50);
    }),
  );
  const listener = proxyListener(new URL(`http://127.0.0.1:${upstream}`), () => '192.0.2.1');
  const port = await listen(t, createServer(listener));
  const answers = await Promise.all(Array.from({ length: 30 }, () => get(port)));
  assert.deepEqual([new Set(answers), most], [new Set(['done']), 8]);
});

/** What waits at a port is taken at once: in a flood, one for each turn of the event loop is slower than they come. */
// Needs: ip
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { acceptWaiting, bindSocket } from '../../tun/index.ts';
import { authority, Harness, LET_IN, Queue, serverContext, type Ticket } from './support.ts';

const context = serverContext();
const CLIENTS = 100;

/** A listener on a bound socket, and in which turn of the event loop it was asked about each connection. */
async function listening(): Promise<{ harness: Harness; port: number; turns: number[] }> {
  const turns: number[] = [];
  let turn = 0;
  let isCounting = false;
  const admit = (): Ticket => {
    turns.push(turn);
    if (!isCounting) setImmediate(next);
    isCounting = true;
    return { ...LET_IN, number: turns.length, close() {} };
  };
  const next = (): void => {
    turn += 1;
    isCounting = false;
  };
  const { fd, port } = bindSocket('127.0.0.1', 0, '');
  const harness = new Harness(context, { admit, acceptWaiting });
  await harness.listener.listen({ fd });
  return { harness, port, turns };
}

function ss(...filter: string[]): string {
  return execFileSync('ss', ['-tnoH', ...filter], { encoding: 'utf8' });
}

test('a hundred connections that have come are judged in a few turns, and each is served', async () => {
  const { harness, port, turns } = await listening();
  const clients = Array.from({ length: CLIENTS }, () =>
    connectTls({ host: '127.0.0.1', port, ca: authority.certificatePem }),
  );
  await Promise.all(clients.map((client) => once(client, 'secureConnect')));
  const infos = await Promise.all(clients.map(() => harness.connections.next()));
  const ports = (list: readonly (number | undefined)[]): number[] => list.map(Number).sort((a, b) => a - b);
  assert.deepEqual(ports(infos.map(({ info }) => info.remotePort)), ports(clients.map(({ localPort }) => localPort)));
  const most = Math.max(...turns.map((turn) => turns.filter((other) => other === turn).length));
  assert.ok(most >= CLIENTS / 4, `at most ${most} in one turn`);
  const served = ss('sport', '=', `:${port}`).trim().split('\n');
  assert.deepEqual([served.length, served.filter((line) => !line.includes('timer:(keepalive,'))], [CLIENTS, []]);
  for (const client of clients) client.destroy();
});

test('the kernel keeps as many waiting as it may, also at a socket that came bound', async () => {
  const { port } = await listening();
  const [, , backlog] = ss('-l', 'sport', '=', `:${port}`).split(/\s+/);
  const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
  assert.equal(Number(backlog), Math.min(4_096, most));
});

test('a listener that is closed by what it has just taken takes no more, and lets go of the others', async () => {
  const { fd, port } = bindSocket('127.0.0.1', 0, '');
  let admitted = 0;
  const admit = (): Ticket | undefined => {
    admitted += 1;
    if (admitted === 1) return { ...LET_IN, number: admitted, close() {} };
    void harness.listener.close();
    return undefined;
  };
  const harness = new Harness(context, { admit, acceptWaiting });
  await harness.listener.listen({ fd });
  const clients = Array.from({ length: 5 }, () => connectTcp({ host: '127.0.0.1', port }).on('error', () => undefined));
  await Promise.all(clients.map((client) => new Promise((resolve) => client.once('close', resolve).resume())));
  assert.equal(admitted, 2);
});

test('acceptWaiting: none while none waits, no more than asked for, and only at a socket that listens', async () => {
  const { fd } = bindSocket('127.0.0.1', 0, '');
  assert.throws(() => acceptWaiting(fd, 1), { code: 'EINVAL', syscall: 'accept' });
  assert.throws(() => acceptWaiting(2 ** 31 - 1, 1), { code: 'EBADF', syscall: 'ioctl(FIONBIO)' });
  const harness = new Harness(context);
  const { port } = await harness.listener.listen({ fd });
  assert.deepEqual(acceptWaiting(fd, 10), []);
  const clients = Array.from({ length: 3 }, () => connectTcp({ host: '127.0.0.1', port }));
  await new Promise((resolve) => process.nextTick(resolve));
  assert.deepEqual(acceptWaiting(fd, 0), []);
  for (const client of clients) client.destroy();
});

test('bytes that lay there while the event loop was busy are no silence; none are', async (t) => {
  const silent = new Queue<number>();
  const { promise: bothAreHere, resolve } = Promise.withResolvers<void>();
  const admit = (): Ticket => {
    const number = harness.admitted.push('');
    if (number === 2) resolve();
    return { ...LET_IN, number, silent: () => silent.push(number), close() {} };
  };
  const harness = new Harness(context, { admit });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { address } = await harness.start();
  const connect = (): Socket => connectTcp({ host: '127.0.0.1', port: address.port }).on('error', () => undefined);
  const speaks = connect();
  await once(speaks, 'connect');
  await once(connect(), 'connect');
  await bothAreHere;
  // The time is up before the next look at the sockets.
  setImmediate(() => {
    speaks.write('no TLS');
    t.mock.timers.tick(3_000);
  });
  assert.deepEqual([await silent.next(), silent.all], [2, [2]]);
});

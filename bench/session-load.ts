/**
 * The load, in a process of its own. `node session-load.ts KIND PORT CA PASSWORD` with KIND `sstp` or `tls`; then on
 * standard input `open COUNT` connects so many more, eight at a time, and `close` ends all. Each is answered by a line.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, type TLSSocket } from 'node:tls';
import { SstpClient } from '../client/index.ts';
import { systemClock } from '../core/index.ts';
import { ChunkPool, PlainPath } from '../datapath/index.ts';
import { MemoryTun } from '../tun/index.ts';

const AT_A_TIME = 8;
const HOST = '127.0.0.1';

const [kind = '', port = '0', caFile = '', password = ''] = process.argv.slice(2);
const caPem = readFileSync(caFile, 'utf8');
const chunks = new ChunkPool();
const closers: (() => Promise<void>)[] = [];

/** Resolves when IPCP has opened. */
function openSstp(): Promise<void> {
  return new Promise((resolve, reject) => {
    const tun = new MemoryTun();
    const client: SstpClient = new SstpClient({
      host: HOST,
      port: Number(port),
      user: 'bench',
      password,
      caPem,
      methods: ['mschapv2'],
      path: new PlainPath({ tun, clock: systemClock, chunks }),
      clock: systemClock,
      onUp: ({ ipv4 }) => {
        if (ipv4 !== undefined) resolve();
      },
    });
    client.ended.then(({ reason, detail }) => reject(new Error(`${reason}: ${detail}`)));
    client.start();
    closers.push(async () => {
      client.disconnect('done');
      await client.ended;
    });
  });
}

/** Resolves when the handshake is done. No session is resumed, as none is offered. */
function openTls(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: HOST, port: Number(port), ca: caPem, ALPNProtocols: ['http/1.1'] }, () =>
      resolve(),
    );
    socket.on('error', reject);
    socket.resume();
    closers.push(
      () =>
        new Promise((done) => {
          socket.once('close', () => done());
          socket.end();
        }),
    );
  });
}

async function inTurn(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command === 'open') await inTurn(Number(count), kind === 'sstp' ? openSstp : openTls);
  if (command === 'close') await Promise.all(closers.splice(0).map((close) => close()));
  console.log('done');
}

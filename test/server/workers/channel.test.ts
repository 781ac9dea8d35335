/** The supervisor's end of the channel, over real sockets, against workers that behave and others that do not. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SupervisorChannel, WorkerChannel } from '../../../server/workers/channel.ts';
import { frame } from '../../../server/workers/frames.ts';
import type { ToWorker } from '../../../server/workers/messages.ts';
import { eventually } from '../../support/eventually.ts';

/** @returns the supervisor's socket, and the worker's */
async function pair(t: TestContext): Promise<readonly [Socket, Socket]> {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-channel-'));
  const server = createServer({ pauseOnConnect: true });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
  const worker = connect(join(folder, 'socket'));
  const supervisor = await accepted;
  worker.on('error', () => {});
  t.after(() => {
    worker.destroy();
    supervisor.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  supervisor.resume();
  return [supervisor, worker];
}

interface Heard {
  readonly bodies: string[];
  readonly faults: unknown[];
  slowed: number;
}

function listen(socket: Socket, read: (body: Buffer) => void = () => {}): { channel: WorkerChannel; heard: Heard } {
  const heard: Heard = { bodies: [], faults: [], slowed: 0 };
  const channel = new WorkerChannel(socket, {
    read: (body) => {
      heard.bodies.push(body.toString('latin1', 0, 100));
      read(body);
    },
    fault: (error) => void heard.faults.push(error),
    slowed: () => {
      heard.slowed += 1;
    },
  });
  return { channel, heard };
}

const ALIVE = frame(Buffer.from('{"kind":"alive"}'));

test('what is said arrives on both ends, in order', async (t) => {
  const [supervisor, worker] = await pair(t);
  const { channel, heard } = listen(supervisor);
  const told: ToWorker[] = [];
  let hasEnded = false;
  const other = new SupervisorChannel(worker, {
    receive: (message) => void told.push(message),
    ended: () => {
      hasEnded = true;
    },
  });
  const lease = { kind: 'dialled', call: 1, error: 'x'.repeat(100_000) } as const;
  channel.send(lease);
  channel.send({ kind: 'alive?', call: 1 });
  other.send({ kind: 'lease', session: '00000001' });
  other.send({ kind: 'alive', call: 1 });
  await eventually('both have heard', () => told.length === 2 && heard.bodies.length === 2);
  assert.deepEqual(told, [lease, { kind: 'alive?', call: 1 }]);
  assert.deepEqual(heard.bodies, ['{"kind":"lease","session":"00000001"}', '{"kind":"alive","call":1}']);
  supervisor.destroy();
  await channel.closed;
  await eventually('the worker knows', () => hasEnded);
});

test('after what makes no sense nothing is read, and it is said once', async (t) => {
  const [supervisor, worker] = await pair(t);
  const { channel, heard } = listen(supervisor, (body) => {
    if (body.toString() === 'lie') throw new Error('a lie');
  });
  worker.write(Buffer.concat([ALIVE, frame(Buffer.from('lie')), ALIVE, frame(Buffer.from('lie'))]));
  await channel.closed;
  assert.deepEqual(heard.bodies, ['{"kind":"alive"}', 'lie']);
  assert.match(String(heard.faults), /^Error: a lie$/);
});

test('of a fault is heard while its end is still open: a worker that sees it close would end as an honest one does', async (t) => {
  const [supervisor, worker] = await pair(t);
  const wasOpen: boolean[] = [];
  const channel = new WorkerChannel(supervisor, {
    read: () => {
      throw new Error('a lie');
    },
    fault: () => void wasOpen.push(!supervisor.destroyed),
    slowed: () => {},
  });
  worker.write(Buffer.concat([ALIVE, ALIVE]));
  await channel.closed;
  assert.deepEqual(wasOpen, [true]);
});

test('a message that is too long ends it before it comes', async (t) => {
  const [supervisor, worker] = await pair(t);
  const { channel, heard } = listen(supervisor);
  worker.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7b]));
  await channel.closed;
  assert.match(String(heard.faults), /RangeError: a message of 2147483647 bytes is too long/);
});

test('half a message, and then the end, is no fault and no message', async (t) => {
  const [supervisor, worker] = await pair(t);
  const { channel, heard } = listen(supervisor);
  worker.end(ALIVE.subarray(0, 9));
  await channel.closed;
  assert.deepEqual([heard.bodies, heard.faults], [[], []]);
});

test('of one that asks and never reads no more is read, until it does; what it is told otherwise has its bound', async (t) => {
  const [supervisor, worker] = await pair(t);
  const answer: ToWorker = { kind: 'dialled', call: 1, error: 'x'.repeat(65_536) };
  const { channel, heard } = listen(supervisor, () => channel.send(answer));
  worker.pause();
  for (let i = 0; i < 1_000; i += 1) worker.write(ALIVE);
  await eventually('it is not read any more', () => supervisor.isPaused());
  assert.ok(heard.bodies.length < 100, String(heard.bodies.length));
  assert.ok(supervisor.writableLength < 1_200_000, String(supervisor.writableLength));
  let taken = 0;
  worker.on('data', (chunk) => {
    taken += chunk.length;
  });
  worker.resume();
  await eventually('all is answered', () => taken >= 65_536 * 1_000);
  assert.deepEqual(heard.faults, []);

  worker.pause();
  for (let i = 0; i < 400 && heard.faults.length === 0; i += 1) channel.send(answer);
  assert.match(String(heard.faults), /it does not read what it is told/);
  await channel.closed;
});

test('who says more than an honest worker can is read slowly', async (t) => {
  const [supervisor, worker] = await pair(t);
  const { heard } = listen(supervisor);
  const startedAt = performance.now();
  const COUNT = 60_000;
  worker.write(Buffer.concat(Array(COUNT).fill(ALIVE)));
  await eventually('all is read', () => heard.bodies.length === COUNT, 60_000);
  // 20,000 at once, and as many in each second.
  assert.ok(performance.now() - startedAt > 1_500);
  assert.ok(heard.slowed > 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkPool } from '../../datapath/index.ts';
import { SendQueue } from '../../datapath/send-queue.ts';
import { ECHO_REQUEST, hex, pppIpv4, settle, TestOwner } from './packets.ts';

const CHUNK = 1024;

function makeQueue(
  mostBytes = 8 * CHUNK,
  pool = new ChunkPool({ chunkBytes: CHUNK }),
  options: { isOneByOne?: boolean } = {},
) {
  const owner = new TestOwner();
  const queue = new SendQueue(pool, mostBytes, (bytes, done) => owner.write(bytes, done), options);
  return { owner, queue, pool };
}

/** `length` bytes that differ from packet to packet. */
const packet = (length: number, seed = 0): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i + seed) & 0xff));

const HEX_A = '1000000aff030021a1a2';
const HEX_B = '1000000bff030057b1b2b3';

/** `pairs` times a packet of IPv4 and one of IPv6. */
async function writesOf(pairs: number, options: { isOneByOne?: boolean } = {}): Promise<string[]> {
  const { owner, queue } = makeQueue(8 * CHUNK, undefined, options);
  owner.isFast = true;
  for (let i = 0; i < pairs; i++) {
    queue.push(hex('a1a2'), 0, 2, 0x0021);
    queue.push(hex('00b1b2b300'), 1, 4, 0x0057);
  }
  assert.equal(owner.writes.length, 0);
  await settle();
  return owner.writes.map((bytes) => bytes.toString('hex'));
}

test('eight packets and more of one turn go out in one write, each behind its own headers', async () => {
  assert.deepEqual(await writesOf(4), [(HEX_A + HEX_B).repeat(4)]);
  assert.deepEqual(await writesOf(5), [(HEX_A + HEX_B).repeat(5)]);
});

test('fewer than eight packets that wait go out one by one; all do to a client that takes one at a time', async () => {
  assert.deepEqual(await writesOf(1), [HEX_A, HEX_B]);
  assert.deepEqual(await writesOf(3), [HEX_A, HEX_B, HEX_A, HEX_B, HEX_A, HEX_B]);
  assert.deepEqual(await writesOf(20, { isOneByOne: true }), Array.from({ length: 20 }, () => [HEX_A, HEX_B]).flat());
});

test('one write is outstanding; what comes meanwhile goes out when it is done', async () => {
  const { owner, queue } = makeQueue();
  queue.push(packet(10), 0, 10, 0x0021);
  await settle();
  queue.push(packet(10, 1), 0, 10, 0x0021);
  queue.push(packet(10, 2), 0, 10, 0x0021);
  await settle();
  assert.equal(owner.writes.length, 1);
  owner.finishWrite();
  owner.finishWrite();
  assert.deepEqual(owner.writes.slice(1), [pppIpv4(packet(10, 1)), pppIpv4(packet(10, 2))]);
  owner.finishWrite();
  assert.equal(owner.isWriting, false);
});

test('bytes being written are not touched by packets that come later', async () => {
  const held: Buffer[] = [];
  const queue = new SendQueue(new ChunkPool({ chunkBytes: CHUNK }), 8 * CHUNK, (bytes) => held.push(bytes));
  queue.push(packet(10), 0, 10, 0x0021);
  await settle();
  const before = Buffer.from(held[0] ?? '');
  for (let i = 0; i < 100; i++) queue.push(packet(10, i), 0, 10, 0x0021);
  assert.deepEqual(held, [before]);
});

test('a frame is never split: what does not fit in the piece begins the next', async () => {
  const { owner, queue } = makeQueue();
  queue.push(packet(600), 0, 600, 0x0021);
  queue.push(packet(600, 1), 0, 600, 0x0021);
  owner.isFast = true;
  await settle();
  assert.deepEqual(owner.writes, [pppIpv4(packet(600)), pppIpv4(packet(600, 1))]);
});

test('a packet fills a piece to its last byte', () => {
  const { queue, pool } = makeQueue();
  assert.ok(queue.push(packet(1016), 0, 1016, 0x0021));
  assert.equal(pool.usedBytes, CHUNK);
});

test('a peer that never reads holds no more than its bound, and loses the newest packets', async () => {
  const { owner, queue, pool } = makeQueue(4 * CHUNK);
  let taken = 0;
  for (let i = 0; i < 10_000; i++) if (queue.push(packet(500, i), 0, 500, 0x0021)) taken += 1;
  await settle();
  assert.equal(taken, 8);
  assert.equal(pool.usedBytes, 4 * CHUNK);
  owner.isFast = true;
  owner.finishWrite();
  assert.deepEqual(
    Buffer.concat(owner.writes),
    Buffer.concat([0, 1, 2, 3, 4, 5, 6, 7].map((i) => pppIpv4(packet(500, i)))),
  );
  assert.equal(pool.usedBytes, 0);
});

test('what is being written counts towards the bound', async () => {
  const { queue } = makeQueue(CHUNK);
  assert.equal(queue.push(packet(10), 0, 10, 0x0021), true);
  await settle();
  assert.equal(queue.push(packet(10), 0, 10, 0x0021), false);
});

test('a bound below one piece still lets one through', () => {
  const { queue } = makeQueue(1);
  assert.equal(queue.push(packet(10), 0, 10, 0x0021), true);
});

test('a packet that no SSTP length can name is refused (MS-SSTP 2.2.1)', () => {
  const { queue } = makeQueue(1 << 20, new ChunkPool());
  assert.equal(queue.push(packet(4088), 0, 4088, 0x0021), false);
  assert.equal(queue.push(packet(4087), 0, 4087, 0x0021), true);
});

test('a queue without traffic holds no memory', async () => {
  const { owner, queue, pool } = makeQueue();
  owner.isFast = true;
  for (let i = 0; i < 5; i++) queue.push(packet(900, i), 0, 900, 0x0021);
  await settle();
  assert.equal(owner.writes.length, 5);
  assert.equal(pool.usedBytes, 0);
});

test('control packets wait in order and go first, up to 64 KiB of them', async () => {
  const { owner, queue } = makeQueue();
  queue.push(packet(10), 0, 10, 0x0021);
  const other = hex('1001 0008 0009 0000');
  queue.pushControl(ECHO_REQUEST);
  queue.pushControl(other);
  owner.isFast = true;
  await settle();
  assert.deepEqual(owner.writes, [ECHO_REQUEST, other, pppIpv4(packet(10))]);
  owner.isFast = false;
  for (let i = 0; i < 8192; i++) assert.equal(queue.pushControl(ECHO_REQUEST), true);
  assert.equal(queue.pushControl(ECHO_REQUEST), false);
});

test('discardData keeps control packets and what is being written', async () => {
  const { owner, queue, pool } = makeQueue();
  queue.push(packet(10), 0, 10, 0x0021);
  await settle();
  queue.push(packet(10, 1), 0, 10, 0x0021);
  queue.pushControl(ECHO_REQUEST);
  queue.discardData();
  assert.equal(pool.usedBytes, CHUNK);
  owner.finishWrite();
  owner.finishWrite();
  assert.deepEqual(owner.writes, [pppIpv4(packet(10)), ECHO_REQUEST]);
  assert.equal(pool.usedBytes, 0);
});

test('discardData between packets that are written one by one keeps the one that is being written', async () => {
  const { owner, queue, pool } = makeQueue();
  for (let i = 0; i < 3; i++) queue.push(packet(10, i), 0, 10, 0x0021);
  await settle();
  queue.pushControl(ECHO_REQUEST);
  queue.discardData();
  owner.finishWrite();
  assert.equal(pool.usedBytes, 0);
  owner.finishWrite();
  await queue.flushed();
  assert.deepEqual(owner.writes, [pppIpv4(packet(10)), ECHO_REQUEST]);
});

test('flushed resolves at once when nothing waits, else when the last write is done', async () => {
  const { owner, queue } = makeQueue();
  await queue.flushed();
  const order: string[] = [];
  queue.pushControl(ECHO_REQUEST);
  const flushed = queue.flushed().then(() => order.push('flushed'));
  await settle();
  order.push('written');
  owner.finishWrite();
  await flushed;
  assert.deepEqual(order, ['written', 'flushed']);
});

test('flushed resolves when what it waited for was discarded before it was written', async () => {
  const { owner, queue } = makeQueue();
  queue.push(packet(10), 0, 10, 0x0021);
  const flushed = queue.flushed();
  queue.discardData();
  await flushed;
  assert.deepEqual(owner.writes, []);
});

test('property: whatever is taken goes out once, in order, with control first and memory given back', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('packet' as const), length: fc.integer({ min: 20, max: 1000 }) }),
    fc.record({ kind: fc.constant('control' as const) }),
    fc.record({ kind: fc.constant('done' as const) }),
    fc.record({ kind: fc.constant('turn' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { owner, queue, pool } = makeQueue(4 * CHUNK);
      const data: Buffer[] = [];
      const control: Buffer[] = [];
      for (const [i, event] of steps.entries()) {
        if (event.kind === 'packet') {
          const bytes = packet(event.length, i);
          if (queue.push(bytes, 0, bytes.length, 0x0021)) data.push(pppIpv4(bytes));
        } else if (event.kind === 'control') {
          const bytes = hex(`1001 0008 0008 00${(i & 0xff).toString(16).padStart(2, '0')}`);
          assert.ok(queue.pushControl(bytes));
          control.push(bytes);
        } else if (event.kind === 'done') {
          if (owner.isWriting) owner.finishWrite();
        } else {
          await settle();
        }
        assert.ok(pool.usedBytes <= 4 * CHUNK);
      }
      owner.isFast = true;
      if (owner.isWriting) owner.finishWrite();
      await queue.flushed();
      const isControl = (bytes: Buffer): boolean => bytes[1] === 1;
      for (const bytes of owner.writes.filter(isControl)) assert.equal(bytes.length, bytes.readUInt16BE(2));
      assert.deepEqual(Buffer.concat(owner.writes.filter(isControl)), Buffer.concat(control));
      assert.deepEqual(Buffer.concat(owner.writes.filter((bytes) => !isControl(bytes))), Buffer.concat(data));
      assert.equal(pool.usedBytes, 0);
    }),
    { numRuns: 150 },
  );
});

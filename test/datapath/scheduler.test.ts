/** What waits for a client on the offloaded path, in virtual time: the packets come from `sendPacket`, nothing sleeps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryPath, type TunPath } from '../../tun/index.ts';
import { isSanitized } from '../support/sanitized.ts';
import { CLIENT_LINK_LOCAL, CLIENT_PREFIX, CLIENT4, hex, ipv4, ipv6, SERVER_LINK_LOCAL } from './packets.ts';

const MS = 1000;
const FRAME = 1408;

interface Queue {
  readonly tun: TunPath;
  readonly slot: number;
  /** A UDP datagram of 1,400 bytes of IP packet, or of `bytes`, from a port; the number is in its payload. */
  push(port: number, number: number, bytes?: number): void;
  /** Up to `bytes` of frames: source port and number of each. */
  take(bytes: number): [number, number][];
  at(us: number): void;
}

function makeQueue(t: { after: (done: () => void) => void }, mostBytes = 1 << 20, mostAll = 256 << 20): Queue {
  const { path: tun, network } = openMemoryPath({ mostBytes: mostAll });
  t.after(() => {
    tun.close();
    network.close();
  });
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const slot = tun.attach(owner, { isFromServer: false, mostBytes, serverLinkLocal: SERVER_LINK_LOCAL });
  tun.setIpv4(slot, CLIENT4);
  tun.setClock(1_000_000);
  return {
    tun,
    slot,
    push: (port, number, bytes = 1400) => tun.inject(slot, datagram(port, number, bytes)),
    take: (bytes) => {
      if (tun.pending(slot) === 0) return [];
      const out = Buffer.alloc(Math.max(bytes, 4095));
      // The room decides how much is taken; less than a whole frame of the largest kind is refused.
      return frames(out.subarray(0, tun.take(slot, out, 0)));
    },
    at: (us) => tun.setClock(1_000_000 + us),
  };
}

function datagram(port: number, number: number, bytes: number): Buffer {
  const udp = Buffer.alloc(bytes - 20);
  udp.writeUInt16BE(port, 0);
  udp.writeUInt16BE(9, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.writeUInt32BE(number, 8);
  return ipv4('cb007105', 'c0a84d0a', udp);
}

function frames(stream: Buffer): [number, number][] {
  const found: [number, number][] = [];
  for (let at = 0; at < stream.length; at += stream.readUInt16BE(at + 2) & 0x0fff) {
    found.push([stream.readUInt16BE(at + 28), stream.readUInt32BE(at + 36)]);
  }
  return found;
}

const SENDER6 = '2001 0db8 00ff 0000 0000 0000 0000 0001';
const RECEIVER6 = '2001 0db8 0001 0007 0000 0000 0000 0002';

/** RFC 1071 over an IPv4 header of 20 bytes, its checksum field left out. */
function headerChecksum(packet: Buffer): number {
  let sum = 0;
  for (let at = 0; at < 20; at += 2) if (at !== 10) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const numbers = (taken: [number, number][], port: number): number[] =>
  taken.filter(([from]) => from === port).map(([, number]) => number);

test('a sparse flow goes ahead of a bulk flow that waits', (t) => {
  const queue = makeQueue(t);
  for (let i = 0; i < 50; i++) queue.push(1, i);
  queue.push(2, 0, 100);
  const taken = queue.take(20 * FRAME);
  // Flow 1 was sparse itself for its first two packets.
  assert.deepEqual(taken.slice(0, 4), [
    [1, 0],
    [1, 1],
    [2, 0],
    [1, 2],
  ]);
});

test('within a flow the order stays, however it moves between sparse and bulk', (t) => {
  const queue = makeQueue(t);
  const taken: [number, number][] = [];
  let next = 0;
  for (let round = 0; round < 200; round++) {
    const count = (round * 7) % 5;
    for (let i = 0; i < count; i++) queue.push(1, next++, 200 + ((next * 37) % 1200));
    for (let i = 0; i < round % 3; i++) queue.push(2, round * 10 + i);
    taken.push(...queue.take(4095 + (round % 4) * 700));
  }
  while (queue.tun.pending(queue.slot) > 0) taken.push(...queue.take(100_000));
  assert.deepEqual(
    numbers(taken, 1),
    Array.from({ length: next }, (_, i) => i),
  );
});

test('bulk flows share by bytes, whatever the size of their packets (DRR)', (t) => {
  const queue = makeQueue(t);
  for (let i = 0; i < 300; i++) queue.push(1, i, 1400);
  for (let i = 0; i < 1400; i++) queue.push(2, i, 300);
  queue.take(16 * 1024); // what was sparse
  const taken = queue.take(128 * 1024);
  const bytes = numbers(taken, 1).length * 1408;
  const others = numbers(taken, 2).length * 308;
  assert.ok(Math.abs(bytes - others) <= 2 * 3028, `${bytes} and ${others}`);
});

test('many sparse flows cannot starve a bulk flow: above 32 KiB they take turns with it', (t) => {
  const queue = makeQueue(t, 4 << 20);
  for (let i = 0; i < 100; i++) queue.push(1, i);
  for (let port = 10; port < 500; port++) queue.push(port, 0, 500);
  const taken = queue.take(120 * 1024);
  // Its first two packets were sparse themselves; a turn of it is two frames and the one that overdraws.
  assert.ok(numbers(taken, 1).length >= 4, `${numbers(taken, 1).length}`);
});

test('CoDel: a delay of 5 ms that lasts 100 ms costs single frames, then more (RFC 8289 5)', (t) => {
  const queue = makeQueue(t);
  const taken: [number, number][] = [];
  let pushed = 0;
  // The line takes 3 frames per 2 ms; twice that comes in for a second.
  for (let us = 0; us < 1000 * MS; us += 2 * MS) {
    queue.at(us);
    if (pushed < 600) for (let i = 0; i < 4; i++) queue.push(1, pushed++);
    taken.push(...queue.take(4300));
    const { dropsQueue } = queue.tun.stats(queue.slot);
    if (us < 100 * MS) assert.equal(dropsQueue, 0, `at ${us}`);
  }
  const { dropsQueue } = queue.tun.stats(queue.slot);
  assert.ok(dropsQueue > 3 && dropsQueue < 100, `${dropsQueue}`);
  const seen = numbers(taken, 1);
  assert.equal(seen.length + dropsQueue + queue.tun.stats(queue.slot).queuedBytes / FRAME, pushed);
  assert.ok(
    seen.every((number, i) => i === 0 || number > (seen[i - 1] ?? 0)),
    'order',
  );
});

for (const [name, mark, marked] of [
  ['IPv4 and ECT(0)', (packet: Buffer) => packet.writeUInt8(0x02, 1), (packet: Buffer) => (packet[1] ?? 0) & 0x03],
  ['IPv4 and ECT(1)', (packet: Buffer) => packet.writeUInt8(0x29, 1), (packet: Buffer) => (packet[1] ?? 0) & 0x03],
  [
    'IPv6 and ECT(0)',
    (packet: Buffer) => packet.writeUInt8(0x21, 1),
    (packet: Buffer) => ((packet[1] ?? 0) & 0x30) >> 4,
  ],
] as const) {
  test(`CoDel marks where it would drop, ${name} (RFC 8289, RFC 3168 5)`, (t) => {
    const isIpv6 = name.startsWith('IPv6');
    const { tun, slot, at } = makeQueue(t);
    tun.setIpv6(slot, { prefix: CLIENT_PREFIX, linkLocal: CLIENT_LINK_LOCAL });
    const packet = isIpv6 ? ipv6(SENDER6, RECEIVER6, Buffer.alloc(1360)) : datagram(1, 0, 1400);
    mark(packet);
    if (!isIpv6) packet.writeUInt16BE(headerChecksum(packet), 10);
    const before = packet.toString('hex');
    const out = Buffer.alloc(4300);
    let seen = 0;
    let pushed = 0;
    // The line takes 3 frames per 2 ms; four come in.
    for (let us = 0; us < 1000 * MS; us += 2 * MS) {
      at(us);
      for (let i = 0; i < 4 && pushed < 600; i++, pushed++) tun.inject(slot, packet);
      const bytes = tun.pending(slot) === 0 ? 0 : tun.take(slot, out, 0);
      for (let from = 0; from < bytes; from += FRAME) {
        const sent = Buffer.from(out.subarray(from + 8, from + FRAME));
        if (sent.toString('hex') === before) continue;
        seen += 1;
        assert.equal(marked(sent), 3);
        if (!isIpv6) assert.equal(headerChecksum(sent), sent.readUInt16BE(10));
        // Nothing else is changed.
        if (!isIpv6) packet.copy(sent, 10, 10, 12);
        packet.copy(sent, 1, 1, 2);
        assert.equal(sent.toString('hex'), before);
      }
    }
    const { dropsQueue, marksQueue, packetsOut, queuedBytes } = tun.stats(slot);
    assert.equal(dropsQueue, 0);
    assert.ok(seen > 3 && seen < 300, `${seen}`);
    assert.equal(seen, marksQueue);
    assert.equal(packetsOut + queuedBytes / FRAME, pushed);
  });
}

test('of a super-packet CoDel marks single segments, and a full queue drops ECN-capable packets too', async (t) => {
  const { path: tun, network } = openMemoryPath({ hasVnet: true });
  t.after(() => {
    tun.close();
    network.close();
  });
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const slot = tun.attach(owner, { isFromServer: false, mostBytes: 128 * 1024, serverLinkLocal: SERVER_LINK_LOCAL });
  tun.setIpv4(slot, CLIENT4);
  tun.addRoute(slot, 'ipv4', hex('c0a84d0a 00000000 00000000 00000000'));
  tun.setClock(1_000_000);
  // A virtio header: checksum needed, TCP over IPv4, 40 bytes of headers, segments of 1,360 bytes.
  const tcp = Buffer.concat([hex('0050 0400 00000001 00000001 5010 ffff 0000 0000'), Buffer.alloc(40 * 1360)]);
  const packet = ipv4('cb007105', 'c0a84d0a', tcp, 6);
  packet[1] = 0x02;
  const vnet = Buffer.from([1, 1, 40, 0, 0x50, 0x05, 20, 0, 16, 0]);
  network.inject([1, 2, 3].map(() => Buffer.concat([vnet, packet])));
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  const dropped = tun.stats(slot).dropsQueue;
  assert.ok(dropped > 20 && dropped < 40, `${dropped} did not fit`);
  const out = Buffer.alloc(4300);
  let marks = 0;
  let frameCount = 0;
  for (let us = 0; us < 300 * MS && tun.stats(slot).queuedBytes > 0; us += 10 * MS) {
    tun.setClock(1_000_000 + us);
    const bytes = tun.pending(slot) === 0 ? 0 : tun.take(slot, out, 0);
    for (let from = 0; from < bytes; from += FRAME, frameCount++) {
      const sent = out.subarray(from + 8, from + FRAME);
      assert.equal(headerChecksum(sent), sent.readUInt16BE(10));
      if (((sent[1] ?? 0) & 3) === 3) marks += 1;
      else assert.equal((sent[1] ?? 0) & 3, 2);
    }
  }
  assert.ok(marks > 0 && marks < frameCount / 2, `${marks} of ${frameCount}`);
  assert.equal(marks, tun.stats(slot).marksQueue);
  assert.equal(tun.stats(slot).dropsQueue, dropped);
});

test('CoDel leaves a queue alone that stands for less than 5 ms', (t) => {
  const queue = makeQueue(t);
  for (let us = 0; us < 1000 * MS; us += 2 * MS) {
    queue.at(us);
    for (let i = 0; i < 3; i++) queue.push(1, i);
    queue.take(3 * FRAME);
  }
  assert.equal(queue.tun.stats(queue.slot).dropsQueue, 0);
});

test('what waits for one client is bounded in bytes; the rest is dropped at the tail and counted', (t) => {
  const queue = makeQueue(t, 65_536);
  for (let i = 0; i < 100; i++) queue.push(1, i);
  const { queuedBytes, dropsQueue } = queue.tun.stats(queue.slot);
  assert.equal(queuedBytes, 46 * FRAME);
  assert.equal(dropsQueue, 54);
  const taken: [number, number][] = [];
  while (queue.tun.pending(queue.slot) > 0) taken.push(...queue.take(100_000));
  assert.deepEqual(
    numbers(taken, 1),
    Array.from({ length: 46 }, (_, i) => i),
  );
});

test('all queues together are bounded: the longest gives way first, and a newcomer is served', (t) => {
  const most = 4 << 20;
  const { tun, slot, push } = makeQueue(t, 64 << 20, most);
  for (let i = 0; i < 6000; i++) push(1, i);
  assert.ok(tun.totals.memory <= most && tun.totals.memory > most / 2, `${tun.totals.memory}`);
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const other = tun.attach(owner, { isFromServer: false, mostBytes: 1 << 20, serverLinkLocal: SERVER_LINK_LOCAL });
  tun.setIpv4(other, CLIENT4);
  for (let i = 0; i < 100; i++) tun.inject(other, datagram(1, i, 1400));
  assert.equal(tun.stats(other).dropsQueue, 0);
  assert.equal(tun.stats(other).queuedBytes, 100 * FRAME);
  assert.ok(tun.stats(slot).dropsQueue > 0);
  assert.ok(tun.totals.memory <= most);
});

test('1,000 clients that stopped reading, each sent 10 MB, stay under the bound, and one that reads gets its packets', (t) => {
  const most = 256 << 20;
  const { path: tun, network } = openMemoryPath({ mostBytes: most });
  t.after(() => {
    tun.close();
    network.close();
  });
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const before = process.memoryUsage.rss();
  const slots = Array.from({ length: 1000 }, () => {
    const slot = tun.attach(owner, { isFromServer: false, mostBytes: 1 << 20, serverLinkLocal: SERVER_LINK_LOCAL });
    tun.setIpv4(slot, CLIENT4);
    return slot;
  });
  const packet = datagram(1, 0, 1400);
  const reader = slots.pop() ?? 0;
  const out = Buffer.alloc(128 * 1024);
  let got = 0;
  for (let sent = 0; sent < 10_000_000; sent += 1400) {
    for (const slot of slots) tun.inject(slot, packet);
    if (sent % 14_000 !== 0) continue;
    tun.inject(reader, packet);
    assert.ok(tun.pending(reader) > 0);
    got += tun.take(reader, out, 0) / FRAME;
    tun.pending(reader);
    assert.ok(tun.totals.memory <= most + 4096, `${tun.totals.memory}`);
  }
  assert.equal(got, Math.ceil(10_000_000 / 14_000));
  const grown = process.memoryUsage.rss() - before;
  assert.ok(isSanitized || grown < 1.3 * most, `${Math.round(grown / 1e6)} MB more resident`);
  for (const slot of slots) tun.detach(slot);
  assert.ok(tun.totals.memory < 1 << 20);
});

test('a slot that is gone is refused, also when its place has been taken again', (t) => {
  const { tun, slot } = makeQueue(t);
  tun.detach(slot);
  assert.throws(() => tun.pending(slot), { code: 'EBADF', syscall: 'slot' });
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const next = tun.attach(owner, { isFromServer: false, mostBytes: 1 << 20, serverLinkLocal: SERVER_LINK_LOCAL });
  assert.notEqual(next, slot);
  assert.throws(() => tun.inject(slot, hex('45')), { code: 'EBADF' });
});

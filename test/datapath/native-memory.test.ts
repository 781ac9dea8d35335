/** The addon keeps nothing: batches, links and devices come and go, and resident memory stays where it was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openMemoryPath, ReceivePosition } from '../../tun/index.ts';
import { isSanitized } from '../support/sanitized.ts';
import { CLIENT4, hex, ipv4, pppIpv4, SERVER_LINK_LOCAL, SYN_1460 } from './packets.ts';

const OPTIONS = { isFromServer: false, mostBytes: 1 << 20, serverLinkLocal: SERVER_LINK_LOCAL };
const MEBIBYTE = 1 << 20;
/** The least that malloc gives is 32 bytes: lost once in each of 500,000 rounds, that is 15 MiB. */
const MOST_GROWN = 8 * MEBIBYTE;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function resident(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

/** Growth of resident memory over `rounds` calls, after a quarter as many have warmed it up. */
async function growth(rounds: number, batch: (round: number) => Promise<void> | void): Promise<number> {
  for (let i = 0; i < rounds / 4; i++) await batch(i);
  const before = resident();
  for (let i = 0; i < rounds; i++) await batch(i);
  return resident() - before;
}

function assertKept(grown: number): void {
  assert.ok(isSanitized || grown < MOST_GROWN, `${(grown / MEBIBYTE).toFixed(1)} MiB more resident`);
}

test('10^6 batches through a pair of devices, clients coming and going between, leave no memory behind', async () => {
  const { path: tun, network } = openMemoryPath();
  let isTold: () => void = () => {};
  const owner = { ready: () => isTold(), tooBig: () => {}, linkLocal: () => {} };
  const route = Buffer.concat([hex('c0a84d0a'), Buffer.alloc(12)]);
  const down = ipv4('cb007105', 'c0a84d0a', Buffer.alloc(400));
  const up = pppIpv4(ipv4('c0a84d0a', 'cb007105', SYN_1460, 6));
  const out = Buffer.alloc(16_384);
  const position = new ReceivePosition();
  let slot = 0;
  const connect = (): void => {
    slot = tun.attach(owner, OPTIONS);
    tun.setIpv4(slot, CLIENT4);
    tun.addRoute(slot, 'ipv4', route);
    tun.pending(slot);
  };
  connect();
  let packets = 0;
  const rounds = isSanitized ? 50_000 : 500_000;
  const grown = await growth(rounds, async (round) => {
    // From the network: the far device, the event loop, the queue.
    const told = new Promise<void>((resolve) => {
      isTold = resolve;
    });
    network.inject([down, down]);
    await told;
    assert.ok(tun.pending(slot) > 0);
    tun.take(slot, out, 0);
    tun.pending(slot);
    // To the network; cut in the middle of a frame, so that one is kept across batches.
    position.chunk = 0;
    position.offset = 0;
    tun.receive(slot, [up, up.subarray(0, 17)], position);
    position.chunk = 0;
    position.offset = 0;
    tun.receive(slot, [up.subarray(17)], position);
    if (round % 16 !== 0) return;
    packets += network.received().length;
    if (round % 64 !== 0) return;
    tun.receive(slot, [up.subarray(0, 30)], new ReceivePosition());
    tun.inject(slot, down);
    tun.detach(slot);
    connect();
  });
  assert.ok(packets > 1.8 * rounds, `only ${packets} packets came out`);
  assert.equal(tun.totals.memory, 0);
  tun.close();
  network.close();
  assertKept(grown);
});

test('50,000 clients that come, leave something waiting and go, leave no memory behind', async () => {
  const { path: tun, network } = openMemoryPath();
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const down = ipv4('cb007105', 'c0a84d0a', Buffer.alloc(1000));
  const half = hex('1000 0400 ff03');
  const position = new ReceivePosition();
  const grown = await growth(40_000, () => {
    const slot = tun.attach(owner, OPTIONS);
    tun.setIpv4(slot, CLIENT4);
    for (let i = 0; i < 5; i++) tun.inject(slot, down);
    position.chunk = 0;
    position.offset = 0;
    tun.receive(slot, [half], position);
    tun.detach(slot);
  });
  assert.equal(tun.totals.memory, 0);
  tun.close();
  network.close();
  assertKept(grown);
});

test('20,000 devices that come and go leave no memory behind', async () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const down = ipv4('cb007105', 'c0a84d0a', Buffer.alloc(1000));
  const grown = await growth(isSanitized ? 1_600 : 16_000, async () => {
    const { path: tun, network } = openMemoryPath();
    const slot = tun.attach(owner, OPTIONS);
    tun.inject(slot, down);
    network.inject([down]);
    tun.close();
    network.close();
    await turn(); // libuv gives memory back a turn later
  });
  assertKept(grown);
});

test('1,000 clients that are idle after a burst hold no buffers', () => {
  const { path: tun, network } = openMemoryPath();
  const owner = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
  const down = ipv4('cb007105', 'c0a84d0a', Buffer.alloc(1000));
  const half = hex('1000 0400 ff03');
  const out = Buffer.alloc(128 * 1024);
  const slots = Array.from({ length: 1000 }, () => tun.attach(owner, OPTIONS));
  for (const slot of slots) tun.setIpv4(slot, CLIENT4);
  const before = resident();
  for (const slot of slots) {
    for (let i = 0; i < 200; i++) tun.inject(slot, down);
    tun.receive(slot, [half], new ReceivePosition());
    tun.receive(slot, [Buffer.alloc(1024 - half.length)], new ReceivePosition());
    while (tun.pending(slot) > 0) tun.take(slot, out, 0);
    assert.equal(tun.stats(slot).queuedMemory, 0);
  }
  assert.equal(tun.totals.memory, 0);
  const grown = resident() - before;
  for (const slot of slots) tun.detach(slot);
  tun.close();
  network.close();
  // 200 KB of packets went through each; what is kept is of the path, not of a client.
  assert.ok(isSanitized || grown < 4 * MEBIBYTE, `${(grown / MEBIBYTE).toFixed(1)} MiB for 1,000 idle clients`);
});

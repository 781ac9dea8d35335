/** The addon keeps nothing: batches, links and devices come and go, and resident memory stays where it was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryPath, ReceivePosition } from '../../tun/index.ts';
import { isSanitized } from './native-packets.ts';
import { CLIENT4, hex, ipv4, pppIpv4, SERVER_LINK_LOCAL, SYN_1460 } from './packets.ts';

const OWNER = { ready: () => {}, tooBig: () => {}, linkLocal: () => {} };
const OPTIONS = { isFromServer: false, mostBytes: 1 << 20, serverLinkLocal: SERVER_LINK_LOCAL };
const MEBIBYTE = 1 << 20;

/** Growth of resident memory over `rounds` calls, after as many have warmed it up. */
function growth(rounds: number, batch: () => void): number {
  for (let i = 0; i < rounds / 4; i++) batch();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < rounds; i++) batch();
  return process.memoryUsage.rss() - before;
}

test('10^6 batches each way leave no memory behind', () => {
  const { path: tun, network } = openMemoryPath();
  const slot = tun.attach(OWNER, OPTIONS);
  tun.setIpv4(slot, CLIENT4);
  const down = ipv4('cb007105', 'c0a84d0a', Buffer.alloc(400));
  const up = pppIpv4(ipv4('c0a84d0a', 'cb007105', SYN_1460, 6));
  // Cut in the middle of a frame, so that one is kept across every batch.
  const chunks = [up, up.subarray(0, 17), up.subarray(17)];
  const out = Buffer.alloc(16_384);
  const position = new ReceivePosition();
  const grown = growth(500_000, () => {
    tun.inject(slot, down);
    tun.pending(slot);
    tun.take(slot, out, 0);
    position.chunk = 0;
    position.offset = 0;
    tun.receive(slot, chunks, position);
  });
  tun.close();
  network.close();
  assert.ok(isSanitized || grown < 24 * MEBIBYTE, `${Math.round(grown / MEBIBYTE)} MiB`);
});

test('50,000 clients that come, leave something waiting and go, leave no memory behind', () => {
  const { path: tun, network } = openMemoryPath();
  const down = ipv4('cb007105', 'c0a84d0a', Buffer.alloc(1000));
  const half = hex('1000 0400 ff03');
  const position = new ReceivePosition();
  const grown = growth(40_000, () => {
    const slot = tun.attach(OWNER, OPTIONS);
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
  assert.ok(isSanitized || grown < 24 * MEBIBYTE, `${Math.round(grown / MEBIBYTE)} MiB`);
});

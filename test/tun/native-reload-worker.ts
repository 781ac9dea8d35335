/** A thread of native-reload.test.ts: traffic both ways through a path in memory, then an end as it is told. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { openMemoryPath, ReceivePosition } from '../../tun/index.ts';
import { CLIENT4, hex, ipv4, pppIpv4, SERVER_LINK_LOCAL } from '../datapath/packets.ts';

const { path, network } = openMemoryPath();
let told = 0;
const owner = {
  ready: () => {
    told += 1;
  },
  tooBig: () => {},
  linkLocal: () => {},
};
const slot = path.attach(owner, { isFromServer: false, mostBytes: 1 << 20, serverLinkLocal: SERVER_LINK_LOCAL });
assert.equal(slot, path.attach(owner, { isFromServer: false, mostBytes: 1, serverLinkLocal: SERVER_LINK_LOCAL }) - 1);
path.setIpv4(slot, CLIENT4);
path.addRoute(slot, 'ipv4', Buffer.concat([hex('c0a84d0a'), Buffer.alloc(12)]));
const down = ipv4('cb007105', 'c0a84d0a', Buffer.alloc(100));
const up = ipv4('c0a84d0a', 'cb007105', Buffer.alloc(100));

const step = (): void => {
  network.inject([down, down]);
  const frame = pppIpv4(up);
  path.receive(slot, [pppIpv4(up), frame.subarray(0, 9)], new ReceivePosition());
  path.receive(slot, [frame.subarray(9)], new ReceivePosition());
  network.received();
};
path.pending(slot);
step();
while (told === 0) await new Promise((resolve) => setImmediate(resolve));
assert.ok(path.pending(slot) > 0);
// A frame that is not whole is kept by the addon, too.
if (workerData === 'leave') path.receive(slot, [pppIpv4(up).subarray(0, 50)], new ReceivePosition());

switch (workerData) {
  case 'close':
    path.close();
    network.close();
    break;
  case 'leave':
    process.exit(0);
    break;
  default: {
    const out = Buffer.alloc(65_536);
    parentPort?.postMessage('up');
    for (;;) {
      step();
      if (path.pending(slot) > 0) path.take(slot, out, 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

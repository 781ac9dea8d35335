/** What data-link.test.ts asks of the plain path and the differential tests do not show, asked of the offloaded one. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { makeNativeLab, type NativeLab } from './native-packets.ts';
import { CLIENT4, ECHO_REQUEST, hex, ipv4, pppIpv4, sstpData } from './packets.ts';

const HOST = 'cb007105';
const LCP_ECHO = sstpData(hex('ff03 c021 0901 0008 00000000'));
const down = ipv4(HOST, 'c0a84d0a', hex('01'));
const up = ipv4('c0a84d0a', HOST, hex('02'));

function makeLab(t: TestContext, options: Parameters<typeof makeNativeLab>[0] = {}): NativeLab {
  const lab = makeNativeLab(options);
  t.after(() => lab.close());
  return lab;
}

function makeOpenLink(lab: NativeLab) {
  const made = lab.makeLink();
  made.link.openIpv4(CLIENT4);
  lab.path.addIpv4(CLIENT4, made.link);
  return made;
}

test('one write is outstanding; a control packet goes ahead of waiting data, never inside a frame', async (t) => {
  const lab = makeLab(t);
  const { link, owner } = makeOpenLink(lab);
  lab.network.inject([down]);
  await lab.settle();
  lab.network.inject([down, down]);
  link.sendControl(ECHO_REQUEST);
  link.sendControl(LCP_ECHO);
  await lab.settle();
  assert.equal(owner.writes.length, 1);
  for (let i = 0; i < 4; i++) owner.finishWrite();
  assert.deepEqual(owner.writes, [pppIpv4(down), ECHO_REQUEST, LCP_ECHO, pppIpv4(down), pppIpv4(down)]);
});

test('a control packet goes between two packets that were taken to be written one by one', async (t) => {
  const lab = makeLab(t);
  const { link, owner } = makeOpenLink(lab);
  lab.network.inject([down, down, down]);
  await lab.settle();
  link.sendControl(ECHO_REQUEST);
  for (let i = 0; i < 4; i++) owner.finishWrite();
  assert.deepEqual(owner.writes, [pppIpv4(down), ECHO_REQUEST, pppIpv4(down), pppIpv4(down)]);
  await lab.settle();
  assert.equal(lab.tun.totals.memory, 0);
});

test('stop between packets that are written one by one drops the rest, and gives its memory back', async (t) => {
  const lab = makeLab(t);
  const { link, owner } = makeOpenLink(lab);
  lab.network.inject([down, down, down]);
  await lab.settle();
  link.sendControl(ECHO_REQUEST);
  link.stop();
  owner.finishWrite();
  owner.finishWrite();
  await link.flushed();
  assert.deepEqual(owner.writes, [pppIpv4(down), ECHO_REQUEST]);
  assert.equal(lab.tun.totals.memory, 0);
});

test('a reader of one packet at a time: what more than 16 KiB wait for stays where CoDel sees it', async (t) => {
  const lab = makeLab(t);
  const { owner, link } = lab.makeLink({ isOnePacketReader: true });
  link.openIpv4(CLIENT4);
  lab.path.addIpv4(CLIENT4, link);
  const large = ipv4(HOST, 'c0a84d0a', Buffer.alloc(1000));
  lab.network.inject(Array.from({ length: 64 }, () => large));
  await lab.settle();
  assert.ok(link.load.queuedBytes > 45 * 1024, `${link.load.queuedBytes} bytes wait`);
  for (let i = 0; i < 64; i++) owner.finishWrite();
  assert.equal(owner.isWriting, false);
  assert.deepEqual(
    owner.writes,
    Array.from({ length: 64 }, () => pppIpv4(large)),
  );
});

test('what is being written does not change until it is done, and waits in no other write', async (t) => {
  const lab = makeLab(t);
  const { owner } = makeOpenLink(lab);
  const views: Buffer[] = [];
  const write = owner.write.bind(owner);
  owner.write = (bytes, done) => {
    views.push(bytes);
    write(bytes, done);
  };
  const other = lab.makeLink();
  other.link.openIpv4(CLIENT4 + 1);
  other.owner.isFast = true;
  lab.path.addIpv4(CLIENT4 + 1, other.link);
  lab.network.inject([down]);
  await lab.settle();
  for (let i = 0; i < 50; i++) {
    lab.network.inject([ipv4(HOST, 'c0a84d0b', Buffer.alloc(100, i))]);
    await lab.settle();
  }
  assert.deepEqual(views, [pppIpv4(down)]);
  assert.equal(other.owner.writes.length, 50);
});

test('a peer that leaves 64 KiB of control packets unread is reported once', async (t) => {
  const { link, owner } = makeOpenLink(makeLab(t));
  link.sendControl(ECHO_REQUEST);
  await Promise.resolve();
  for (let i = 0; i < 8192; i++) link.sendControl(ECHO_REQUEST);
  assert.deepEqual(owner.events, []);
  for (let i = 0; i < 10; i++) link.sendControl(ECHO_REQUEST);
  assert.deepEqual(owner.events, ['overflow']);
});

test('stop drops the rest of the chunks and waiting data, but not control packets given before', async (t) => {
  const lab = makeLab(t);
  const { link, owner } = makeOpenLink(lab);
  link.sendControl(ECHO_REQUEST);
  await lab.settle();
  lab.network.inject([down, down]);
  await lab.settle();
  link.sendControl(LCP_ECHO);
  owner.control = () => link.stop();
  link.receive(Buffer.concat([pppIpv4(up), ECHO_REQUEST, pppIpv4(up), LCP_ECHO]));
  link.receive(pppIpv4(up));
  await lab.settle();
  link.sendControl(ECHO_REQUEST);
  link.receive(pppIpv4(up));
  let isFlushed = false;
  const flushed = link.flushed().then(() => {
    isFlushed = true;
  });
  await lab.settle();
  assert.equal(isFlushed, false);
  owner.finishWrite();
  owner.finishWrite();
  await flushed;
  assert.deepEqual(owner.writes, [ECHO_REQUEST, LCP_ECHO]);
  assert.deepEqual(lab.network.received(), [up]);
  assert.deepEqual(
    owner.events.filter((event) => event.startsWith('ppp')),
    [],
  );
  assert.equal(link.counters.packetsIn, 1);
  assert.equal(lab.tun.totals.memory, 0);
});

test('drain looks at once at what was received', (t) => {
  const lab = makeLab(t);
  const { link, owner } = makeOpenLink(lab);
  link.receive(Buffer.concat([pppIpv4(up), ECHO_REQUEST]));
  assert.deepEqual(owner.events, []);
  link.drain();
  assert.deepEqual(owner.events, ['received', 'control 1001000800080000']);
  assert.deepEqual(lab.network.received(), [up]);
});

test('a frame behind a decision sees its effect: network data right after the packet that opens the link', async (t) => {
  const lab = makeLab(t);
  const { link, owner } = lab.makeLink();
  owner.control = () => link.openIpv4(CLIENT4);
  link.receive(Buffer.concat([pppIpv4(up), ECHO_REQUEST, pppIpv4(up)]));
  await lab.settle();
  assert.deepEqual(lab.network.received(), [up]);
  assert.equal(link.counters.dropsClosed, 1);
});

test('isolation: a packet for another client is dropped where it is asked for, and only there', async (t) => {
  for (const isolate of [true, false]) {
    const lab = makeLab(t, { isolate });
    const { link } = makeOpenLink(lab);
    const other = lab.makeLink();
    other.link.openIpv4(CLIENT4 + 1);
    lab.path.addIpv4(CLIENT4 + 1, other.link);
    const toOther = ipv4('c0a84d0a', 'c0a84d0b', hex('03'));
    link.receive(Buffer.concat([pppIpv4(toOther), pppIpv4(up)]));
    await lab.settle();
    assert.deepEqual(lab.network.received(), isolate ? [up] : [toOther, up]);
    assert.equal(link.counters.dropsIsolated, isolate ? 1 : 0);
  }
});

test('an error of the owner ends that link and no other', async (t) => {
  const lab = makeLab(t);
  const first = makeOpenLink(lab);
  const second = lab.makeLink();
  second.link.openIpv4(CLIENT4);
  first.owner.control = () => {
    throw new Error('a fault of ours');
  };
  first.link.receive(Buffer.from(ECHO_REQUEST));
  second.link.receive(pppIpv4(up));
  await lab.settle();
  assert.deepEqual(first.owner.events.slice(1), ['broken Error: a fault of ours']);
  assert.deepEqual(lab.network.received(), [up]);
});

test('an address that moved to another link stays there; one that was removed is unknown', async (t) => {
  const lab = makeLab(t);
  const [first, second] = [makeOpenLink(lab), makeOpenLink(lab)];
  lab.path.removeIpv4(CLIENT4, first.link);
  lab.network.inject([down]);
  await lab.settle();
  assert.deepEqual([first.owner.writes.length, second.owner.writes.length], [0, 1]);
  lab.path.removeIpv4(CLIENT4, second.link);
  lab.network.inject([down]);
  await lab.settle();
  assert.equal(lab.tun.totals.dropsUnknown, 1);
});

test('once the device is closed everything is harmless', async (t) => {
  const lab = makeLab(t);
  const { link, owner } = makeOpenLink(lab);
  lab.path.close();
  link.sendPacket(down, 0, down.length);
  link.receive(pppIpv4(up));
  link.setMru(1400);
  link.closeIpv4();
  lab.path.removeIpv4(CLIENT4, link);
  await lab.settle();
  link.stop();
  lab.path.close();
  assert.equal(link.counters.packetsIn, 0);
  assert.deepEqual(owner.writes, []);
});

test('memory of chunks that are used up is given back at once, unless it is shared with others', async (t) => {
  const lab = makeLab(t);
  const { link, owner } = makeOpenLink(lab);
  const packet = pppIpv4(ipv4('c0a84d0a', HOST, Buffer.alloc(1372, 7)));
  const whole = Buffer.alloc(2 * packet.length);
  packet.copy(whole);
  packet.copy(whole, packet.length);
  const shared = Buffer.alloc(3 * packet.length);
  packet.copy(shared, packet.length);
  const part = shared.subarray(packet.length, 2 * packet.length);
  // A frame that begins in one chunk and ends in the next, with a control packet that TypeScript takes in between.
  const head = Buffer.from(new Uint8Array(packet.subarray(0, 1100)).buffer);
  const tail = Buffer.from(new Uint8Array(Buffer.concat([packet.subarray(1100), ECHO_REQUEST, packet])).buffer);
  for (const chunk of [whole, part, head, tail]) link.receive(chunk);
  await lab.settle();
  assert.equal(lab.network.received().length, 5);
  assert.deepEqual(owner.events.filter((event) => event.startsWith('control')).length, 1);
  assert.equal(whole.length, 0);
  assert.equal(head.length, 0);
  assert.equal(tail.length, 0);
  assert.deepEqual(part, packet);
  assert.equal(shared.length, 3 * packet.length);
});

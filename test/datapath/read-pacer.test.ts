/** When the addon reads its device: turns in, milliseconds until the next out; and a device with such traffic. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNative } from '../../tun/native.ts';
import { makeNativeLab } from './native-packets.ts';
import { CLIENT4, ipv4 } from './packets.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Turn {
  readonly packets: number;
  readonly bytes: number;
  readonly written?: number;
  readonly afterUs: number;
}

function run(turns: readonly Turn[]): number[] {
  const rows = turns.flatMap(({ packets, bytes, written, afterUs }) => [packets, bytes, written ?? 0, afterUs]);
  const out = new Int32Array(turns.length);
  loadNative().pacerRun(Int32Array.from(rows), out);
  return [...out];
}

const times = (count: number, turn: Turn): Turn[] => Array.from({ length: count }, () => turn);
/** 10,000 small packets a second, by twos. */
const small: Turn = { packets: 2, bytes: 184, afterUs: 200 };
/** The last of these begins the ticks. */
const begin = times(64, small);
const tick: Turn = { packets: 20, bytes: 1840, afterUs: 2000 };
const isPaced = (turns: readonly Turn[]): boolean => run(turns).at(-1) !== 0;

test('small packets that come often are read every other millisecond, many of them every millisecond', () => {
  assert.equal(run(times(20, small)).at(-1), 0);
  assert.equal(run(begin).at(-1), 2);
  assert.equal(run([...begin, ...times(10, tick)]).at(-1), 2);
  assert.equal(run([...begin, ...times(10, { packets: 100, bytes: 9200, afterUs: 1000 })]).at(-1), 1);
});

test('single packets, calls, large packets, large batches and acknowledgements are read at once', () => {
  for (const turn of [
    { packets: 1, bytes: 84, afterUs: 10_000 },
    { packets: 1, bytes: 200, afterUs: 1_000 },
    { packets: 2, bytes: 2800, afterUs: 100 },
    { packets: 100, bytes: 9200, afterUs: 300 },
    { packets: 2, bytes: 104, written: 5600, afterUs: 100 },
  ]) {
    assert.equal(Math.max(...run(times(2000, turn))), 0, JSON.stringify(turn));
  }
});

test('when the rate falls, or a stream begins, single packets are read at once after three ticks', () => {
  const paced = [...begin, ...times(100, tick)];
  assert.ok(isPaced(paced));
  assert.ok(!isPaced([...paced, ...times(3, { packets: 0, bytes: 0, afterUs: 2000 })]));
  assert.ok(!isPaced([...paced, ...times(3, { packets: 20, bytes: 28_000, afterUs: 2000 })]));
  assert.ok(!isPaced([...paced, ...times(3, { packets: 20, bytes: 1040, written: 56_000, afterUs: 2000 })]));
  const none: Turn = { packets: 0, bytes: 0, afterUs: 2000 };
  assert.ok(isPaced([...paced, none, none, tick, none]), 'two empty ticks are none');
  assert.ok(isPaced([...paced, ...times(3, none), ...begin]), 'and after that it begins as soon as ever');
});

test('two that wait for each other are slowed down for less than a hundredth of the time', () => {
  // A request each 300 us, an answer for each; while paced the next one comes with the tick.
  const turns: Turn[] = [];
  let pacedUs = 0;
  let allUs = 0;
  let wait = 0;
  for (let i = 0; i < 3000; i++) {
    const afterUs = wait === 0 ? 300 : wait * 1000;
    turns.push({ packets: 1, bytes: 100, written: 100, afterUs });
    wait = run(turns).at(-1) ?? 0;
    allUs += afterUs;
    if (afterUs !== 300) pacedUs += afterUs;
  }
  assert.ok(pacedUs > 0 && pacedUs < allUs / 30, `${pacedUs} of ${allUs} us`);
});

test('numbers below zero are refused', () => {
  assert.throws(() => run([{ packets: -1, bytes: 0, afterUs: 0 }]), { code: 'ERR_INVALID_ARG_VALUE' });
});

test('a device with such traffic loses and reorders nothing, in and out of the ticks, and closes in the middle', async (t) => {
  const lab = makeNativeLab();
  t.after(() => lab.close());
  const { link, owner } = lab.makeLink();
  owner.isFast = true;
  link.openIpv4(CLIENT4);
  lab.path.addIpv4(CLIENT4, link);
  const sent: Buffer[] = [];
  const arrived = (): number => owner.writes.reduce((sum, write) => sum + write.length, 0) / 30;
  let us = 1_000_000;
  const send = (count: number): void => {
    const packets = Array.from({ length: count }, (_, i) => {
      const number = sent.length + i;
      return ipv4('cb007105', 'c0a84d0a', Buffer.from([number >> 8, number & 255]));
    });
    sent.push(...packets);
    lab.network.inject(packets);
  };
  const allArrived = async (): Promise<void> => {
    for (let i = 0; i < 5000 && arrived() < sent.length; i++) await nextTurn();
    for (let i = 0; i < 500 && arrived() < sent.length; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(arrived(), sent.length);
  };
  for (let round = 0; round < 3; round++) {
    // By its own clock each comes 0.1 ms behind the last: the ticks begin, end without packets, and begin again.
    for (let i = 0; i < 200; i++) {
      us += 100;
      lab.tun.setClock(us);
      send(1);
      await allArrived();
    }
    for (let i = 0; i < 10; i++) {
      send(20);
      await allArrived();
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const frames = Buffer.concat(owner.writes);
  for (const [i, packet] of sent.entries()) assert.deepEqual(frames.subarray(30 * i + 8, 30 * i + 30), packet);
  send(1);
});

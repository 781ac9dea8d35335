import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveSession } from '../../../../server/control/session-observer.ts';
import { downEvent, upEvent } from '../../../../server/observe/hooks/hook-event.ts';
import { HookLanes, type HookLanesOptions, type HookTask } from '../../../../server/observe/hooks/hook-lanes.ts';
import { liveSession } from './live-session.ts';

const END = { reason: 'terminated-by-peer', bytesIn: 0, bytesOut: 0 } as const;

class Fixture {
  readonly begun: string[] = [];
  readonly dropped: string[] = [];
  readonly lanes: HookLanes;
  readonly #open: (() => void)[] = [];

  constructor(bounds: Partial<Pick<HookLanesOptions, 'atOnce' | 'mostWaiting' | 'mostWaitingPerUser'>> = {}) {
    this.lanes = new HookLanes({
      ...{ atOnce: 8, mostWaiting: 100, mostWaitingPerUser: 100, ...bounds },
      run: (task) => {
        this.begun.push(nameOf(task));
        return new Promise((resolve) => this.#open.push(resolve));
      },
      dropped: (task) => void this.dropped.push(nameOf(task)),
    });
  }

  up(session: LiveSession): void {
    this.lanes.up({ session, event: upEvent(session) });
  }

  down(session: LiveSession): void {
    this.lanes.down({ session, event: downEvent(session, END, new Date(0)) });
  }

  /** Ends the task that began first. */
  async finish(): Promise<void> {
    this.#open.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const nameOf = ({ session, event }: HookTask): string => `${event.event.slice(8)} ${session.id}`;
const session = (id: string, address = 1, user = 'ann'): LiveSession => liveSession({ id, address, user });

test('begin and end of a session run in this order, one after the other', async () => {
  const world = new Fixture();
  const a = session('a');
  world.up(a);
  world.down(a);
  assert.deepEqual(world.begun, ['up a']);
  await world.finish();
  assert.deepEqual(world.begun, ['up a', 'down a']);
  assert.equal(world.lanes.waiting, 0);
});

test('sessions with other addresses do not wait for one that hangs, up to so many at once', async () => {
  const world = new Fixture({ atOnce: 2 });
  for (const [i, id] of ['a', 'b', 'c', 'd'].entries()) world.up(session(id, i));
  assert.deepEqual(world.begun, ['up a', 'up b']);
  await world.finish();
  await world.finish();
  assert.deepEqual(world.begun, ['up a', 'up b', 'up c', 'up d']);
});

test('the next session with an address begins when the one before has ended', async () => {
  const world = new Fixture();
  const [a, b] = [session('a'), session('b')];
  world.up(a);
  world.up(b);
  await world.finish();
  assert.deepEqual(world.begun, ['up a'], 'b has the address, but a has not ended');
  world.down(a);
  await world.finish();
  await world.finish();
  assert.deepEqual(world.begun, ['up a', 'down a', 'up b']);
});

test('a session that ends while it waits for the one before it leaves no trace', async () => {
  const world = new Fixture();
  const [a, b] = [session('a'), session('b')];
  world.up(a);
  world.up(b);
  world.down(b);
  world.down(a);
  await world.finish();
  await world.finish();
  assert.deepEqual(world.begun, ['up a', 'down a']);
  await world.lanes.idle();
});

test('so many may wait; a session that was left out has no end either, and no end is left out', async () => {
  const world = new Fixture({ atOnce: 1, mostWaiting: 1 });
  const [a, b, c] = [session('a', 1), session('b', 2), session('c', 3)];
  for (const each of [a, b, c]) world.up(each);
  assert.deepEqual(world.dropped, ['up c']);
  for (const each of [a, b, c]) world.down(each);
  for (let i = 0; i < 4; i++) await world.finish();
  assert.deepEqual(world.begun, ['up a', 'up b', 'down a', 'down b']);
});

test('who reconnects faster than scripts run leaves nobody out but himself, whichever addresses he gets', async () => {
  const world = new Fixture({ atOnce: 1, mostWaiting: 10, mostWaitingPerUser: 4 });
  for (let i = 0; i < 20; i++) {
    const each = session(`a${i}`, i % 5);
    world.up(each);
    world.down(each);
  }
  assert.equal(world.dropped.includes('up a0'), false);
  assert.equal(world.dropped.includes('up a19'), true);
  const other = session('b', 9, 'bob');
  world.up(other);
  world.down(other);
  assert.equal(world.dropped.includes('up b'), false);
  for (let i = 0; i < 20; i++) await world.finish();
  assert.ok(world.begun.includes('up b') && world.begun.includes('down b'));
  assert.equal(world.lanes.waiting, 0);
  world.up(session('c', 1));
  assert.equal(world.begun.at(-1), 'up c', 'once he has waited, he is served again');
});

test('idle: when nothing runs and nothing waits', async () => {
  const world = new Fixture();
  await world.lanes.idle();
  world.up(session('a'));
  let isIdle = false;
  void world.lanes.idle().then(() => {
    isIdle = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIdle, false);
  await world.finish();
  assert.equal(isIdle, true);
});

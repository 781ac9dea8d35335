import type { LiveSession } from '../../control/index.ts';
import type { SessionEvent } from './hook-event.ts';

/** A script to be run for a session's begin or end. */
export interface HookTask {
  readonly session: LiveSession;
  readonly event: SessionEvent;
}

export interface HookLanesOptions {
  /** Carried out at the same time. */
  readonly atOnce: number;
  /** Sessions that may wait; more are left out, both at their begin and at their end. */
  readonly mostWaiting: number;
  /** Of these, tasks of one user: who reconnects all the time does not leave others out. */
  readonly mostWaitingPerUser: number;
  /** Must not reject. */
  readonly run: (task: HookTask) => Promise<void>;
  readonly dropped: (task: HookTask) => void;
}

/** What is to be done for one address, in this order. */
interface Lane {
  readonly tasks: HookTask[];
  /** The session that is up there, as far as tasks have been made. */
  holder: LiveSession | undefined;
  /** Sessions that are up already, while the one before them has not ended. */
  readonly parked: HookTask[];
  isRunning: boolean;
}

/**
 * In which order, and how many at once. For one address, begin and end alternate: a new connection of a user takes the
 * address over while the old one is still ending, and a script that takes a route back must not take the new one's.
 */
export class HookLanes {
  readonly #options: HookLanesOptions;
  readonly #lanes = new Map<number, Lane>();
  /** Lanes that have a task and are not at work, the one that waits longest first. */
  readonly #ready: Lane[] = [];
  readonly #waitingOf = new Map<string, number>();
  #running = 0;
  #waiting = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: HookLanesOptions) {
    this.#options = options;
  }

  /** Tasks that have not begun. */
  get waiting(): number {
    return this.#waiting;
  }

  up(task: HookTask): void {
    const { mostWaiting, mostWaitingPerUser, dropped } = this.#options;
    const ofUser = this.#waitingOf.get(userOf(task)) ?? 0;
    if (this.#waiting >= mostWaiting || ofUser >= mostWaitingPerUser) {
      dropped(task);
      return;
    }
    const lane = this.#laneOf(task.session);
    if (lane.holder === undefined) this.#begin(lane, task);
    else lane.parked.push(task);
  }

  down(task: HookTask): void {
    const lane = this.#lanes.get(addressOf(task.session));
    if (lane === undefined) return;
    if (lane.holder !== task.session) {
      const index = lane.parked.findIndex(({ session }) => session === task.session);
      if (index !== -1) lane.parked.splice(index, 1);
      return;
    }
    lane.holder = undefined;
    this.#add(lane, task);
    const next = lane.parked.shift();
    if (next !== undefined) this.#begin(lane, next);
  }

  /** Resolves when nothing is left to be done. */
  idle(): Promise<void> {
    if (this.#waiting === 0 && this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #begin(lane: Lane, task: HookTask): void {
    lane.holder = task.session;
    this.#add(lane, task);
  }

  #add(lane: Lane, task: HookTask): void {
    lane.tasks.push(task);
    this.#count(task, 1);
    if (!lane.isRunning && lane.tasks.length === 1) this.#ready.push(lane);
    this.#next();
  }

  #next(): void {
    while (this.#running < this.#options.atOnce) {
      const lane = this.#ready.shift();
      const task = lane?.tasks.shift();
      if (lane === undefined || task === undefined) return;
      this.#count(task, -1);
      this.#running += 1;
      lane.isRunning = true;
      void this.#options.run(task).then(() => this.#done(lane, addressOf(task.session)));
    }
  }

  #count(task: HookTask, step: 1 | -1): void {
    this.#waiting += step;
    const user = userOf(task);
    const ofUser = (this.#waitingOf.get(user) ?? 0) + step;
    if (ofUser === 0) this.#waitingOf.delete(user);
    else this.#waitingOf.set(user, ofUser);
  }

  #done(lane: Lane, address: number): void {
    this.#running -= 1;
    lane.isRunning = false;
    if (lane.tasks.length > 0) this.#ready.push(lane);
    else if (lane.holder === undefined) this.#lanes.delete(address);
    this.#next();
    if (this.#waiting === 0 && this.#running === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #laneOf(session: LiveSession): Lane {
    const address = addressOf(session);
    const known = this.#lanes.get(address);
    if (known !== undefined) return known;
    const lane: Lane = { tasks: [], holder: undefined, parked: [], isRunning: false };
    this.#lanes.set(address, lane);
    return lane;
  }
}

function userOf({ session }: HookTask): string {
  return session.user.name;
}

function addressOf({ lease }: LiveSession): number {
  return lease.ipv4.address;
}

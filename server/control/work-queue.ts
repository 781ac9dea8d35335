export interface WorkQueueOptions {
  /** At a time. */
  readonly mostRunning: number;
  readonly mostWaiting: number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Who wants something done. */
export interface WorkRequest {
  /** Whose others give way when too many wait. */
  readonly group: string;
  /** Before all that are not, and no group's. */
  readonly isFirst: boolean;
  /** When nobody wants it any more. */
  readonly signal: AbortSignal;
}

/** `dropped`: there were too many; `aborted`: by its signal. In both cases nothing was done. */
export type WorkResult<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'aborted' };

interface Waiting extends WorkRequest {
  readonly end: (how: 'start' | 'dropped' | 'aborted') => void;
}

/**
 * Does so much at a time; the rest waits in order, and has a bound: where it is full, one of the group that has most in
 * it gives way, by lot, so that nobody keeps others out by being there first.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  #running = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async run<Result>(request: WorkRequest, work: () => Promise<Result>): Promise<WorkResult<Result>> {
    if (request.signal.aborted) return { kind: 'aborted' };
    if (this.#running < this.#options.mostRunning) this.#running += 1;
    else {
      const how = await this.#wait(request);
      if (how !== 'start') return { kind: how };
    }
    try {
      return { kind: 'done', result: await work() };
    } finally {
      const next = this.#next();
      if (next === undefined) this.#running -= 1;
      else next.end('start');
    }
  }

  async #wait({ group, isFirst, signal }: WorkRequest): Promise<'start' | 'dropped' | 'aborted'> {
    const { promise, resolve } = Promise.withResolvers<'start' | 'dropped' | 'aborted'>();
    const waiting: Waiting = { group, isFirst, signal, end };
    const onAbort = (): void => end('aborted');
    const set = this.#waiting;
    function end(how: 'start' | 'dropped' | 'aborted'): void {
      set.delete(waiting);
      signal.removeEventListener('abort', onAbort);
      resolve(how);
    }
    signal.addEventListener('abort', onAbort);
    set.add(waiting);
    if (set.size > this.#options.mostWaiting) this.#tooMany().end('dropped');
    return promise;
  }

  #next(): Waiting | undefined {
    for (const each of this.#waiting) if (each.isFirst) return each;
    return this.#waiting.values().next().value;
  }

  #tooMany(): Waiting {
    const groups = new Map<string, Waiting[]>();
    const others = [...this.#waiting].filter(({ isFirst }) => !isFirst);
    for (const each of others.length > 0 ? others : this.#waiting) {
      groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
    }
    const largest = [...groups.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
    const gone = largest[Math.floor(this.#options.random() * largest.length)];
    if (gone === undefined) throw new Error('nobody waits');
    return gone;
  }
}

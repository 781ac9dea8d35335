/**
 * How one end of a channel asks the other and is answered: a question has a number, the answer names it. Of supervisor and
 * worker either asks. What comes for a number that nobody waits for any more, or never has, is no answer to anything.
 */

/** Why there is no answer. */
export class CallError extends Error {
  readonly code: 'too-many' | 'timed-out' | 'ended';

  constructor(code: CallError['code']) {
    super(`no answer: ${code}`);
    this.code = code;
  }
}

/** The asker's side, for questions of one kind. */
export class Calls<Answer = void> {
  readonly #most: number;
  readonly #open = new Map<number, OpenCall<Answer>>();
  #last = 0;
  #hasEnded = false;

  /** @param most that may wait at a time */
  constructor(most: number) {
    this.#most = most;
  }

  /** Questions that wait. */
  get size(): number {
    return this.#open.size;
  }

  has(call: number): boolean {
    return this.#open.has(call);
  }

  /**
   * @param say says it to the other end, with the number that the answer has to name
   * @param options.ms for so long at most @param options.part takes what comes before the last part of the answer
   * @returns the answer, or the last part of it; rejects with a `CallError`, or with what the other end says by `refuse`
   */
  ask(
    say: (call: number) => void,
    options: { readonly ms?: number; readonly part?: (answer: Answer) => void } = {},
  ): Promise<Answer> {
    if (this.#hasEnded) return Promise.reject(new CallError('ended'));
    if (this.#open.size >= this.#most) return Promise.reject(new CallError('too-many'));
    this.#last += 1;
    const call = this.#last;
    return new Promise((resolve, reject) => {
      const { ms, part } = options;
      const timer = ms === undefined ? undefined : setTimeout(() => this.refuse(call, new CallError('timed-out')), ms);
      this.#open.set(call, { resolve, reject, part, timer });
      say(call);
    });
  }

  /** There is more to come. */
  part(call: number, answer: Answer): void {
    this.#open.get(call)?.part?.(answer);
  }

  /** @returns whether it was waited for */
  answer(call: number, answer: Answer): boolean {
    const open = this.#take(call);
    open?.resolve(answer);
    return open !== undefined;
  }

  /** There will be no answer. */
  refuse(call: number, why: Error): void {
    this.#take(call)?.reject(why);
  }

  /** The channel is gone: for those that wait there is no answer, nor for any that come. */
  end(): void {
    this.#hasEnded = true;
    for (const call of [...this.#open.keys()]) this.refuse(call, new CallError('ended'));
  }

  #take(call: number): OpenCall<Answer> | undefined {
    const open = this.#open.get(call);
    this.#open.delete(call);
    clearTimeout(open?.timer);
    return open;
  }
}

interface OpenCall<Answer> {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  readonly part: ((answer: Answer) => void) | undefined;
  readonly timer: NodeJS.Timeout | undefined;
}

/** The side that is asked: what it does for questions that have no answer yet. The other end is not trusted. */
export class AskedCalls<Work> {
  readonly #most: number;
  readonly #open = new Map<number, Work>();

  /** @param most that an honest asker has at a time */
  constructor(most: number) {
    this.#most = most;
  }

  get(call: number): Work | undefined {
    return this.#open.get(call);
  }

  /** @throws {Error} if it makes no sense; then who asks is not to be trusted any more */
  open(call: number, work: () => Work): Work {
    if (this.#open.has(call)) throw new Error(`call ${call} was made twice`);
    if (this.#open.size >= this.#most) throw new Error('more calls at a time than an honest worker makes');
    const begun = work();
    this.#open.set(call, begun);
    return begun;
  }

  /** To be asked before the answer is said. @returns whether it is still wanted */
  close(call: number): boolean {
    return this.#open.delete(call);
  }

  /** The asker is gone. @returns what was not finished */
  end(): Work[] {
    const left = [...this.#open.values()];
    this.#open.clear();
    return left;
  }
}

/** The lines that a child process prints, kept in full, and found as soon as they are there. */
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { Readable } from 'node:stream';

export interface FindOptions {
  /** What is looked for, for the error's text. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Lines before this one are passed over; 0 unless said. */
  readonly from?: number;
}

export class Output {
  readonly #lines: string[] = [];
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #ended = false;

  /** Takes standard output and standard error of a child whose `stdio` is `pipe`; perhaps of one after another. */
  collect(child: ChildProcess): void {
    this.#ended = false;
    for (const stream of [child.stdout, child.stderr]) this.#collectLines(stream);
    child.once('close', () => {
      this.#ended = true;
      this.#changes.emit('change');
    });
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  /** How many lines there are so far: a later `find` can start behind them. */
  get length(): number {
    return this.#lines.length;
  }

  /**
   * The first line for which `match` gives a value.
   * @throws {Error} with all output, when the child ends without such a line or time runs out
   */
  async find<T>(match: (line: string) => T | undefined, options: FindOptions): Promise<T> {
    const signal = AbortSignal.timeout(options.timeoutMs);
    for (let next = options.from ?? 0; ; ) {
      for (; next < this.#lines.length; next += 1) {
        const value = match(this.#lines[next] ?? '');
        if (value !== undefined) return value;
      }
      if (this.#ended) throw new Error(`ended without ${options.what}:\n${this.text}`);
      await once(this.#changes, 'change', { signal }).catch(() => {
        throw new Error(`no ${options.what} within ${options.timeoutMs} ms:\n${this.text}`);
      });
    }
  }

  #collectLines(stream: Readable | null): void {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#changes.emit('change');
    });
    stream?.on('end', () => {
      if (rest !== '') this.#lines.push(rest);
    });
  }
}

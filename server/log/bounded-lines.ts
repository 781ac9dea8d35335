/** What lines are written to; a stream such as `process.stdout` is one. */
export interface BoundedTarget {
  write(text: string): unknown;
  /** How much of what was written has not left yet, as a stream counts it: bytes, or characters of text. */
  readonly writableLength?: number;
  /** Calls once all has left, after a time in which more waited than the stream wants. */
  once?(event: 'drain', listener: () => void): unknown;
}

export interface DroppedLines {
  readonly lines: number;
  readonly bytes: number;
}

/** Minutes of a busy server, and no more than a session or two of it weigh. A pipe itself holds 64 KiB. */
const MOST_WAITING = 1024 * 1024;

/**
 * Lines for a reader that may stop reading: a program behind a pipe that hangs must not fill our memory. What no longer
 * fits is dropped, until half of what waits was taken: a reader that is slow finds few gaps, each with its size.
 */
export class BoundedLines {
  readonly #target: BoundedTarget;
  readonly #resumed: (dropped: DroppedLines) => void;
  #lines = 0;
  #bytes = 0;
  #inAll = 0;
  #isListening = false;

  /** @param resumed told when there is room again, to write a line about it */
  constructor(target: BoundedTarget, resumed: (dropped: DroppedLines) => void) {
    this.#target = target;
    this.#resumed = resumed;
  }

  /** Since the start. */
  get dropped(): number {
    return this.#inAll;
  }

  write(line: string): void {
    const waiting = this.#target.writableLength ?? 0;
    if (this.#lines > 0 && waiting <= MOST_WAITING / 2) this.#resume();
    if (this.#lines === 0 && waiting + line.length <= MOST_WAITING) {
      this.#target.write(line);
      return;
    }
    this.#lines += 1;
    this.#bytes += Buffer.byteLength(line);
    this.#inAll += 1;
    this.#listen();
  }

  /** The next line may be long in coming, and then nothing but the stream says that there is room. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    this.#target.once?.('drain', () => {
      this.#isListening = false;
      this.#resume();
    });
  }

  #resume(): void {
    const dropped = { lines: this.#lines, bytes: this.#bytes };
    this.#lines = 0;
    this.#bytes = 0;
    if (dropped.lines > 0) this.#resumed(dropped);
  }
}

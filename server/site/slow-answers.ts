/** Answers of the other server that their visitors are slow to take: each keeps a place there for as long as they like. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { EVERYBODY } from './upstream-places.ts';

/** Bytes in a second: what is faster is not slow. */
const LEAST_RATE = 4_096;

export interface SlowAnswersOptions {
  /** That may be slow at the same time, in all. */
  readonly most: number;
  /** Of one source; `EVERYBODY` has all. */
  readonly mostPerSource: number;
  readonly windowMs: number;
}

interface Answer {
  readonly source: string;
  readonly from: IncomingMessage;
  readonly to: ServerResponse;
  readonly end: () => void;
  /** Bytes of it that had come: of a connection that serves others after it. */
  received: number;
  /** What its visitor had taken of it by the last look, and whether that was not all there was to take. */
  taken: number;
  wasHeld: boolean;
}

/**
 * Slow is what its visitor held up at the beginning and at the end of a window, with less than 4 KB/s between. A slow line
 * is no fault: only where there are too many such answers, the one that is slow for longest of the source that has most
 * of them ends.
 */
export class SlowAnswers {
  readonly #options: SlowAnswersOptions;
  readonly #all = new Set<Answer>();
  /** Those that are slow for longest first. */
  readonly #slow = new Set<Answer>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SlowAnswersOptions) {
    this.#options = options;
  }

  /** @param end called once, if it has to make room for others; not after `to` is closed */
  watch(source: string, from: IncomingMessage, to: ServerResponse, end: () => void): void {
    // Which Node takes from the answer at its end.
    const { socket } = from;
    const received = socket.bytesRead;
    const answer: Answer = { source, from, to, end, received, taken: received, wasHeld: false };
    this.#all.add(answer);
    from.once('end', () => {
      answer.received = socket.bytesRead;
    });
    this.#timer ??= setInterval(() => this.#look(), this.#options.windowMs);
    to.once('close', () => this.#forget(answer));
  }

  #forget(answer: Answer): void {
    this.#slow.delete(answer);
    if (!this.#all.delete(answer) || this.#all.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const least = (LEAST_RATE * this.#options.windowMs) / 1_000;
    for (const answer of this.#all) {
      const { from, to, wasHeld, taken } = answer;
      // Its last bytes too, which have been given to the visitor's connection and not gone out.
      const isHeld = to.writableNeedDrain || (to.writableEnded && !to.writableFinished);
      if (!from.readableEnded) answer.received = from.socket.bytesRead;
      answer.wasHeld = isHeld;
      answer.taken = answer.received - from.readableLength - to.writableLength;
      if (wasHeld && isHeld && answer.taken - taken < least) this.#slow.add(answer);
      else this.#slow.delete(answer);
    }
    this.#makeRoom();
  }

  #makeRoom(): void {
    const { most, mostPerSource } = this.#options;
    const bySource = Map.groupBy(this.#slow, ({ source }) => source);
    for (;;) {
      const groups = [...bySource].sort(([, a], [, b]) => b.length - a.length);
      const crowded = groups.find(([source, { length }]) => length > (source === EVERYBODY ? most : mostPerSource));
      const [, answers] = crowded ?? (this.#slow.size > most ? groups[0] : undefined) ?? [];
      const oldest = answers?.shift();
      if (oldest === undefined) return;
      this.#forget(oldest);
      oldest.end();
    }
  }
}

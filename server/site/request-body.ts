/** Bodies of requests for another server: they have to come, and at a rate that costs their sender something. */
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { GatheredBytes } from '../../core/index.ts';

/** What is read before the other server is asked at all; larger ones are passed on as they come from here on. */
export const MOST_GATHERED = 65_536;
/** A slow mobile line has 8 KB/s. */
const LEAST_RATE = { gathered: 1_024, passedOn: 4_096 } as const;
/** Over so long, so that a line may stand still for a while. */
export const RATE_WINDOW_MS = 10_000;

/** Watches that a body comes at a least rate. */
export class BodyWatch {
  readonly #incoming: IncomingMessage;
  readonly #slow: () => void;
  readonly #windowMs: number;
  readonly #timer: NodeJS.Timeout;
  #rate: number = LEAST_RATE.gathered;
  #bytes = 0;
  /** Whether it was we who did not read, at any time in this window. */
  #wasHeld = false;
  #isHeld: () => boolean = () => false;

  /** @param slow called once, if it is too slow */
  constructor(incoming: IncomingMessage, slow: () => void, windowMs: number = RATE_WINDOW_MS) {
    this.#incoming = incoming;
    this.#slow = slow;
    this.#windowMs = windowMs;
    this.#timer = setInterval(() => this.#onWindow(), windowMs);
    incoming.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
    });
    incoming.once('close', () => this.stop());
    incoming.once('end', () => this.stop());
  }

  /** From now on it waits for a place: that is none of the client's doing. */
  waits(): void {
    this.#isHeld = () => true;
    this.#wasHeld = true;
  }

  /** From now on it takes a place of the other server. What that one is slow to take is none of the client's doing either. */
  passesOn(to: Writable): void {
    this.#rate = LEAST_RATE.passedOn;
    this.#isHeld = () => to.writableNeedDrain;
    to.on('drain', () => {
      this.#wasHeld = true;
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #onWindow(): void {
    const isHeld = this.#isHeld();
    const isSlow = !this.#wasHeld && !isHeld && this.#bytes < (this.#rate * this.#windowMs) / 1_000;
    this.#bytes = 0;
    this.#wasHeld = isHeld;
    if (!isSlow || this.#incoming.complete) return;
    this.stop();
    this.#slow();
  }
}

/** The beginning of a body, and whether that is all of it. */
export interface FirstOfBody {
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

/** @param done called once, unless the request ends before; the request is paused then if there is more to come */
export function gatherBody(incoming: IncomingMessage, done: (first: FirstOfBody) => void): void {
  const gathered = new GatheredBytes();
  const finish = (isWhole: boolean): void => {
    incoming.off('data', onData);
    incoming.off('end', onEnd);
    if (!isWhole) incoming.pause();
    done({ bytes: gathered.bytes, isWhole });
  };
  const onData = (chunk: Buffer): void => {
    gathered.push(chunk);
    if (gathered.length > MOST_GATHERED) finish(false);
  };
  const onEnd = (): void => finish(true);
  incoming.on('data', onData);
  incoming.once('end', onEnd);
}

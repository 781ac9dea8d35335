/**
 * What one peer has still to be sent: control packets first, then IP packets in the order they came.
 *
 * One write is outstanding at a time; what comes meanwhile is gathered and goes out with the next. The first write
 * of a turn waits for a microtask, so that a batch from the TUN is gathered. How much of it one write carries is what
 * outgoing-frames.ts says.
 */
import type { ChunkPool } from './chunk-pool.ts';
import { ControlQueue } from './control-queue.ts';
import { DATA_HEADER, encodeFrameHeader, type IpProtocol, MOST_PACKET_BYTES } from './frame-header.ts';
import { OutgoingFrames } from './outgoing-frames.ts';

interface Chunk {
  readonly bytes: Buffer;
  used: number;
}

export class SendQueue {
  readonly #pool: ChunkPool;
  readonly #mostBytes: number;
  readonly #write: (bytes: Buffer, done: () => void) => void;
  readonly #pump = (): void => this.#next();
  readonly #done = (): void => this.#finish();
  readonly #control = new ControlQueue();
  /** Frames behind each other, oldest chunk first. Never split across chunks. */
  readonly #chunks: Chunk[] = [];
  readonly #frames: OutgoingFrames;
  #isWriting = false;
  #isPumping = false;
  #isScheduled = false;
  #heldBytes = 0;
  #waiters: (() => void)[] = [];

  /**
   * @param mostBytes memory that waiting data may take, in whole chunks and at least one; more is dropped at the tail
   * @param write must call `done` exactly once, also when it fails; until then it owns the bytes
   * @param options.isOneByOne each packet has a write of its own, however many wait
   */
  constructor(
    pool: ChunkPool,
    mostBytes: number,
    write: (bytes: Buffer, done: () => void) => void,
    options: { readonly isOneByOne?: boolean } = {},
  ) {
    this.#pool = pool;
    this.#mostBytes = mostBytes;
    this.#frames = new OutgoingFrames(options.isOneByOne ?? false);
    this.#write = write;
  }

  /** @returns false if the packet was dropped: too much is waiting */
  push(bytes: Uint8Array, start: number, end: number, protocol: IpProtocol): boolean {
    const length = end - start;
    if (length > MOST_PACKET_BYTES) return false;
    const chunk = this.#roomFor(DATA_HEADER + length);
    if (chunk === undefined) return false;
    encodeFrameHeader(chunk.bytes, chunk.used, length, protocol);
    chunk.bytes.set(bytes.subarray(start, end), chunk.used + DATA_HEADER);
    chunk.used += DATA_HEADER + length;
    this.#schedule();
    return true;
  }

  /**
   * @param packet a whole SSTP packet; kept, not copied
   * @returns false if it was not taken: the peer does not read
   */
  pushControl(packet: Buffer): boolean {
    if (!this.#control.push(packet)) return false;
    this.#schedule();
    return true;
  }

  /** Data that waits, not counting what is being written. */
  get waitingBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.used, 0);
  }

  /** Forgets the data that waits. Control packets, and what is being written, still go out. */
  discardData(): void {
    this.#frames.discard();
    for (const chunk of this.#chunks.splice(0)) this.#release(chunk.bytes);
  }

  /** Resolves as soon as nothing waits and nothing is being written. */
  flushed(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** The chunk to which `length` bytes can be added, or undefined if the link may have no more. */
  #roomFor(length: number): Chunk | undefined {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.used + length <= this.#pool.chunkBytes) return last;
    if (this.#heldBytes > 0 && this.#heldBytes + this.#pool.chunkBytes > this.#mostBytes) return undefined;
    const bytes = this.#pool.take(this.#heldBytes);
    if (bytes === undefined) return undefined;
    this.#heldBytes += bytes.length;
    const chunk = { bytes, used: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }

  #release(bytes: Buffer): void {
    this.#heldBytes -= bytes.length;
    this.#pool.give(bytes);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isWriting) return;
    this.#isScheduled = true;
    queueMicrotask(this.#pump);
  }

  #next(): void {
    this.#isScheduled = false;
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isWriting) {
      const bytes = this.#control.take() ?? this.#frames.next();
      if (bytes !== undefined) {
        this.#isWriting = true;
        this.#write(bytes, this.#done);
        continue;
      }
      const chunk = this.#chunks.shift();
      if (chunk === undefined) {
        for (const resolve of this.#waiters.splice(0)) resolve();
        break;
      }
      this.#frames.load(chunk.bytes, chunk.used);
    }
    this.#isPumping = false;
  }

  #finish(): void {
    this.#isWriting = false;
    const bytes = this.#frames.release();
    if (bytes !== undefined) this.#release(bytes);
    this.#next();
  }

  #isIdle(): boolean {
    return !this.#isWriting && this.#control.bytes === 0 && this.#chunks.length === 0;
  }
}

/** Memory for what waits to be sent, shared by all links of a process: a link without traffic holds none. */

export interface ChunkPoolOptions {
  /** Size of a piece. One piece is one write, so this is also how much one TLS write carries. */
  readonly chunkBytes?: number;
  /** What all links together may hold. */
  readonly mostBytes?: number;
  /** Pieces kept for the next taker; more than these go back to the garbage collector. */
  readonly mostFree?: number;
}

const CHUNK_BYTES = 64 * 1024;
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_FREE = 64;

export class ChunkPool {
  readonly chunkBytes: number;
  readonly #mostBytes: number;
  readonly #mostFree: number;
  readonly #free: Buffer[] = [];
  #usedBytes = 0;

  constructor(options: ChunkPoolOptions = {}) {
    this.chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    this.#mostBytes = options.mostBytes ?? MOST_BYTES;
    this.#mostFree = options.mostFree ?? MOST_FREE;
  }

  /** Bytes now in the hands of links. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * A piece for a link that holds `heldBytes` already, or undefined if it has its share.
   *
   * A link may hold as much as is left for all the others, so some is always left: peers that stop reading cannot
   * starve those that read (Choudhury and Hahne, "Dynamic queue length thresholds", 1998, with alpha = 1).
   */
  take(heldBytes: number): Buffer | undefined {
    const left = this.#mostBytes - this.#usedBytes;
    if (heldBytes + this.chunkBytes > left) return undefined;
    this.#usedBytes += this.chunkBytes;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.chunkBytes);
  }

  /** Takes a piece back, which nobody may use any more. */
  give(chunk: Buffer): void {
    this.#usedBytes -= this.chunkBytes;
    if (this.#free.length < this.#mostFree) this.#free.push(chunk);
  }
}

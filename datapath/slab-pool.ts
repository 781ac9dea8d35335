/**
 * Memory for what is being written: bytes given to a socket must not change until it says so. One pool serves all
 * links of a path; a link that writes nothing has none.
 */
export class SlabPool {
  readonly #free: readonly Buffer[][] = SIZES.map(() => []);
  #freeBytes = 0;

  /** A piece of at least `bytes`, of the smallest size that fits; larger ones than the largest size are not pooled. */
  take(bytes: number): Buffer {
    const size = SIZES.findIndex((each) => each >= bytes);
    const slab = this.#free[size]?.pop();
    if (slab === undefined) return Buffer.allocUnsafeSlow(SIZES[size] ?? bytes);
    this.#freeBytes -= slab.length;
    return slab;
  }

  /** Takes a piece back, which nobody may use any more. */
  give(slab: Buffer): void {
    const list = this.#free[SIZES.indexOf(slab.length)];
    if (list === undefined || this.#freeBytes + slab.length > MOST_FREE_BYTES) return;
    list.push(slab);
    this.#freeBytes += slab.length;
  }
}

/** A write of the largest kind is 128 KiB. */
const SIZES: readonly number[] = [8, 16, 32, 64, 128].map((kib) => kib * 1024);
const MOST_FREE_BYTES = 4 * 1024 * 1024;

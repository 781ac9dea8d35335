/**
 * How messages are laid into the stream of bytes between supervisor and worker: four bytes with the length of what
 * follows, most significant first, then that. A worker talks to the network; of what it says no more is kept than one frame.
 */

/** Above what an honest program's longest message takes: lists are sent in parts. */
export const MOST_FRAME_BYTES = 1_048_576;
const HEAD_BYTES = 4;

/** @throws {RangeError} if it is longer than a frame may be */
export function frame(body: Uint8Array): Buffer {
  if (body.length > MOST_FRAME_BYTES) throw new RangeError(`a message of ${body.length} bytes is too long`);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/** Takes the frames out of chunks of any size. */
export class FrameReader {
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  /** Room for the whole of it, once its length is known: many small chunks cost no more than a few large ones. */
  #body: Buffer | undefined;
  #bodyBytes = 0;

  /** Whether the stream stands in the middle of a frame. */
  get isWithin(): boolean {
    return this.#headBytes > 0;
  }

  /**
   * @returns the bodies that are whole now
   * @throws {RangeError} if one is longer than it may be; the stream can't be read any further then
   */
  *push(chunk: Uint8Array): Generator<Buffer> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body === undefined) {
        const taken = chunk.subarray(at, at + HEAD_BYTES - this.#headBytes);
        this.#head.set(taken, this.#headBytes);
        this.#headBytes += taken.length;
        at += taken.length;
        if (this.#headBytes < HEAD_BYTES) return;
        const length = this.#head.readUInt32BE(0);
        if (length > MOST_FRAME_BYTES) throw new RangeError(`a message of ${length} bytes is too long`);
        this.#body = Buffer.allocUnsafe(length);
        this.#bodyBytes = 0;
      }
      const taken = chunk.subarray(at, at + this.#body.length - this.#bodyBytes);
      this.#body.set(taken, this.#bodyBytes);
      this.#bodyBytes += taken.length;
      at += taken.length;
      if (this.#bodyBytes < this.#body.length) return;
      const body = this.#body;
      this.#body = undefined;
      this.#headBytes = 0;
      yield body;
    }
  }
}

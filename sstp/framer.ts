import { CONTROL_HEADER_LENGTH, MAX_PPP_FRAME_LENGTH, PACKET_HEADER_LENGTH, VERSION } from './constants.ts';

/** The stream can no longer be split into packets: close, send nothing (MS-SSTP 3.1.5.1). */
export class SstpFramingError extends Error {
  readonly code = 'ERR_SSTP_FRAMING';
  override readonly name = 'SstpFramingError';
}

/** Takes the packets of a stream, in order. What it is given is valid only during the call: copy what must last. */
export interface SstpFrameSink {
  /** A whole control packet from the Version octet on, for `decodeMessage`. */
  control(packet: Buffer): void;
  /** A PPP frame: `bytes[start, end)`, at most 4091 bytes, possibly none. */
  data(bytes: Buffer, start: number, end: number): void;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * Splits the byte stream behind the HTTP exchange into SSTP packets, MS-SSTP 2.2.1.
 *
 *     0        1           2..3
 *     Version  Reserved|C  R(4 bits)|Length(12 bits, header included)
 *
 * Reserved bits are ignored. Bytes are copied only where a packet crosses a chunk border; between packets nothing is held.
 */
export class SstpFramer {
  /**
   * What has come of an unfinished packet: as long as its header while that is unfinished, then as long as the
   * packet.
   */
  #partial: Buffer = NO_BYTES;
  #filled = 0;
  #stopped = false;

  /**
   * Hands each packet that `chunk` completes to `sink`. Not to be called from inside a sink.
   *
   * @throws {SstpFramingError} if a header cannot be one; the framer is then stopped
   */
  push(chunk: Buffer, sink: SstpFrameSink): void {
    let offset = 0;
    if (this.#partial.length > 0) offset = this.#finishPartial(chunk, sink);
    while (!this.#stopped && chunk.length - offset >= PACKET_HEADER_LENGTH) {
      const length = this.#packetLength(chunk, offset);
      if (chunk.length - offset < length) break;
      deliver(chunk, offset, offset + length, sink);
      offset += length;
    }
    if (!this.#stopped && offset < chunk.length) this.#keep(chunk, offset);
  }

  /** Ends the splitting, also from inside a sink call: the rest of the chunk and all later ones are ignored. */
  stop(): void {
    this.#stopped = true;
    this.#partial = NO_BYTES;
    this.#filled = 0;
  }

  /** @returns where in `chunk` the packet that an earlier chunk began ends, or the end of `chunk` */
  #finishPartial(chunk: Buffer, sink: SstpFrameSink): number {
    let offset = this.#fill(chunk, 0);
    if (this.#filled < this.#partial.length) return offset;
    if (this.#partial.length === PACKET_HEADER_LENGTH) {
      const length = this.#packetLength(this.#partial, 0);
      const whole = Buffer.allocUnsafeSlow(length);
      this.#partial.copy(whole);
      this.#partial = whole;
      offset = this.#fill(chunk, offset);
      if (this.#filled < length) return offset;
    }
    const packet = this.#partial;
    this.#partial = NO_BYTES;
    this.#filled = 0;
    deliver(packet, 0, packet.length, sink);
    return offset;
  }

  /** @returns the offset in `chunk` behind what was taken */
  #fill(chunk: Buffer, offset: number): number {
    const taken = chunk.copy(this.#partial, this.#filled, offset);
    this.#filled += taken;
    return offset + taken;
  }

  #keep(chunk: Buffer, offset: number): void {
    const hasHeader = chunk.length - offset >= PACKET_HEADER_LENGTH;
    // Not from Node's pool: one packet that waits would keep 8 KiB alive.
    this.#partial = Buffer.allocUnsafeSlow(hasHeader ? this.#packetLength(chunk, offset) : PACKET_HEADER_LENGTH);
    this.#fill(chunk, offset);
  }

  #packetLength(bytes: Buffer, offset: number): number {
    const length = bytes.readUInt16BE(offset + 2) & 0x0fff;
    if (bytes[offset] !== VERSION) {
      this.stop();
      throw new SstpFramingError(`version octet is 0x${bytes.toString('hex', offset, offset + 1)}, not 0x10`);
    }
    const least = isControl(bytes, offset) ? CONTROL_HEADER_LENGTH : PACKET_HEADER_LENGTH;
    if (length < least) {
      this.stop();
      throw new SstpFramingError(`packet length is ${length}, less than ${least}`);
    }
    return length;
  }
}

/**
 * Writes the four bytes that stand before a PPP frame.
 *
 * @throws {RangeError} if `pppLength` is negative or above 4091, or `target` is too short
 */
export function encodeDataHeader(target: Buffer, offset: number, pppLength: number): void {
  if (pppLength < 0 || pppLength > MAX_PPP_FRAME_LENGTH) throw new RangeError(`PPP frame of ${pppLength} bytes`);
  target.writeUInt16BE(VERSION << 8, offset);
  target.writeUInt16BE(pppLength + PACKET_HEADER_LENGTH, offset + 2);
}

/**
 * A whole SSTP data packet with a PPP frame in it, MS-SSTP 2.2.3. @throws {RangeError} if the frame has over 4091
 * bytes
 */
export function encodeDataPacket(frame: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(PACKET_HEADER_LENGTH + frame.length);
  encodeDataHeader(packet, 0, frame.length);
  packet.set(frame, PACKET_HEADER_LENGTH);
  return packet;
}

function isControl(bytes: Buffer, offset: number): boolean {
  return ((bytes[offset + 1] ?? 0) & 0x01) === 1;
}

function deliver(bytes: Buffer, start: number, end: number, sink: SstpFrameSink): void {
  if (isControl(bytes, start)) sink.control(bytes.subarray(start, end));
  else sink.data(bytes, start + PACKET_HEADER_LENGTH, end);
}

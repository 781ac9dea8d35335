/** What every TUN device offers: the real one and the one in memory that tests use. */

/** Free bytes in front of each packet of a batch: room for SSTP header (4) and PPP address, control, protocol (4). */
export const HEADROOM = 8;

/** Packets from the device. All of it belongs to the device again when the callback returns. */
export interface PacketBatch {
  readonly slab: Buffer;
  /** Packet i is slab[table[2i], table[2i] + table[2i + 1]); `HEADROOM` bytes in front of it may be overwritten. */
  readonly table: Int32Array;
  readonly count: number;
}

export interface TunCounters {
  readonly readPackets: number;
  readonly readBytes: number;
  readonly writtenPackets: number;
  readonly writtenBytes: number;
  /** Packets that the kernel did not take: its queue was full, the device down, or it was no IP packet. */
  readonly writeDrops: number;
}

export interface TunDevice {
  readonly name: string;
  /** Bytes per IP packet. */
  readonly mtu: number;
  /**
   * Calls `onBatch` whenever there are packets, at most once per loop turn. Once only.
   *
   * @param onFailure the device is gone (an operator removed it) and no batch will come; without it that is thrown from
   *   the event loop and ends the process
   */
  start(onBatch: (batch: PacketBatch) => void, onFailure?: (error: TunError) => void): void;
  /** Queues a copy of the packet bytes[start, end) for the next `flush`; never blocks, may drop. Ignored once closed. */
  write(bytes: Uint8Array, start: number, end: number): void;
  /** Hands all queued packets to the kernel. Happens by itself when the queue is full and when the loop turn ends. */
  flush(): void;
  readonly counters: TunCounters;
  /** Flushes, then removes the device. Harmless when repeated. */
  close(): void;
}

export interface TunOptions {
  /** At most 15 bytes. `%d` in it becomes the first free number. */
  readonly name: string;
  /** Bytes, 68 to 65535; IPv6 needs 1280. */
  readonly mtu: number;
}

/** The device can't be had, or is gone. The message is one line that says what is missing and what mends it. */
export class TunError extends Error {
  readonly code = 'ERR_TUN';
  /** What the kernel said, such as `EPERM`, or undefined if it was not asked. */
  readonly systemCode: string | undefined;

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TunError';
    this.systemCode = systemCodeOf(cause);
  }
}

function systemCodeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}

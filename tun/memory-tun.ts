/** A TUN device without a kernel: tests inject what the network sends and look at what was sent to it. */
import { HEADROOM, type PacketBatch, type TunCounters, type TunDevice, type TunOptions } from './device.ts';

/** Packets per batch, fewer than the real device has so that tests see several batches. */
const BATCH = 64;

export class MemoryTun implements TunDevice {
  readonly name: string;
  readonly mtu: number;
  readonly counters: { -readonly [K in keyof TunCounters]: number } = {
    readPackets: 0,
    readBytes: 0,
    writtenPackets: 0,
    writtenBytes: 0,
    writeDrops: 0,
  };
  /** Copies of all packets written so far, in order. */
  readonly sent: Buffer[] = [];
  #onBatch: ((batch: PacketBatch) => void) | undefined;
  #isOpen = true;

  constructor(options: Partial<TunOptions> = {}) {
    this.name = options.name ?? 'memory0';
    this.mtu = options.mtu ?? 1400;
  }

  start(onBatch: (batch: PacketBatch) => void): void {
    if (this.#onBatch !== undefined) throw new Error('the device was started before');
    this.#onBatch = onBatch;
  }

  /** Delivers packets as the kernel would, in batches, before it returns. Afterwards the slab is overwritten. */
  inject(packets: readonly Buffer[]): void {
    for (let first = 0; first < packets.length; first += BATCH) this.#deliver(packets.slice(first, first + BATCH));
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isOpen || end <= start) return;
    this.sent.push(Buffer.from(bytes.subarray(start, end)));
    this.counters.writtenPackets += 1;
    this.counters.writtenBytes += end - start;
  }

  /** Nothing waits: `write` is immediate here. */
  flush(): void {}

  close(): void {
    this.#isOpen = false;
  }

  #deliver(packets: readonly Buffer[]): void {
    if (!this.#isOpen || this.#onBatch === undefined) return;
    const parts = packets.flatMap((packet) => [Buffer.alloc(HEADROOM), packet]);
    const slab = Buffer.concat(parts);
    const table = new Int32Array(2 * packets.length);
    let offset = 0;
    packets.forEach((packet, i) => {
      offset += HEADROOM;
      table[2 * i] = offset;
      table[2 * i + 1] = packet.length;
      offset += packet.length;
    });
    this.counters.readPackets += packets.length;
    this.counters.readBytes += offset - packets.length * HEADROOM;
    this.#onBatch({ slab, table, count: packets.length });
    slab.fill(0xee); // whoever kept a view instead of a copy shows it now
  }
}

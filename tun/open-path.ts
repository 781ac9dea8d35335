/** Devices for `TunPath`: a TUN device of the kernel, or one in memory for tests. */
import type { TunError, TunOptions } from './device.ts';
import { opened } from './linux-tun.ts';
import { loadNative, type NativeAddon } from './native.ts';
import { TunPath } from './tun-path.ts';

/** What the kernel and the addon spare each other. `none`: every packet is a read or a write of its own. */
export type Offload = 'tcp+udp' | 'tcp' | 'checksum' | 'header' | 'none';

export interface PathOptions {
  /** Keep clients from reaching each other. */
  readonly isolate: boolean;
  /** Memory that all clients' waiting and outgoing bytes may take. */
  readonly mostBytes: number;
  /** The device is gone: an operator removed it. Without it that is thrown from the event loop. */
  readonly onFailure?: ((error: TunError) => void) | undefined;
}

const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_USO4 = 0x20;

/**
 * Creates the device as `openTun` does, and starts to read it.
 *
 * @throws {TunError} in one line, with the remedy
 */
export function openTunPath(options: TunOptions & PathOptions & { readonly offload: 'auto' | 'off' }): {
  readonly path: TunPath;
  readonly offload: Offload;
} {
  const native = loadNative();
  const { handle, name, offload } = opened(options, () =>
    native.open(options.name, options.mtu, options.offload === 'auto' ? 1 : 0),
  );
  return { path: new TunPath(native, { handle, name, mtu: options.mtu }, options), offload: describe(offload) };
}

/** A device that is open and that another process is to read. */
export interface TunDescriptor {
  /** Belongs to whoever opened it; the device is there until the last copy is closed. */
  readonly fd: number;
  readonly name: string;
  /** What the kernel granted, for `adoptTunPath`. */
  readonly flags: number;
  readonly offload: Offload;
}

/** Creates the device as `openTunPath` does, for a child process that inherits the descriptor. @throws {TunError} */
export function openTunDescriptor(options: TunOptions & { readonly offload: 'auto' | 'off' }): TunDescriptor {
  const native = loadNative();
  const { fd, name, offload } = opened(options, () =>
    native.openDescriptor(options.name, options.mtu, options.offload === 'auto' ? 1 : 0),
  );
  return { fd, name, flags: offload, offload: describe(offload) };
}

/** Starts to read a device that this process inherited. @param fd belongs to the path from now on */
export function adoptTunPath(
  device: { readonly fd: number; readonly mtu: number; readonly flags: number },
  options: PathOptions,
): TunPath {
  const native = loadNative();
  const { handle, name } = native.adopt(device.fd, device.mtu, Math.max(device.flags, 0));
  return new TunPath(native, { handle, name, mtu: device.mtu }, options);
}

/** The far end of a path in memory: what the kernel is to a TUN device. */
export interface MemoryNetwork {
  /** Delivers IP packets, or with a virtio header super-packets; the path takes them in the next turn of the loop. */
  inject(packets: readonly Buffer[]): void;
  /** What the path has written since the last call, with virtio headers if it has them. */
  received(): Buffer[];
  close(): void;
}

/** A path without a kernel's device. */
export function openMemoryPath(
  options: Partial<PathOptions> & { readonly mtu?: number; readonly hasVnet?: boolean } = {},
): { readonly path: TunPath; readonly network: MemoryNetwork } {
  const native = loadNative();
  const mtu = options.mtu ?? 1400;
  const [near, far] = native.openPair(mtu, options.hasVnet === true ? 1 : 0);
  const settings = { isolate: false, mostBytes: 256 * 1024 * 1024, ...options };
  const path = new TunPath(native, { handle: near, name: 'memory0', mtu }, settings);
  return { path, network: new PairEnd(native, far) };
}

class PairEnd implements MemoryNetwork {
  readonly #native: NativeAddon;
  readonly #handle: number;
  readonly #slab = Buffer.allocUnsafeSlow(1 << 20);
  readonly #table = new Int32Array(512);

  constructor(native: NativeAddon, handle: number) {
    this.#native = native;
    this.#handle = handle;
  }

  inject(packets: readonly Buffer[]): void {
    for (const packet of packets) {
      const table = Int32Array.of(0, packet.length);
      if (this.#native.writeBatch(this.#handle, packet, table, 1) !== 1) throw new Error('the path does not read');
    }
  }

  received(): Buffer[] {
    const packets: Buffer[] = [];
    for (;;) {
      const count = this.#native.readBatch(this.#handle, this.#slab, this.#table);
      if (count === 0) return packets;
      for (let i = 0; i < count; i++) {
        const start = this.#table[2 * i] ?? 0;
        packets.push(Buffer.from(this.#slab.subarray(start, start + (this.#table[2 * i + 1] ?? 0))));
      }
    }
  }

  close(): void {
    this.#native.close(this.#handle);
  }
}

function describe(flags: number): Offload {
  if (flags < 0) return 'none';
  if ((flags & TUN_F_USO4) !== 0) return 'tcp+udp';
  if ((flags & TUN_F_TSO4) !== 0) return 'tcp';
  return (flags & TUN_F_CSUM) !== 0 ? 'checksum' : 'header';
}

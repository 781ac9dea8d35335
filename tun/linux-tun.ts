/** A Linux TUN device, read and written in batches through the addon. */
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { HEADROOM, type PacketBatch, type TunCounters, type TunDevice, TunError, type TunOptions } from './device.ts';
import { loadNative, type NativeAddon } from './native.ts';

/** Packets per native call, either way. */
const BATCH = 256;
/** One packet of any size must fit behind the others, or the addon stops reading: 256 of 1,500 bytes, then one of 64 KiB. */
const READ_SLAB = BATCH * (1500 + HEADROOM) + 65_536 + HEADROOM;
const WRITE_SLAB = 256 * 1024;

/**
 * Creates the device, or takes a persistent one of that name. It is down and has no addresses; the MTU is set.
 *
 * @throws {TunError} in one line, with the remedy
 * @throws {RangeError} if name or MTU can't be those of any device
 */
export function openTun(options: TunOptions): TunDevice {
  const native = loadNative();
  const { handle, name } = opened(options, () => native.open(options.name, options.mtu, 0));
  return new LinuxTun(native, handle, name, options.mtu);
}

/** Checks the options, opens the device, and explains why not. @throws as `openTun` */
export function opened<Result>(options: TunOptions, open: () => Result): Result {
  // The kernel takes any byte but '/', ':' and space; what is used in `nft` rules and log lines had better be plain.
  if (!/^[A-Za-z0-9_.%-]{1,15}$/.test(options.name)) throw new RangeError(`not a device name: ${options.name}`);
  if (!Number.isInteger(options.mtu) || options.mtu < 68 || options.mtu > 65_535) {
    throw new RangeError(`not an MTU: ${options.mtu}`);
  }
  try {
    return open();
  } catch (error) {
    throw explain(error, options);
  }
}

/** What is said of a device that an operator removed. */
export function deviceGone(name: string, cause: unknown): TunError {
  return new TunError(`the TUN device ${name} was removed; start again to make a new one`, cause);
}

/** For who holds its descriptor and does not read it. Where there is no sysfs, a device that is up counts as there. */
export function isDevicePresent(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`) || name in networkInterfaces();
}

class LinuxTun implements TunDevice {
  readonly name: string;
  readonly mtu: number;
  readonly counters = new Counters();
  readonly #native: NativeAddon;
  readonly #handle: number;
  readonly #readSlab = Buffer.allocUnsafeSlow(READ_SLAB);
  readonly #readTable = new Int32Array(2 * BATCH);
  readonly #writeSlab = Buffer.allocUnsafeSlow(WRITE_SLAB);
  readonly #writeTable = new Int32Array(2 * BATCH);
  readonly #flush = (): void => this.flush();
  #queued = 0;
  #queuedBytes = 0;
  #isOpen = true;

  constructor(native: NativeAddon, handle: number, name: string, mtu: number) {
    this.#native = native;
    this.#handle = handle;
    this.name = name;
    this.mtu = mtu;
  }

  start(onBatch: (batch: PacketBatch) => void, onFailure?: (error: TunError) => void): void {
    this.#native.watch(this.#handle, (pollError) => {
      let count = 0;
      let failure: unknown = pollError;
      if (failure === undefined) {
        try {
          count = this.#native.readBatch(this.#handle, this.#readSlab, this.#readTable);
        } catch (error) {
          failure = error;
        }
      }
      if (failure !== undefined) {
        this.close();
        const error = deviceGone(this.name, failure);
        if (onFailure === undefined) throw error;
        onFailure(error);
        return;
      }
      if (count === 0) return;
      this.counters.countRead(this.#readTable, count);
      onBatch({ slab: this.#readSlab, table: this.#readTable, count });
    });
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (!this.#isOpen || length < 1) return;
    if (length > WRITE_SLAB) {
      this.counters.writeDrops += 1;
      return;
    }
    if (this.#queued === BATCH || this.#queuedBytes + length > WRITE_SLAB) this.flush();
    if (this.#queued === 0) setImmediate(this.#flush);
    this.#writeSlab.set(bytes.subarray(start, end), this.#queuedBytes);
    this.#writeTable[2 * this.#queued] = this.#queuedBytes;
    this.#writeTable[2 * this.#queued + 1] = length;
    this.#queued += 1;
    this.#queuedBytes += length;
  }

  flush(): void {
    const count = this.#queued;
    if (count === 0 || !this.#isOpen) return;
    this.#queued = 0;
    this.#queuedBytes = 0;
    const written = this.#native.writeBatch(this.#handle, this.#writeSlab, this.#writeTable, count);
    this.counters.countWritten(this.#writeTable, count, written);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.flush();
    this.#isOpen = false;
    this.#native.close(this.#handle);
  }
}

class Counters implements TunCounters {
  readPackets = 0;
  readBytes = 0;
  writtenPackets = 0;
  writtenBytes = 0;
  writeDrops = 0;

  countRead(table: Int32Array, count: number): void {
    this.readPackets += count;
    this.readBytes += sumOfLengths(table, count);
  }

  /** The addon has set the length of each dropped packet to 0. */
  countWritten(table: Int32Array, count: number, written: number): void {
    this.writtenPackets += written;
    this.writtenBytes += sumOfLengths(table, count);
    this.writeDrops += count - written;
  }
}

function sumOfLengths(table: Int32Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += table[2 * i + 1] ?? 0;
  return sum;
}

/** The addon's error in the words of somebody who has to mend it. */
function explain(cause: unknown, options: TunOptions): TunError {
  const { code, syscall } = cause as { code?: unknown; syscall?: unknown };
  // Where the kernel was to number it there is no name yet.
  const what = `no TUN device ${options.name.includes('%d') ? 'can be made' : options.name}: `;
  const text = (line: string): TunError => new TunError(what + line, cause);
  switch (code) {
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return text('/dev/net/tun is missing; run "modprobe tun" (in a container: --device /dev/net/tun)');
    case 'EACCES':
      return text('/dev/net/tun may not be opened by this user; run as root, or "chmod 0666 /dev/net/tun"');
    case 'EPERM':
      if (syscall === 'open')
        return text('/dev/net/tun is forbidden here; start the container with --device /dev/net/tun');
      return text('CAP_NET_ADMIN is missing; run as root (in a container: --cap-add NET_ADMIN)');
    case 'EBUSY':
      return text('another process uses this name; end that process or choose another name');
    case 'EINVAL':
      if (syscall === 'SIOCSIFMTU') return text(`the kernel refuses an MTU of ${options.mtu}; choose another`);
      return text(`a device of this name exists and is no TUN device; choose another name`);
    default:
      return text(cause instanceof Error ? cause.message : String(cause));
  }
}

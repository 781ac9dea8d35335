/**
 * A device whose packets never become JavaScript: the addon reads, queues, cuts, checks, merges and writes them, and
 * TypeScript moves the bytes of each client's connection. `native/path.h` has the map of what happens inside.
 */

import type { TunError } from './device.ts';
import { deviceGone } from './linux-tun.ts';
import type { NativeAddon } from './native.ts';
import type { IpPrefix } from './routes.ts';

/** Who has a slot: one client. Called from the event loop, never from inside a call into the path. */
export interface SlotOwner {
  /** `pending` had said 0 and may say more by now. */
  ready(): void;
  /** A packet from the device was larger than the client's MRU and dropped; the start of it. Ten per second at most. */
  tooBig(packet: Buffer): void;
  /** Neighbour Discovery of the client with us; the view is valid during the call. */
  linkLocal(packet: Buffer): void;
}

export interface SlotOptions {
  readonly isFromServer: boolean;
  /** Bytes of frames that may wait. */
  readonly mostBytes: number;
  /** 16 bytes. */
  readonly serverLinkLocal: Uint8Array;
}

/** What `TunPath.receive` met in the stream. */
export type Met = 'nothing' | 'control' | 'ppp';

/** The stream can't be split any more; the reasons are those of `SstpFramingError`. */
export class StreamFault extends Error {
  readonly code = 'ERR_STREAM';
  override readonly name = 'StreamFault';
}

const STATS = [
  'packetsIn',
  'bytesIn',
  'packetsOut',
  'bytesOut',
  'dropsQueue',
  'dropsClosed',
  'dropsTooBig',
  'dropsMalformed',
  'dropsSource',
  'dropsDestination',
  'dropsGroup',
  'dropsIsolated',
  'packetsLinkLocal',
  /** Bytes of frames that wait, and the memory that they take. */
  'queuedBytes',
  'queuedMemory',
  /** Of the connection: bytes per second, microseconds, bytes that may be on their way, bytes of one write. */
  'rate',
  'baseRttUs',
  'inFlightCap',
  'writeBytes',
  /** Frames sent with Congestion Experienced (RFC 3168) instead of being dropped. */
  'marksQueue',
] as const;
export type SlotStats = Readonly<Record<(typeof STATS)[number], number>>;

const TOTALS = ['reads', 'writes', 'writeDrops', 'dropsUnknown', 'dropsGroup', 'dropsMalformed', 'memory'] as const;
export type PathTotals = Readonly<Record<(typeof TOTALS)[number], number>>;

const MOST_READY = 1024;
const LARGEST_FRAME = 4095;
const LARGEST_EVENT = 2048;
const TOO_BIG = 1;
const NO_ADDRESS = new Uint8Array(16);

export class TunPath {
  readonly name: string;
  readonly mtu: number;
  readonly #native: NativeAddon;
  readonly #handle: number;
  readonly #ready = new Int32Array(MOST_READY);
  readonly #position = new Int32Array(5);
  readonly #frame = Buffer.allocUnsafeSlow(LARGEST_FRAME);
  readonly #event = Buffer.allocUnsafeSlow(LARGEST_EVENT);
  readonly #place = new Int32Array(2);
  readonly #stats = new Float64Array(STATS.length);
  readonly #totals = new Float64Array(TOTALS.length);
  readonly #owners = new Map<number, SlotOwner>();
  readonly #onFailure: ((error: TunError) => void) | undefined;
  #isOpen = true;

  /**
   * @param options.mostBytes of memory that waits or is being written, of all slots together
   * @param options.onFailure the device is gone; without it that is thrown from the event loop
   */
  constructor(
    native: NativeAddon,
    device: { readonly handle: number; readonly name: string; readonly mtu: number },
    options: {
      readonly isolate: boolean;
      readonly mostBytes: number;
      readonly onFailure?: ((error: TunError) => void) | undefined;
    },
  ) {
    this.#native = native;
    this.#handle = device.handle;
    this.name = device.name;
    this.mtu = device.mtu;
    this.#onFailure = options.onFailure;
    native.pathOpen(this.#handle, flag(options.isolate), options.mostBytes, this.#ready, (count, error) =>
      this.#wake(count, error),
    );
  }

  attach(owner: SlotOwner, options: SlotOptions): number {
    const { isFromServer, mostBytes, serverLinkLocal } = options;
    const slot = this.#native.pathAttach(this.#handle, flag(isFromServer), mostBytes, serverLinkLocal);
    this.#owners.set(slot, owner);
    return slot;
  }

  /**
   * Names the TCP socket below the slot's connection: from now on no more is on its way than the path takes. The
   * descriptor must stay open until `detach`.
   *
   * @param congestionControl such as `bbr`, or empty to leave the system's
   * @returns 0, or the number of the error that the socket answered
   */
  setSocket(slot: number, fd: number, congestionControl: string): number {
    return this.#native.pathSocket(this.#handle, slot, fd, congestionControl);
  }

  /** Forgets the slot, its routes and what waits for it. Harmless once the path is closed. */
  detach(slot: number): void {
    if (this.#owners.delete(slot) && this.#isOpen) this.#native.pathDetach(this.#handle, slot);
  }

  /** Whatever the device sends is for this slot. */
  setDefault(slot: number): void {
    this.#native.pathDefault(this.#handle, slot);
  }

  setIpv4(slot: number, address: number | undefined): void {
    this.#native.pathIpv4(this.#handle, slot, flag(address !== undefined), address ?? 0);
  }

  setIpv6(
    slot: number,
    addresses: { readonly prefix: Uint8Array | undefined; readonly linkLocal: Uint8Array } | undefined,
  ): void {
    const { prefix, linkLocal = NO_ADDRESS } = addresses ?? {};
    const hasPrefix = flag(prefix !== undefined);
    this.#native.pathIpv6(
      this.#handle,
      slot,
      flag(addresses !== undefined),
      hasPrefix,
      prefix ?? NO_ADDRESS,
      linkLocal,
    );
  }

  setMru(slot: number, bytes: number): void {
    this.#native.pathMru(this.#handle, slot, bytes);
  }

  /** @param kind an IPv4 address (the first four bytes), a /64, or a link-local address */
  addRoute(slot: number, kind: 'ipv4' | 'prefix' | 'link-local', address: Uint8Array): void {
    this.#native.pathRoute(this.#handle, slot, ROUTE[kind], address, 1);
  }

  /** Without effect if another slot has it by now. */
  removeRoute(slot: number, kind: 'ipv4' | 'prefix' | 'link-local', address: Uint8Array): void {
    this.#native.pathRoute(this.#handle, slot, ROUTE[kind], address, 0);
  }

  /**
   * Says where clients are that have no slot here, so that a path which keeps clients apart does so for them too.
   *
   * @param own the part of it that is the server's, not a client's
   */
  addNetwork(network: IpPrefix, own: IpPrefix): void {
    const kind = network.address.length === 4 ? 4 : 6;
    const padded = ({ address }: IpPrefix): Uint8Array => Buffer.concat([address], 16);
    this.#native.pathNetwork(this.#handle, kind, padded(network), network.prefixLength, padded(own), own.prefixLength);
  }

  /**
   * To be asked when no write of the slot is outstanding. @returns bytes that the next may have; 0 if there are none or
   * none may be sent yet: then `ready` tells
   */
  pending(slot: number): number {
    return this.#native.pathPending(this.#handle, slot);
  }

  /** @returns bytes of frames written to `out` from `offset` on; 0 if all that waited was dropped. 4,095 bytes of room at least. */
  take(slot: number, out: Buffer, offset: number): number {
    return this.#native.pathTake(this.#handle, slot, out, offset);
  }

  /**
   * Takes bytes of the slot's connection, which may be changed in place, up to the first frame that TypeScript must
   * decide about.
   *
   * @returns where to go on, and that frame, whose bytes are valid until the next call
   * @throws {StreamFault} if the stream can't be split
   */
  receive(slot: number, chunks: readonly Buffer[], from: ReceivePosition): Met {
    const position = this.#position;
    position[0] = from.chunk;
    position[1] = from.offset;
    const met = this.#native.pathReceive(this.#handle, slot, chunks, position, this.#frame);
    from.chunk = position[0] ?? 0;
    from.offset = position[1] ?? 0;
    from.frame = this.#frame.subarray(0, position[2]);
    from.frames = position[3] ?? 0;
    if ((position[4] ?? 0) > 0) this.#tellEvents();
    switch (met) {
      case 0:
        return 'nothing';
      case 1:
        return 'control';
      case 2:
        return 'ppp';
      case 3:
        throw new StreamFault('version octet is not 0x10');
      case 4:
        throw new StreamFault('packet length is less than its header');
      default:
        throw new StreamFault('no memory for a packet');
    }
  }

  /** Queues a copy of an IP packet for the slot, as if the device had sent it. */
  inject(slot: number, packet: Uint8Array): void {
    this.#native.pathInject(this.#handle, slot, packet);
  }

  /** Writes one IP packet to the device. */
  write(packet: Uint8Array): void {
    if (this.#isOpen) this.#native.pathWrite(this.#handle, packet);
  }

  stats(slot: number): SlotStats {
    this.#native.pathStats(this.#handle, slot, this.#stats);
    return Object.fromEntries(STATS.map((name, i) => [name, this.#stats[i] ?? 0])) as SlotStats;
  }

  get totals(): PathTotals {
    this.#native.pathTotals(this.#handle, this.#totals);
    return Object.fromEntries(TOTALS.map((name, i) => [name, this.#totals[i] ?? 0])) as PathTotals;
  }

  /** The path's clock stands at this time from now on. For tests. */
  setClock(microseconds: number): void {
    this.#native.pathClock(this.#handle, microseconds);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Removes the device. Harmless when repeated. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#native.close(this.#handle);
  }

  #wake(count: number, error: Error | undefined): void {
    if (error !== undefined) {
      this.close();
      const gone = deviceGone(this.name, error);
      if (this.#onFailure === undefined) throw gone;
      this.#onFailure(gone);
      return;
    }
    for (let i = 0; i < count; i++) this.#owners.get(this.#ready[i] ?? -1)?.ready();
    this.#tellEvents();
  }

  #tellEvents(): void {
    while (this.#isOpen) {
      const length = this.#native.pathEvent(this.#handle, this.#event, this.#place);
      if (length === 0) return;
      const owner = this.#owners.get(this.#place[0] ?? -1);
      const packet = this.#event.subarray(0, length);
      if (this.#place[1] === TOO_BIG) owner?.tooBig(packet);
      else owner?.linkLocal(packet);
    }
  }
}

/** Where `TunPath.receive` is in the chunks; it goes on from there. */
export class ReceivePosition {
  chunk = 0;
  offset = 0;
  /** The frame that was met. */
  frame: Buffer = Buffer.alloc(0);
  /** Whole frames since the last call. */
  frames = 0;
}

const ROUTE = { ipv4: 4, prefix: 6, 'link-local': 10 } as const;

function flag(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}

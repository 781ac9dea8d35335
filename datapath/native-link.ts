/**
 * One peer's stream on the offloaded path: bytes of the connection on this side, packets on the addon's.
 *
 *     peer to network                              network to peer
 *      1 gather the chunks of one turn of the loop  1 the addon says that something waits, and may be sent
 *      2 one call into the addon with all of them   2 take as many bytes as one write may have
 *      3 frames that it does not judge: the owner   3 cut them into records, control packets first (outgoing-frames.ts)
 *                                                   4 one write outstanding; when it is done, 3 or 2 again
 */
import type { Ipv4, Ipv6 } from '../core/index.ts';
import { fragmentationNeeded, packetTooBig } from '../ip/index.ts';
import { SstpFramingError } from '../sstp/index.ts';
import { ReceivePosition, type SlotOwner, StreamFault, type TunPath } from '../tun/index.ts';
import { ControlQueue } from './control-queue.ts';
import { Counters, type DataLinkCounters, type LinkLoad } from './counters.ts';
import { MOST_PACKET_BYTES } from './frame-header.ts';
import { OutgoingFrames } from './outgoing-frames.ts';
import type { DataLinkOwner, LinkOptions, LinkPolicy, LinkSocket, PeerLink } from './peer-link.ts';
import type { SlabPool } from './slab-pool.ts';

/**
 * At 3 Gbit/s CoDel's 5 ms are 2 MB. With 1 MiB the bound dropped whole super-packets at the tail before CoDel dropped a
 * frame at the head: 18,000 retransmissions in 4 s of one download, with 4 MiB two.
 */
const MOST_QUEUED_BYTES = 4 * 1024 * 1024;
const DEFAULT_MRU = 1500;
/** Chunks of one call; more are looked at before the turn ends. */
const MOST_CHUNKS = 512;
/** What the addon wants room for: any frame. */
const LEAST_ROOM = 4096;
/** Taken at once for a client that gets its packets one by one, so that what waits stays where it is managed. */
const MOST_ONE_BY_ONE = 16 * 1024;

export class NativeLink implements PeerLink {
  readonly #owner: DataLinkOwner;
  readonly #options: LinkOptions;
  readonly #tun: TunPath;
  readonly #slabs: SlabPool;
  readonly #schedule: (link: NativeLink) => void;
  readonly #slot: number;
  readonly #control = new ControlQueue();
  readonly #frames: OutgoingFrames;
  readonly #mostTaken: number;
  readonly #position = new ReceivePosition();
  readonly #pump = (): void => this.#next();
  readonly #done = (): void => this.#finish();
  #chunks: Buffer[] = [];
  #mru = DEFAULT_MRU;
  #isWriting = false;
  #isPumping = false;
  #isPumpScheduled = false;
  #policy: LinkPolicy | undefined;
  #isStopped = false;
  #hasOverflowed = false;
  #waiters: (() => void)[] = [];
  #lastCounters: DataLinkCounters | undefined;

  /** @param schedule called when there are chunks to be drained in this turn of the loop */
  constructor(
    owner: DataLinkOwner,
    options: LinkOptions,
    tun: TunPath,
    slabs: SlabPool,
    schedule: (link: NativeLink) => void,
  ) {
    this.#owner = owner;
    this.#options = options;
    this.#tun = tun;
    this.#slabs = slabs;
    this.#schedule = schedule;
    const isOneByOne = options.isOnePacketReader ?? false;
    this.#frames = new OutgoingFrames(isOneByOne);
    this.#mostTaken = isOneByOne ? MOST_ONE_BY_ONE : Number.POSITIVE_INFINITY;
    const slotOwner: SlotOwner = {
      ready: this.#pump,
      tooBig: (packet) => this.#answerTooBig(packet),
      linkLocal: (packet) => this.#options.onLinkLocal?.(this, packet),
    };
    this.#slot = tun.attach(slotOwner, {
      isFromServer: options.ingress === 'from-server',
      mostBytes: options.mostQueuedBytes ?? MOST_QUEUED_BYTES,
      serverLinkLocal: options.serverLinkLocal,
    });
  }

  get counters(): DataLinkCounters {
    return this.load.counters;
  }

  get load(): LinkLoad {
    if (this.#isLive) return this.#readLoad();
    return { counters: this.#lastCounters ?? new Counters(), queuedBytes: 0 };
  }

  setSocket({ fd, congestionControl }: LinkSocket): void {
    if (fd >= 0 && this.#isLive) this.#tun.setSocket(this.#slot, fd, congestionControl);
  }

  get policy(): LinkPolicy | undefined {
    return this.#policy;
  }

  setPolicy(policy: LinkPolicy): void {
    this.#policy = policy;
  }

  openIpv4(address: Ipv4): void {
    if (this.#isLive) this.#tun.setIpv4(this.#slot, address);
  }
  closeIpv4(): void {
    if (this.#isLive) this.#tun.setIpv4(this.#slot, undefined);
  }
  openIpv6(prefix: Ipv6 | undefined, linkLocal: Ipv6): void {
    if (this.#isLive) this.#tun.setIpv6(this.#slot, { prefix, linkLocal });
  }
  closeIpv6(): void {
    if (this.#isLive) this.#tun.setIpv6(this.#slot, undefined);
  }

  setMru(bytes: number): void {
    this.#mru = Math.min(bytes, MOST_PACKET_BYTES);
    if (this.#isLive) this.#tun.setMru(this.#slot, this.#mru);
  }

  route(kind: 'ipv4' | 'prefix' | 'link-local', address: Uint8Array, change: 'add' | 'remove'): void {
    if (!this.#isLive) return;
    if (change === 'add') this.#tun.addRoute(this.#slot, kind, address);
    else this.#tun.removeRoute(this.#slot, kind, address);
  }

  /** Every packet of the device is for this link. */
  takeAll(): void {
    if (this.#isLive) this.#tun.setDefault(this.#slot);
  }

  receive(chunk: Buffer): void {
    if (this.#isStopped) return;
    this.#chunks.push(chunk);
    if (this.#chunks.length === 1) this.#schedule(this);
    else if (this.#chunks.length === MOST_CHUNKS) this.drain();
  }

  drain(): void {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    this.#chunks = [];
    try {
      this.#take(chunks);
    } catch (error) {
      this.#owner.broken(error instanceof StreamFault ? new SstpFramingError(error.message) : error);
    }
  }

  sendControl(packet: Buffer): void {
    if (this.#isStopped || this.#hasOverflowed) return;
    if (this.#control.push(packet)) {
      this.#schedulePump();
      return;
    }
    this.#hasOverflowed = true;
    this.#owner.overflow();
  }

  sendPacket(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isLive) this.#tun.inject(this.#slot, bytes.subarray(start, end));
  }

  stop(): void {
    if (this.#isStopped) return;
    if (this.#isLive) this.#lastCounters = this.#readLoad().counters;
    this.#isStopped = true;
    this.#chunks = [];
    this.#frames.discard();
    this.#tun.detach(this.#slot);
    this.#schedulePump();
  }

  flushed(): Promise<void> {
    if (!this.#isWriting && this.#control.bytes === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  get #isLive(): boolean {
    return !this.#isStopped && this.#tun.isOpen;
  }

  #take(chunks: readonly Buffer[]): void {
    const position = this.#position;
    position.chunk = 0;
    position.offset = 0;
    while (this.#isLive) {
      const met = this.#tun.receive(this.#slot, chunks, position);
      if (position.frames > 0) this.#owner.received();
      switch (met) {
        case 'nothing':
          return;
        case 'control':
          if (!this.#isStopped) this.#owner.control(position.frame);
          break;
        case 'ppp':
          if (!this.#isStopped) this.#owner.pppFrame(position.frame);
          break;
        default:
          met satisfies never;
      }
    }
  }

  /** The first write of a turn waits for a microtask, so that data that comes in the same turn stands behind control. */
  #schedulePump(): void {
    if (this.#isPumpScheduled || this.#isWriting) return;
    this.#isPumpScheduled = true;
    queueMicrotask(this.#pump);
  }

  #next(): void {
    this.#isPumpScheduled = false;
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isWriting) {
      const bytes = this.#control.take() ?? this.#frames.next();
      if (bytes !== undefined) {
        this.#isWriting = true;
        this.#owner.write(bytes, this.#done);
      } else if (!this.#takeData()) {
        for (const resolve of this.#waiters.splice(0)) resolve();
        break;
      }
    }
    this.#isPumping = false;
  }

  /** @returns false if nothing waits, or nothing may be sent yet; the addon will say when */
  #takeData(): boolean {
    const waiting = this.#isLive ? this.#tun.pending(this.#slot) : 0;
    if (waiting === 0) return false;
    const slab = this.#slabs.take(Math.max(Math.min(waiting, this.#mostTaken), LEAST_ROOM));
    const taken = this.#tun.take(this.#slot, slab, 0);
    if (taken === 0)
      this.#slabs.give(slab); // all that waited was dropped
    else this.#frames.load(slab, taken);
    return true;
  }

  #finish(): void {
    this.#isWriting = false;
    const slab = this.#frames.release();
    if (slab !== undefined) this.#slabs.give(slab);
    this.#next();
  }

  /** As `DataLink` does; the addon has counted the packet and limits how often this comes. */
  #answerTooBig(packet: Buffer): void {
    const answer =
      (packet[0] ?? 0) >> 4 === 4
        ? fragmentationNeeded(packet, 0, packet.length, packet.readUInt32BE(16), this.#mru)
        : packetTooBig(packet, 0, packet.length, packet.subarray(24, 40), this.#mru);
    if (answer !== undefined) this.#tun.write(answer);
  }

  #readLoad(): LinkLoad {
    const stats = this.#tun.stats(this.#slot);
    const { queuedBytes, queuedMemory, rate, baseRttUs, inFlightCap, writeBytes, marksQueue, ...counters } = stats;
    return { counters, queuedBytes };
  }
}

/**
 * One peer's stream: what it sends is split, checked and written to the TUN device; what it is sent waits here in
 * pieces of shared memory.
 *
 *     peer to network                             network to peer
 *      1 split the chunk into SSTP packets         1 take a batch of IP packets from the TUN      (router.ts)
 *      2 PPP protocol 0x0021 or 0x0057?            2 destination address -> link                  (router.ts)
 *      3 source and destination allowed?           3 fits the peer's MRU? clamp the MSS
 *      4 clamp the MSS, queue for the TUN          4 copy behind SSTP and PPP headers             (send-queue.ts)
 *      5 one flush of the TUN per loop turn        5 one write outstanding per peer               (send-queue.ts)
 *
 * Per packet no object but a view, no closure, promise or log line. Who cannot keep up loses packets, counted.
 */
import { after, type Clock, type Instant, type Ipv4, type Ipv6 } from '../core/index.ts';
import {
  clampMss,
  fragmentationNeeded,
  fragmentIpv4,
  type Ipv6Client,
  ipv4End,
  ipv6End,
  packetTooBig,
  Verdict,
} from '../ip/index.ts';
import { SstpFramer, type SstpFrameSink } from '../sstp/index.ts';
import type { TunDevice } from '../tun/index.ts';
import type { ChunkPool } from './chunk-pool.ts';
import { Counters, type DataLinkCounters, type LinkLoad } from './counters.ts';
import { type IpProtocol, MOST_PACKET_BYTES, PPP_ADDRESS, PPP_CONTROL, PPP_IPV4, PPP_IPV6 } from './frame-header.ts';
import { judgeIpv4, judgeIpv6 } from './ingress.ts';
import type { DataLinkOwner, LinkOptions, LinkPolicy, PeerLink } from './peer-link.ts';
import type { Isolation } from './router.ts';
import { SendQueue } from './send-queue.ts';

export interface DataLinkOptions extends LinkOptions {
  readonly tun: TunDevice;
  readonly pool: ChunkPool;
  readonly clock: Clock;
  /** `PacketRouter.isolation`. */
  readonly isolation?: Isolation | undefined;
}

const MOST_QUEUED_BYTES = 1024 * 1024;
/** RFC 1661 6.1: what every peer takes that asked for nothing else. */
const DEFAULT_MRU = 1500;
/** RFC 1812 4.3.2.8 and RFC 4443 2.4 f: errors about packets that do not fit are limited, to ten per second. */
const TOO_BIG_INTERVAL_MS = 100;

/** A link of the plain path. What `PeerLink` says of its methods is not repeated here. */
export class DataLink implements PeerLink {
  readonly #owner: DataLinkOwner;
  readonly #options: DataLinkOptions;
  readonly #framer = new SstpFramer();
  readonly #queue: SendQueue;
  readonly #counters = new Counters();
  readonly #sink: SstpFrameSink = {
    control: (packet) => this.#control(packet),
    data: (bytes, start, end) => this.#data(bytes, start, end),
  };
  #ipv4: Ipv4 | undefined;
  #ipv6: Ipv6Client | undefined;
  #mru = DEFAULT_MRU;
  #isChunkNoted = false;
  #policy: LinkPolicy | undefined;
  #isStopped = false;
  #hasOverflowed = false;
  #nextTooBig: Instant | undefined;

  constructor(owner: DataLinkOwner, options: DataLinkOptions) {
    this.#owner = owner;
    this.#options = options;
    this.#queue = new SendQueue(
      options.pool,
      options.mostQueuedBytes ?? MOST_QUEUED_BYTES,
      (bytes, done) => owner.write(bytes, done),
      { isOneByOne: options.isOnePacketReader ?? false },
    );
  }

  get counters(): DataLinkCounters {
    return this.#counters;
  }

  get load(): LinkLoad {
    return { counters: this.#counters, queuedBytes: this.#queue.waitingBytes };
  }

  /** The plain path leaves it to TCP how much is on its way. */
  setSocket(): void {}

  get policy(): LinkPolicy | undefined {
    return this.#policy;
  }

  setPolicy(policy: LinkPolicy): void {
    this.#policy = policy;
  }

  openIpv4(address: Ipv4): void {
    this.#ipv4 = address;
  }

  closeIpv4(): void {
    this.#ipv4 = undefined;
  }

  openIpv6(prefix: Ipv6 | undefined, linkLocal: Ipv6): void {
    this.#ipv6 = { prefix, linkLocal, serverLinkLocal: this.#options.serverLinkLocal };
  }

  closeIpv6(): void {
    this.#ipv6 = undefined;
  }

  setMru(bytes: number): void {
    this.#mru = Math.min(bytes, MOST_PACKET_BYTES);
  }

  receive(chunk: Buffer): void {
    this.#isChunkNoted = false;
    this.#framer.push(chunk, this.#sink);
  }

  /** `receive` leaves nothing for later here. */
  drain(): void {}

  sendControl(packet: Buffer): void {
    if (this.#isStopped || this.#hasOverflowed || this.#queue.pushControl(packet)) return;
    this.#hasOverflowed = true;
    this.#owner.overflow();
  }

  sendPacket(bytes: Uint8Array, start: number, end: number, protocol: IpProtocol): void {
    const isOpen = protocol === PPP_IPV4 ? this.#ipv4 !== undefined : this.#ipv6 !== undefined;
    if (this.#isStopped || !isOpen) {
      this.#counters.dropsClosed += 1;
      return;
    }
    if (end - start > this.#mru) {
      this.#sendTooBig(bytes, start, end, protocol);
      return;
    }
    clampMss(bytes, start, end, this.#narrowerMtu());
    this.#push(bytes, start, end, protocol);
  }

  #sendTooBig(bytes: Uint8Array, start: number, end: number, protocol: IpProtocol): void {
    const fragments = protocol === PPP_IPV4 ? fragmentIpv4(bytes, start, end, this.#mru) : undefined;
    for (const fragment of fragments ?? []) this.#push(fragment, 0, fragment.length, protocol);
    if (fragments !== undefined) return;
    this.#counters.dropsTooBig += 1;
    this.#answerTooBig(bytes, start, end, protocol);
  }

  #push(bytes: Uint8Array, start: number, end: number, protocol: IpProtocol): void {
    if (!this.#queue.push(bytes, start, end, protocol)) {
      this.#counters.dropsQueue += 1;
      return;
    }
    this.#counters.packetsOut += 1;
    this.#counters.bytesOut += end - start;
  }

  stop(): void {
    this.#isStopped = true;
    this.#ipv4 = undefined;
    this.#ipv6 = undefined;
    this.#framer.stop();
    this.#queue.discardData();
  }

  flushed(): Promise<void> {
    return this.#queue.flushed();
  }

  #control(packet: Buffer): void {
    this.#noteChunk();
    if (!this.#isStopped) this.#owner.control(packet);
  }

  #data(bytes: Buffer, start: number, end: number): void {
    this.#noteChunk();
    if (this.#isStopped) return;
    // Address and control octets may be missing: a receiver had better take that (RFC 1661 6.6).
    const hasAddress = end - start >= 2 && bytes[start] === PPP_ADDRESS && bytes[start + 1] === PPP_CONTROL;
    const protocolAt = hasAddress ? start + 2 : start;
    if (end - protocolAt < 2) {
      this.#counters.dropsMalformed += 1;
      return;
    }
    switch (bytes.readUInt16BE(protocolAt)) {
      case PPP_IPV4:
        this.#ipv4Packet(bytes, protocolAt + 2, end);
        break;
      case PPP_IPV6:
        this.#ipv6Packet(bytes, protocolAt + 2, end);
        break;
      default:
        this.#owner.pppFrame(bytes.subarray(start, end));
    }
  }

  /** The owner may call `stop` from here as from anywhere. */
  #noteChunk(): void {
    if (this.#isChunkNoted) return;
    this.#isChunkNoted = true;
    this.#owner.received();
  }

  #ipv4Packet(bytes: Buffer, start: number, end: number): void {
    if (this.#ipv4 === undefined) {
      this.#counters.dropsClosed += 1;
      return;
    }
    const verdict = judgeIpv4(this.#options.ingress, bytes, start, end, this.#ipv4);
    if (verdict === Verdict.Forward) this.#forward(bytes, start, ipv4End(bytes, start));
    else this.#refuse(verdict, bytes, start, end);
  }

  #ipv6Packet(bytes: Buffer, start: number, end: number): void {
    if (this.#ipv6 === undefined) {
      this.#counters.dropsClosed += 1;
      return;
    }
    const verdict = judgeIpv6(this.#options.ingress, bytes, start, end, this.#ipv6);
    if (verdict === Verdict.Forward) this.#forward(bytes, start, ipv6End(bytes, start));
    else this.#refuse(verdict, bytes, start, verdict === Verdict.LinkScope ? ipv6End(bytes, start) : end);
  }

  #forward(bytes: Buffer, start: number, end: number): void {
    if (this.#options.isolation?.isToClient(bytes, start) === true) {
      this.#counters.dropsIsolated += 1;
      return;
    }
    clampMss(bytes, start, end, this.#narrowerMtu());
    this.#options.tun.write(bytes, start, end);
    this.#counters.packetsIn += 1;
    this.#counters.bytesIn += end - start;
  }

  #refuse(verdict: Exclude<Verdict, typeof Verdict.Forward>, bytes: Buffer, start: number, end: number): void {
    switch (verdict) {
      case Verdict.DropSource:
        this.#counters.dropsSource += 1;
        break;
      case Verdict.DropDestination:
        this.#counters.dropsDestination += 1;
        break;
      case Verdict.DropMalformed:
        this.#counters.dropsMalformed += 1;
        break;
      case Verdict.DropGroup:
        this.#counters.dropsGroup += 1;
        break;
      case Verdict.LinkScope:
        this.#counters.packetsLinkLocal += 1;
        this.#options.onLinkLocal?.(this, bytes.subarray(start, end));
        break;
      default:
        verdict satisfies never;
    }
  }

  /**
   * Path MTU discovery for a peer whose MRU is below the device's MTU. The answer bears the address that the packet
   * was for: the kernel takes no packet from a device that claims to come from an address of its own.
   */
  #answerTooBig(bytes: Uint8Array, start: number, end: number, protocol: IpProtocol): void {
    const now = this.#options.clock.now();
    if (this.#nextTooBig !== undefined && now < this.#nextTooBig) return;
    const answer =
      protocol === PPP_IPV4
        ? fragmentationNeeded(bytes, start, end, ipv4Destination(bytes, start), this.#mru)
        : packetTooBig(bytes, start, end, bytes.slice(start + 24, start + 40), this.#mru);
    if (answer === undefined) return;
    this.#nextTooBig = after(now, TOO_BIG_INTERVAL_MS);
    this.#options.tun.write(answer, 0, answer.length);
  }

  /** What fits both ways, so that neither end of a TCP connection sends what the other's side of the tunnel cuts off. */
  #narrowerMtu(): number {
    return Math.min(this.#mru, this.#options.tun.mtu);
  }
}

function ipv4Destination(bytes: Uint8Array, start: number): Ipv4 {
  const at = (i: number): number => bytes[start + 16 + i] ?? 0;
  return ((at(0) << 24) | (at(1) << 16) | (at(2) << 8) | at(3)) >>> 0;
}

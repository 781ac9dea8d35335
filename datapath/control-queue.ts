/** Control packets that a peer may leave unread. Each answers something it sent or a timer of ours: this is plenty. */
const MOST_CONTROL_BYTES = 64 * 1024;

/** SSTP control packets and PPP frames that carry no IP packet, in the order they came. */
export class ControlQueue {
  readonly #packets: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false if the packet was not taken: the peer does not read */
  push(packet: Buffer): boolean {
    if (this.#bytes + packet.length > MOST_CONTROL_BYTES) return false;
    this.#packets.push(packet);
    this.#bytes += packet.length;
    return true;
  }

  /** The oldest, for a write of its own, or undefined if there are none: outgoing-frames.ts says why it goes alone. */
  take(): Buffer | undefined {
    const packet = this.#packets.shift();
    if (packet !== undefined) this.#bytes -= packet.length;
    return packet;
  }
}

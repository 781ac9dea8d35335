/** Control packets that a peer may leave unread. Each answers something it sent or a timer of ours: this is plenty. */
const MOST_CONTROL_BYTES = 64 * 1024;

/** SSTP control packets and PPP frames that carry no IP packet, in the order they came. */
export class ControlQueue {
  #packets: Buffer[] = [];
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

  /** All of them behind each other, or undefined if there are none. */
  take(): Buffer | undefined {
    const [first] = this.#packets;
    if (first === undefined) return undefined;
    const all = this.#packets.length === 1 ? first : Buffer.concat(this.#packets, this.#bytes);
    this.#packets = [];
    this.#bytes = 0;
    return all;
  }
}

/** What one link carried and dropped. Bytes are those of IP packets, without any header of ours. */
export interface DataLinkCounters {
  /** From the peer to the TUN device. */
  readonly packetsIn: number;
  readonly bytesIn: number;
  /** From the TUN device into the peer's queue. */
  readonly packetsOut: number;
  readonly bytesOut: number;
  /** To the peer: it reads too slowly, or all peers together hold as much memory as they may. */
  readonly dropsQueue: number;
  /** Either way: network data before the link was open for that protocol, or after. */
  readonly dropsClosed: number;
  /** To the peer: larger than its MRU. */
  readonly dropsTooBig: number;
  /** From the peer: no IP packet of the version that the PPP protocol names, or no PPP frame at all. */
  readonly dropsMalformed: number;
  /** From the peer: a source address that is not its own. */
  readonly dropsSource: number;
  /** From the peer: loopback and other places that nothing from a tunnel may reach. */
  readonly dropsDestination: number;
  /** From the peer: multicast and broadcast, which Windows sends all day. */
  readonly dropsGroup: number;
  /** From the peer: to another client although clients are isolated. */
  readonly dropsIsolated: number;
  /** From the peer: Neighbour Discovery with the server, handed to `onLinkLocal`. */
  readonly packetsLinkLocal: number;
}

/** What a link has carried so far, and what waits in it now. */
export interface LinkLoad {
  readonly counters: DataLinkCounters;
  /** Of frames to the peer. */
  readonly queuedBytes: number;
}

export class Counters implements DataLinkCounters {
  packetsIn = 0;
  bytesIn = 0;
  packetsOut = 0;
  bytesOut = 0;
  dropsQueue = 0;
  dropsClosed = 0;
  dropsTooBig = 0;
  dropsMalformed = 0;
  dropsSource = 0;
  dropsDestination = 0;
  dropsGroup = 0;
  dropsIsolated = 0;
  packetsLinkLocal = 0;

  /** Of another link, or of the same one later on. */
  add(counters: DataLinkCounters): void {
    for (const name of Object.keys(this) as (keyof DataLinkCounters)[]) this[name] += counters[name];
  }
}

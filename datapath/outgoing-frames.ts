/**
 * How many packets one write carries. A write is a TLS record (of up to 16 KiB), and clients notice where records end:
 * sstp-client (1.0.18 and 1.1.0, so NetworkManager too) takes one SSTP packet each time its socket becomes readable. What
 * else the record held stays in its TLS library until the next record comes: an answer of LCP until the repetition 3 s
 * later, the second packet of a burst until the next burst. A record for each packet is right for every client. For all of
 * them at full speed it costs too much: one TCP stream keeps 35 % of its rate down and 37 % up, packets of 64 bytes 21 %
 * and 27 %, at five times the processor time for a byte (`npm run bench -- --only single --only small --against`). So
 *
 *  - a packet that is no data always goes alone: there are some dozen in a connection;
 *  - data goes alone to a client that has shown itself as sstp-client (`showsSstpClient` in sstp/http-preamble.ts);
 *  - data goes alone to everybody while fewer than `FEWEST_TOGETHER` packets wait. In the same bench that costs 8 % of
 *    processor time for a byte down and nothing up (means of six runs each, which differ by 15 %): at full speed more wait.
 *    It is for the bursts of a conversation: whoever has the fault without showing it loses time only under load, where
 *    the next record is near.
 */
import { DATA_HEADER } from './frame-header.ts';

const FEWEST_TOGETHER = 8;
/** MS-SSTP 2.2.1: the length stands in the lower 12 bits, behind the octets of version and kind. */
const LENGTH_OFFSET = 2;
const LENGTH_MASK = 0x0fff;

/** Whole data packets behind each other, on their way to the socket: cut into what each write carries. */
export class OutgoingFrames {
  readonly #isOneByOne: boolean;
  #bytes: Buffer | undefined;
  #start = 0;
  #end = 0;
  #isCut = false;

  /** @param isOneByOne each packet of this client goes alone, however many wait */
  constructor(isOneByOne: boolean) {
    this.#isOneByOne = isOneByOne;
  }

  /** Whether packets wait that `next` has not named. */
  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** Once all of the former bytes went. @param end where the last packet ends; the bytes are kept, not copied */
  load(bytes: Buffer, end: number): void {
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = end;
    this.#isCut = this.#isOneByOne || hasFewFrames(bytes, end);
  }

  /** What the next write carries, a view; undefined if nothing waits. */
  next(): Buffer | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined || this.isEmpty) return undefined;
    const start = this.#start;
    this.#start = this.#isCut ? frameEnd(bytes, start) : this.#end;
    return bytes.subarray(start, this.#start);
  }

  /** The bytes, now that no write has them any more; undefined while packets wait, or if there are none. */
  release(): Buffer | undefined {
    if (!this.isEmpty) return undefined;
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes;
  }

  /** Forgets what waits; what is being written stays. */
  discard(): void {
    this.#start = this.#end;
  }
}

function hasFewFrames(bytes: Buffer, end: number): boolean {
  let at = 0;
  for (let frames = 0; frames < FEWEST_TOGETHER; frames++) {
    if (at === end) return true;
    at = frameEnd(bytes, at);
  }
  return false;
}

/** Our own header stands there, so there is nothing to check; DATA_HEADER only keeps a mistake of ours from looping. */
function frameEnd(bytes: Buffer, start: number): number {
  return start + Math.max(DATA_HEADER, bytes.readUInt16BE(start + LENGTH_OFFSET) & LENGTH_MASK);
}

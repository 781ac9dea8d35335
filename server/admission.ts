import { parseIpv6 } from '../core/index.ts';

/** Limits on connections, counted from TCP accept to close. */
export interface AdmissionLimits {
  /** Connections in all. */
  readonly connections: number;
  /** Connections in all that are not authenticated, Crypto Binding included. */
  readonly unauthenticated: number;
  /** The same for one remote address (IPv6: one /64). */
  readonly unauthenticatedPerAddress: number;
}

/** Which limit a connection ran into. */
export type AdmissionRefusal = keyof AdmissionLimits;

/** One connection's place in the counts. */
export interface Ticket {
  /** The limit that was reached when it came: it gets HTTP 503 with a body, so that the client's event log says why. */
  readonly refusal: AdmissionRefusal | undefined;
  /** Calls back, perhaps at once, when `refusal` is known. */
  whenCounted(then: () => void): void;
  /** It may have an address, of which a user has so many: it no longer counts as unauthenticated. */
  authenticated(): void;
  /** It is gone. May be called again. */
  close(): void;
}

/** Over a limit by this factor, a connection is not worth a TLS handshake any more and is dropped at accept. */
const FLOOD_FACTOR = 2;

/** Who lets connections in. */
export interface Doorkeeper {
  /** Connections that were not let in at all. */
  readonly flooded: number;
  /**
   * @param address the remote address as text
   * @returns undefined if the flood is such that the socket should be closed at once
   */
  open(address: string): Ticket | undefined;
}

/** Counts connections, and says who is one too many. */
export class Admission implements Doorkeeper {
  readonly #limits: AdmissionLimits;
  readonly #floodFactor: number;
  readonly #unauthenticatedBy = new Map<string, number>();
  #connections = 0;
  #unauthenticated = 0;
  #flooded = 0;
  readonly #refusals = { connections: 0, unauthenticated: 0, unauthenticatedPerAddress: 0 };

  constructor(limits: AdmissionLimits, floodFactor: number = FLOOD_FACTOR) {
    this.#limits = limits;
    this.#floodFactor = floodFactor;
  }

  get connections(): number {
    return this.#connections;
  }

  get unauthenticated(): number {
    return this.#unauthenticated;
  }

  /** How often each limit was reached, since the start. */
  get refusals(): Readonly<Record<AdmissionRefusal, number>> {
    return this.#refusals;
  }

  /** Connections that were not let in at all. */
  get flooded(): number {
    return this.#flooded;
  }

  open(address: string): Ticket | undefined {
    const source = sourceOf(address);
    if (this.#reached(source, this.#floodFactor) !== undefined) {
      this.#flooded += 1;
      return undefined;
    }
    const refusal = this.#reached(source, 1);
    if (refusal !== undefined) this.#refusals[refusal] += 1;
    this.#connections++;
    this.#count(source, 1);
    let waiting = true;
    let open = true;
    const authenticated = (): void => {
      if (!waiting) return;
      waiting = false;
      this.#count(source, -1);
    };
    const close = (): void => {
      if (!open) return;
      open = false;
      authenticated();
      this.#connections--;
    };
    return { refusal, whenCounted: (then) => then(), authenticated, close };
  }

  #reached(source: string, factor: number): AdmissionRefusal | undefined {
    const limits = this.#limits;
    if (this.#connections >= limits.connections * factor) return 'connections';
    if (this.#unauthenticated >= limits.unauthenticated * factor) return 'unauthenticated';
    const ofSource = this.#unauthenticatedBy.get(source) ?? 0;
    return ofSource >= limits.unauthenticatedPerAddress * factor ? 'unauthenticatedPerAddress' : undefined;
  }

  #count(source: string, step: 1 | -1): void {
    this.#unauthenticated += step;
    const count = (this.#unauthenticatedBy.get(source) ?? 0) + step;
    if (count === 0) this.#unauthenticatedBy.delete(source);
    else this.#unauthenticatedBy.set(source, count);
  }
}

/** An IPv6 host has a /64 to choose addresses from, so that counts as one source. */
function sourceOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  const bytes = parseIpv6(address.replace(/%.*$/, ''));
  return bytes === undefined ? address : Buffer.from(bytes.subarray(0, 8)).toString('hex');
}

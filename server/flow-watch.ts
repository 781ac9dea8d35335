import { formatIpv4, formatIpv6, type Log } from '../core/index.ts';
import type { Lease, LiveSession, SessionObserver } from './control/index.ts';
import type { RefusedFlows } from './host/index.ts';

const INTERVAL_MS = 10_000;

export interface FlowWatchOptions {
  /** Undefined: there is no such limit. */
  readonly read: () => Promise<RefusedFlows | undefined>;
  /** Flows that a client may have. */
  readonly limit: number;
  readonly log: Log;
}

/** Looks now and then whose new flows the kernel drops, and says so once for each session. */
export class FlowWatch implements SessionObserver {
  readonly #options: FlowWatchOptions;
  /** By IPv4 address, and by the first address of the /64. */
  readonly #sessions = new Map<string, LiveSession>();
  readonly #told = new Set<LiveSession>();
  readonly #timer: NodeJS.Timeout;
  #packets = 0;

  constructor(options: FlowWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), INTERVAL_MS);
    this.#timer.unref();
  }

  /** New flows that were refused since the start, when somebody looked last. */
  get packets(): number {
    return this.#packets;
  }

  up(session: LiveSession): void {
    for (const address of addressesOf(session.lease)) this.#sessions.set(address, session);
  }

  down(session: LiveSession): void {
    this.#told.delete(session);
    for (const address of addressesOf(session.lease)) {
      if (this.#sessions.get(address) === session) this.#sessions.delete(address);
    }
  }

  /** Never rejects. */
  async look(): Promise<void> {
    if (this.#sessions.size === 0) return; // nobody is there who could have been refused anything
    const refused = await this.#options.read();
    if (refused === undefined || refused.packets === this.#packets) return;
    this.#packets = refused.packets;
    for (const address of refused.clients) {
      const session = this.#sessions.get(address);
      if (session === undefined || this.#told.has(session)) continue;
      this.#told.add(session);
      const { id, user } = session;
      const { limit } = this.#options;
      this.#options.log.warn('network.flows-refused', {
        id,
        user: user.name,
        address,
        limit,
        key: 'limits.flowsPerClient',
      });
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function addressesOf({ ipv4, ipv6 }: Lease): string[] {
  return [formatIpv4(ipv4.address), ...(ipv6 === undefined ? [] : [formatIpv6(ipv6.address)])];
}

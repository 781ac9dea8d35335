import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { ipv4Bytes, type Log } from '../../core/index.ts';
import type { IpPrefix } from '../../tun/index.ts';
import type { ClientAddresses } from './client-addresses.ts';

const COUNT = '/proc/sys/net/netfilter/nf_conntrack_count';
/** Sessions that end within this time share one pass over the kernel's table. */
const GATHER_MS = 100;
/** Leases given back in one turn of the event loop, a route or two each. */
const MOST_PER_TURN = 32;

export interface FlowCleanerOptions {
  /** Deletes all flows of these networks. */
  readonly forget: (networks: readonly IpPrefix[]) => Promise<void>;
  readonly log: Log;
  /** How many flows the kernel remembers now; the real number unless said. */
  readonly count?: () => Promise<number>;
}

interface Waiting {
  readonly lease: ClientAddresses;
  readonly done: () => void;
}

/**
 * Has the kernel forget the flows of leases that ended: with the address, the next client would get what is still under
 * way to the one before, and could answer it.
 */
export class FlowCleaner {
  readonly #options: FlowCleanerOptions;
  #waiting = new Map<ClientAddresses, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(options: FlowCleanerOptions) {
    this.#options = options;
  }

  /** @param done is called when they are forgotten, or can't be; never before this call ends */
  clean(lease: ClientAddresses, done: () => void): void {
    this.#waiting.set(lease, { lease, done });
    this.#timer ??= setTimeout(() => this.#begin(), GATHER_MS);
  }

  /** They stay, unless the pass has begun: the same user goes on with the address. `done` is not called by then. */
  keep(lease: ClientAddresses): void {
    this.#waiting.delete(lease);
  }

  /** What an earlier run that did not end in order has left. */
  cleanNetworks(networks: readonly IpPrefix[]): Promise<void> {
    return this.#forget(networks);
  }

  /** Resolves when all that was given up is forgotten, without waiting for more of it. */
  settled(): Promise<void> {
    if (this.#timer !== undefined) this.#begin();
    return this.#pass;
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pass = this.#pass.then(() => this.#run());
  }

  /** Whatever came while the pass before was under way comes along. */
  async #run(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = new Map();
    if (batch.size === 0) return;
    await this.#forget([...batch.values()].flatMap(({ lease }) => networksOf(lease)));
    let count = 0;
    for (const { done } of batch.values()) {
      done();
      count += 1;
      if (count % MOST_PER_TURN === 0) await setImmediate();
    }
  }

  /** Without a flow in the table, or without the table, there is nothing to do, and no module to load for it. */
  async #forget(networks: readonly IpPrefix[]): Promise<void> {
    try {
      const { count = trackedFlows } = this.#options;
      if ((await count()) === 0) return;
      await this.#options.forget(networks);
      this.#hasFailed = false;
    } catch (error) {
      if (this.#hasFailed) return; // once is enough, until it works again
      this.#hasFailed = true;
      const fix = 'CAP_NET_ADMIN, and a kernel with CONFIG_NF_CT_NETLINK';
      this.#options.log.error('network.flows-stay', { error: String(error), needs: fix });
    }
  }
}

/** 0 also where the kernel has no such table. */
async function trackedFlows(): Promise<number> {
  return Number(await readFile(COUNT, 'utf8').catch(() => '0'));
}

function networksOf({ ipv4, ipv6 }: ClientAddresses): IpPrefix[] {
  const own = { address: ipv4Bytes(ipv4.address), prefixLength: 32 };
  return [own, ...(ipv6 === undefined ? [] : [ipv6])];
}

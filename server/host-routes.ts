import { formatIpv4, type Ipv4, type Log } from '../core/index.ts';
import type { HostNetwork } from './network/index.ts';

/** Routes to the fixed addresses outside the pool, one after the other: an address may go and come back at once. */
export class HostRoutes {
  readonly #network: Pick<HostNetwork, 'addHostRoute' | 'removeHostRoute'>;
  readonly #log: Log;
  #last: Promise<void> = Promise.resolve();

  constructor(network: Pick<HostNetwork, 'addHostRoute' | 'removeHostRoute'>, log: Log) {
    this.#network = network;
    this.#log = log;
  }

  add(address: Ipv4): void {
    this.#enqueue(address, () => this.#network.addHostRoute(address));
  }

  remove(address: Ipv4): void {
    this.#enqueue(address, () => this.#network.removeHostRoute(address));
  }

  /** Resolves when all that was asked for is done. */
  settled(): Promise<void> {
    return this.#last;
  }

  #enqueue(address: Ipv4, change: () => Promise<void>): void {
    this.#last = this.#last.then(change).catch((error: unknown) => {
      this.#log.error('network.route-failed', { address: formatIpv4(address), error: String(error) });
    });
  }
}

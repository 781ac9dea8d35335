import { formatIpv4, type Ipv4, type Log } from '../../core/index.ts';
import type { HostNetwork } from './network/index.ts';

/**
 * The fixed addresses outside the pool that are translated, changed one after the other.
 *
 * A change takes processes, and a user may come and go faster than those: only where an address stands when its turn
 * comes is applied, and one that changes meanwhile queues behind the others.
 */
export class Translations {
  readonly #network: Pick<HostNetwork, 'addClient' | 'removeClient'>;
  readonly #log: Log;
  /** Sessions per address; one may take it over before the last has let go. */
  readonly #holders = new Map<Ipv4, number>();
  /** Addresses with an `addClient` that wants its `removeClient`: never more than one. */
  readonly #translated = new Set<Ipv4>();
  /** Addresses to look at, the one that waits longest first. */
  readonly #changed = new Set<Ipv4>();
  /** Undefined while there is nothing to do. */
  #work: Promise<void> | undefined;

  constructor(network: Pick<HostNetwork, 'addClient' | 'removeClient'>, log: Log) {
    this.#network = network;
    this.#log = log;
  }

  add(address: Ipv4): void {
    this.#holders.set(address, (this.#holders.get(address) ?? 0) + 1);
    this.#enqueue(address);
  }

  /** Takes back one `add`; without effect for any other address. */
  remove(address: Ipv4): void {
    const holders = this.#holders.get(address) ?? 0;
    if (holders > 1) this.#holders.set(address, holders - 1);
    else this.#holders.delete(address);
    this.#enqueue(address);
  }

  /** Resolves when all that was asked for is done. */
  settled(): Promise<void> {
    return this.#work ?? Promise.resolve();
  }

  #enqueue(address: Ipv4): void {
    this.#changed.add(address);
    this.#work ??= Promise.resolve().then(() => this.#applyAll()); // what this tick takes back never begins
  }

  async #applyAll(): Promise<void> {
    // The loop also comes to what is added meanwhile.
    for (const address of this.#changed) {
      this.#changed.delete(address);
      await this.#apply(address);
    }
    this.#work = undefined;
  }

  async #apply(address: Ipv4): Promise<void> {
    const isWanted = this.#holders.has(address);
    if (isWanted === this.#translated.has(address)) return;
    this.#translated.delete(address); // the network counts neither a failed add nor a failed remove
    try {
      if (isWanted) {
        await this.#network.addClient(address);
        this.#translated.add(address);
      } else {
        await this.#network.removeClient(address);
      }
    } catch (error) {
      this.#log.error('network.translation-failed', { address: formatIpv4(address), error: String(error) });
    }
  }
}

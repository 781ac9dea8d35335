import { type Ipv4Cidr, ipv4Bytes, ipv4InCidr, type Log } from '../../core/index.ts';
import type { IpPrefix } from '../../tun/index.ts';
import type { ClientAddresses } from './client-addresses.ts';
import type { Translations } from './translations.ts';

export interface HostRoutesOptions {
  /** How the host's routes are changed, at once. */
  readonly table: {
    replace(device: string, destination: IpPrefix): void;
    remove(device: string, destination: IpPrefix): void;
  };
  readonly translations: Pick<Translations, 'add' | 'remove' | 'settled'>;
  /** The route to the pool is there already; it leads to one device. */
  readonly pool: Ipv4Cidr;
  /** There are several devices, so that every client needs a route of its own. */
  readonly perClient: boolean;
  readonly log: Log;
}

/**
 * Sees to it that the host sends what is for a client to the device of the worker that has it. An address may have two
 * sessions for a moment: the newest one's device counts.
 */
export class HostRoutes {
  readonly #options: HostRoutesOptions;
  /** By destination: the devices of the sessions that have it, the newest last. */
  readonly #devices = new Map<string, string[]>();

  constructor(options: HostRoutesOptions) {
    this.#options = options;
  }

  add(lease: ClientAddresses, device: string): void {
    for (const destination of this.#destinations(lease)) {
      const key = keyOf(destination);
      this.#devices.set(key, [...(this.#devices.get(key) ?? []), device]);
      this.#attempt(destination, () => this.#options.table.replace(device, destination));
    }
    if (this.#isOutside(lease)) this.#options.translations.add(lease.ipv4.address);
  }

  /** When the host is ready for packets of the client; undefined: it is. What leaves before stays untranslated for good. */
  settled(lease: ClientAddresses): Promise<void> | undefined {
    return this.#isOutside(lease) ? this.#options.translations.settled() : undefined;
  }

  /** Takes back one `add` of the same lease and device; without effect if there is none. */
  remove(lease: ClientAddresses, device: string): void {
    for (const destination of this.#destinations(lease)) {
      const key = keyOf(destination);
      const devices = this.#devices.get(key) ?? [];
      const index = devices.indexOf(device);
      if (index === -1) continue;
      const rest = devices.toSpliced(index, 1);
      const next = rest.at(-1);
      if (next === undefined) this.#devices.delete(key);
      else this.#devices.set(key, rest);
      this.#attempt(destination, () => {
        if (next === undefined) this.#options.table.remove(device, destination);
        else if (index === rest.length) this.#options.table.replace(next, destination);
      });
    }
    if (this.#isOutside(lease)) this.#options.translations.remove(lease.ipv4.address);
  }

  #destinations(lease: ClientAddresses): IpPrefix[] {
    const { perClient } = this.#options;
    const own = { address: ipv4Bytes(lease.ipv4.address), prefixLength: 32 };
    return [
      ...(perClient || this.#isOutside(lease) ? [own] : []),
      ...(perClient && lease.ipv6 !== undefined ? [lease.ipv6] : []),
    ];
  }

  #isOutside({ ipv4 }: ClientAddresses): boolean {
    return !ipv4InCidr(ipv4.address, this.#options.pool);
  }

  /** The client is cut off then, and nobody else. */
  #attempt(destination: IpPrefix, change: () => void): void {
    try {
      change();
    } catch (error) {
      this.#options.log.error('network.route-failed', { destination: keyOf(destination), error: String(error) });
    }
  }
}

function keyOf({ address, prefixLength }: IpPrefix): string {
  const text =
    address.length === 4 ? address.join('.') : (Buffer.from(address).toString('hex').match(/.{4}/g)?.join(':') ?? '');
  return `${text}/${prefixLength}`;
}

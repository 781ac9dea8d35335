import { formatEndpoint } from '../core/index.ts';
import type { ListenAddress } from '../tls/index.ts';
import { placesOf } from './config/derived.ts';
import type { Config } from './config/index.ts';

/** Where clients reach this server: as configured, and once it listens as it is. Who is made before that reads it later. */
export class Bound {
  #port: number;
  #listening: readonly string[] = [];

  constructor(config: Pick<Config, 'listen' | 'frontend'>) {
    this.#port = placesOf(config)[0]?.port ?? 443;
  }

  /** @param addresses in the order of `placesOf` */
  take(addresses: readonly ListenAddress[]): void {
    this.#port = addresses[0]?.port ?? this.#port;
    this.#listening = addresses.map(({ address, port }) => formatEndpoint(address, port));
  }

  /** What clients dial. */
  get port(): number {
    return this.#port;
  }

  /** Addresses with their ports; none until it listens. */
  get listening(): readonly string[] {
    return this.#listening;
  }
}

import { randomBytes } from 'node:crypto';
import { Counters } from '../../datapath/index.ts';
import type { EndReason } from '../control/index.ts';
import type { Connection } from './connection.ts';

/** MS-SSTP 3.1.2.2 lets a Call Disconnect take 5 s, LCP before it 1 s; a stop has to be over within 7 s. */
const ORDERLY_MS = 6_500;

/** All open connections of this process. */
export class ConnectionTable {
  readonly #connections = new Map<string, Connection>();
  readonly #worker: number;
  /** By the connections that are gone. */
  readonly carried: Counters = new Counters();
  #onEmpty: (() => void) | undefined;

  /** @param worker which one of the server's processes this is */
  constructor(worker = 0) {
    this.#worker = worker;
  }

  /** An id that no open connection of the server has: 8 hexadecimal digits, of which two name the process. */
  newId(): string {
    for (;;) {
      const id = Buffer.of(this.#worker, ...randomBytes(3)).toString('hex');
      if (!this.#connections.has(id)) return id;
    }
  }

  add(connection: Connection): void {
    this.#connections.set(connection.id, connection);
  }

  remove(connection: Connection): void {
    if (!this.#connections.delete(connection.id)) return;
    if (connection.tunnel !== undefined) this.carried.add(connection.tunnel.load.counters);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  get(id: string): Connection | undefined {
    return this.#connections.get(id);
  }

  all(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** The connections that speak SSTP, oldest first. */
  tunnels(): Connection[] {
    return [...this.#connections.values()].filter((connection) => connection.isTunnel);
  }

  /** Disconnects everybody in order, after 6.5 s by force; resolves when all are gone and have returned what they had. */
  async close(reason: EndReason): Promise<void> {
    if (this.#connections.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const timer = setTimeout(() => {
      for (const connection of [...this.#connections.values()]) connection.destroy(reason);
    }, ORDERLY_MS);
    for (const connection of [...this.#connections.values()]) connection.disconnect(reason);
    await empty;
    clearTimeout(timer);
  }
}

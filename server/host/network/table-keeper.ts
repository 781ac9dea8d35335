/**
 * Keeps our nftables table and forwarding as they were set up, while others flush and set what they like. Where the kernel
 * can, the table is ours alone; where it can't, it is put back when it was changed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Ipv4, Log } from '../../../core/index.ts';
import { digestOf, type NetworkChange, TableHolder, type TableParts, watchNetwork } from '../../../tun/index.ts';
import { sysctlName } from './sysctl.ts';

/** Whoever sets the same thing again and again will not stop for us: so often, then not for as long. */
const MOST_RESTORED = 10;
const WINDOW_MS = 60_000;

export interface TableKeeperOptions {
  readonly table: string;
  readonly log: Log;
  /** Settings below /proc/sys that stay 1. */
  readonly forwarding: readonly string[];
  /** Absent: the kernel decides. False: as if it had no tables that are owned. */
  readonly mayOwn?: boolean;
}

/** Methods are synchronous, as their order counts, and other threads have no rights any more. */
export class TableKeeper {
  readonly #options: TableKeeperOptions;
  readonly #holder: TableHolder;
  #parts: TableParts | undefined;
  #isOwned = false;
  #unwatch: (() => void) | undefined;
  #restored: number[] = [];
  #pause: NodeJS.Timeout | undefined;

  /** @throws {Error} with `code` where the kernel has no nftables to speak to */
  constructor(options: TableKeeperOptions) {
    this.#options = options;
    this.#holder = new TableHolder();
  }

  /**
   * Takes over the table that nft has made.
   *
   * @returns lines for the operator
   */
  take(): string[] {
    const { table, mayOwn = true } = this.#options;
    this.#parts = this.#holder.read(table);
    if (this.#parts === undefined) return [];
    this.#isOwned = mayOwn && this.#own(this.#parts);
    const watched = this.#watch();
    if (this.#isOwned || !watched) return [];
    return [
      `the kernel lets others remove the table ${table} (before Linux 5.12): it is put back at once, but what clients send meanwhile may leave untranslated`,
    ];
  }

  /**
   * Where others can change the table, it is looked at first: what they did and nobody has told us of yet would else be
   * kept as ours, or leave the change without a table.
   *
   * @throws {Error} with what the kernel answers
   */
  changeAddress(change: 'add' | 'delete', set: string, address: Ipv4): void {
    const { table } = this.#options;
    if (!this.#isOwned && this.#parts !== undefined && !this.#isAsKept(this.#parts)) this.#putBack(this.#parts, '');
    this.#holder.changeAddress(change, table, set, address);
    this.#parts = this.#holder.read(table) ?? this.#parts;
  }

  /** An owned table goes with it. */
  close(): void {
    clearTimeout(this.#pause);
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#holder.close();
  }

  #own(parts: TableParts): boolean {
    try {
      this.#holder.put(parts, { owned: true });
      return true;
    } catch (error) {
      this.#options.log.debug('network.table-not-owned', { error: String(error) });
      return false;
    }
  }

  #watch(): boolean {
    try {
      this.#unwatch = watchNetwork((change) => this.#look(change));
      return true;
    } catch (error) {
      this.#options.log.warn('network.not-watched', { error: String(error), needs: 'CAP_NET_ADMIN' });
      return false;
    }
  }

  #look({ tables, by, isLost, hasForwardingChanged }: NetworkChange): void {
    if (this.#pause !== undefined || this.#unwatch === undefined) return;
    try {
      if (isLost || tables.has(this.#options.table)) this.#checkTable(by);
      if (isLost || hasForwardingChanged) this.#checkForwarding();
    } catch (error) {
      this.#options.log.error('network.not-restored', { error: String(error), fix: 'restart the server' });
    }
  }

  #checkTable(by: string): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    if (this.#isAsKept(parts) || !this.#mayRestore(`the nftables table ${this.#options.table}`, by)) return;
    this.#putBack(parts, by);
  }

  #isAsKept(parts: TableParts): boolean {
    const present = this.#holder.read(this.#options.table);
    return present !== undefined && digestOf(present) === digestOf(parts);
  }

  #putBack(parts: TableParts, by: string): void {
    const { table, log } = this.#options;
    this.#holder.put(parts, { owned: this.#isOwned });
    log.warn('network.table-restored', { table, by });
  }

  #checkForwarding(): void {
    for (const path of this.#options.forwarding) {
      const file = `/proc/sys/${path}`;
      if (readFileSync(file, 'utf8').trim() !== '0') continue;
      if (!this.#mayRestore(`${sysctlName(path)}=1`, '')) return;
      writeFileSync(file, '1');
      this.#options.log.warn('network.forwarding-restored', { setting: sysctlName(path) });
    }
  }

  /** Two programs that both insist would keep a processor busy. */
  #mayRestore(what: string, by: string): boolean {
    const now = performance.now();
    this.#restored = this.#restored.filter((at) => now - at < WINDOW_MS);
    if (this.#restored.length < MOST_RESTORED) {
      this.#restored.push(now);
      return true;
    }
    const who = by === '' ? 'another program' : by;
    const fix = `find what sets it and leave this out there; the next try is in ${WINDOW_MS / 1_000} s`;
    this.#options.log.error('network.fight', { what, by: who, times: MOST_RESTORED, fix });
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#restored = [];
      this.#look({ tables: new Set(), by: '', isLost: true, hasForwardingChanged: true });
    }, WINDOW_MS);
    this.#pause.unref();
    return false;
  }
}

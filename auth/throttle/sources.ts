import type { Instant, Origin } from '../../core/index.ts';
import { HotTable } from './hot-table.ts';
import type { Place } from './place.ts';
import { ADDRESS_RULE, AROUND_RULES, type Slot, Source } from './source.ts';
import { sourceEntry, type ThrottleEntry } from './throttle-entry.ts';

/** Of an address, and of the networks around it. */
const RULES = [ADDRESS_RULE, ...AROUND_RULES];
/** A step from which on an address is worth a place among the busy ones. */
const HOT_STEP_MS = 2_000;

/** The queues of addresses, and of the networks around them. */
export class Sources {
  readonly #tables: readonly HotTable<Source>[];

  /** @param most of each kind that are kept; and as many that were busy */
  constructor(most: number) {
    this.#tables = RULES.map(() => new HotTable({ most, isHot: (source, now) => source.stepMs(now) >= HOT_STEP_MS }));
  }

  /** How many addresses are remembered. */
  get addresses(): number {
    return this.#tables[0]?.size ?? 0;
  }

  /**
   * @param hadAt its place before, if its client has been away
   * @returns the slot at its address first, then those of the networks
   */
  reserve({ origin, users }: Place, now: Instant, hadAt: Instant): Slot[] {
    return this.#of(origin).map(([table, key, rule]) =>
      table.use(key, now, () => new Source(rule, now)).reserve(users, now, hadAt),
    );
  }

  /** What has nothing to remember is not kept. */
  tidy(origin: Origin, now: Instant): void {
    for (const [table, key] of this.#of(origin)) if (table.get(key)?.isIdle(now) === true) table.delete(key);
  }

  forget(address: string): void {
    this.#tables[0]?.delete(address);
  }

  clear(): void {
    for (const table of this.#tables) table.clear();
  }

  /** One list for each size. @param waiting clients, by address */
  entries(waiting: ReadonlyMap<string, number>, now: Instant): ThrottleEntry[][] {
    return this.#tables.map((table, index) =>
      [...table.entries()].map(([key, source]) =>
        sourceEntry(index === 0 ? 'address' : 'network', key, source, waiting.get(key) ?? 0, now),
      ),
    );
  }

  #of(origin: Origin): (readonly [table: HotTable<Source>, key: string, rule: (typeof RULES)[number]])[] {
    return sourceNames(origin).flatMap((key, index) => {
      const [table, rule] = [this.#tables[index], RULES[index]];
      return table === undefined || rule === undefined ? [] : [[table, key, rule] as const];
    });
  }
}

/** The address, and the networks around it, the narrower first. */
export function sourceNames({ address, around }: Origin): string[] {
  return [address, ...around];
}

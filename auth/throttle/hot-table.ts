import type { Instant } from '../../core/index.ts';

export interface HotTableOptions<Value> {
  /** Entries that are kept; of hot ones as many again. */
  readonly most: number;
  /** Whether something is remembered that a stranger would like to see forgotten. Asked when the entry is used. */
  readonly isHot: (value: Value, now: Instant) => boolean;
  /** Whether others hold on to the entry: then it stays. */
  readonly isHeld: (value: Value) => boolean;
}

/** Others are tried at the next use: where many are held, a new key must not cost as much as all of them. */
const MOST_TRIES = 32;

/**
 * A bounded table that forgets the least recently used first, but hot entries apart from the others: a flood of new
 * keys, which cost their sender next to nothing, washes out no key that somebody has worked on.
 */
export class HotTable<Value> {
  readonly #options: HotTableOptions<Value>;
  readonly #cold = new Map<string, Value>();
  readonly #hot = new Map<string, Value>();

  constructor(options: HotTableOptions<Value>) {
    this.#options = options;
  }

  get size(): number {
    return this.#cold.size + this.#hot.size;
  }

  get(key: string): Value | undefined {
    return this.#hot.get(key) ?? this.#cold.get(key);
  }

  /** The entry of `key`, made if there is none, and from now on the one that was used last. */
  use(key: string, now: Instant, make: () => Value): Value {
    const value = this.get(key) ?? make();
    this.delete(key);
    const map = this.#options.isHot(value, now) ? this.#hot : this.#cold;
    map.set(key, value);
    this.#makeRoom(map);
    return value;
  }

  delete(key: string): void {
    this.#cold.delete(key);
    this.#hot.delete(key);
  }

  clear(): void {
    this.#cold.clear();
    this.#hot.clear();
  }

  /** The least recently used first, hot ones last. */
  *entries(): Generator<[string, Value]> {
    yield* this.#cold;
    yield* this.#hot;
  }

  #makeRoom(map: Map<string, Value>): void {
    const { most, isHeld } = this.#options;
    for (let tries = MOST_TRIES; map.size > most && tries > 0; tries--) {
      const oldest = map.entries().next().value;
      if (oldest === undefined) return;
      const [key, value] = oldest;
      map.delete(key);
      if (isHeld(value)) map.set(key, value);
    }
  }
}

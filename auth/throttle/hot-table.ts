import type { Instant } from '../../core/index.ts';
import { AgeMap } from './age-map.ts';

export interface HotTableOptions<Value> {
  /** Entries that are kept; of hot ones as many again, and all that are held besides. */
  readonly most: number;
  /** Whether something is remembered that a stranger would like to see forgotten. Asked when the entry is used. */
  readonly isHot: (value: Value, now: Instant) => boolean;
}

/**
 * A bounded table that forgets the least recently used first, but hot entries apart from the others: a flood of new
 * keys, which cost their sender next to nothing, washes out no key that somebody has worked on. What others hold on to
 * stays, and takes no room of the rest: whoever holds it has a bound of his own.
 */
export class HotTable<Value> {
  readonly #options: HotTableOptions<Value>;
  readonly #cold = new AgeMap<Value>();
  readonly #hot = new AgeMap<Value>();
  readonly #held = new Map<string, Value>();

  constructor(options: HotTableOptions<Value>) {
    this.#options = options;
  }

  get size(): number {
    return this.#cold.size + this.#hot.size + this.#held.size;
  }

  get(key: string): Value | undefined {
    return this.#held.get(key) ?? this.#hot.get(key) ?? this.#cold.get(key);
  }

  /** The entry of `key`, made if there is none, and from now on the one that was used last. */
  use(key: string, now: Instant, make: () => Value): Value {
    const held = this.#held.get(key);
    if (held !== undefined) return held;
    const value = this.get(key) ?? make();
    this.#keep(key, value, now);
    return value;
  }

  /** As `use`, and it stays until it is released. */
  hold(key: string, make: () => Value): Value {
    const value = this.get(key) ?? make();
    this.delete(key);
    this.#held.set(key, value);
    return value;
  }

  /** Nobody holds on to it any more. */
  release(key: string, now: Instant): void {
    const value = this.#held.get(key);
    if (value !== undefined) this.#keep(key, value, now);
  }

  delete(key: string): void {
    this.#cold.delete(key);
    this.#hot.delete(key);
    this.#held.delete(key);
  }

  clear(): void {
    this.#cold.clear();
    this.#hot.clear();
    this.#held.clear();
  }

  /** The least recently used first, then hot ones, then those that are held. */
  *entries(): Generator<[string, Value]> {
    yield* this.#cold;
    yield* this.#hot;
    yield* this.#held;
  }

  #keep(key: string, value: Value, now: Instant): void {
    const { most, isHot } = this.#options;
    this.delete(key);
    const map = isHot(value, now) ? this.#hot : this.#cold;
    map.set(key, value);
    const [oldest] = map.size > most ? (map.oldest() ?? []) : [];
    if (oldest !== undefined) map.delete(oldest);
  }
}

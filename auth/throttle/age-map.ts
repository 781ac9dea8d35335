/**
 * A map that knows its oldest entry at once. Asking a Map itself for its first entry passes over all that were deleted
 * before it: where entries come and go at the rate of a flood, each login would pay for thousands of others.
 */
export class AgeMap<Value> {
  readonly #map = new Map<string, Value>();
  /** Everything before it is deleted: what it gave last is asked for until it is deleted too. */
  #walk: MapIterator<string> = this.#map.keys();
  #oldest: string | undefined;

  get size(): number {
    return this.#map.size;
  }

  get(key: string): Value | undefined {
    return this.#map.get(key);
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  /** From now on it is the youngest. */
  set(key: string, value: Value): void {
    this.delete(key);
    this.#map.set(key, value);
  }

  delete(key: string): boolean {
    if (this.#oldest === key) this.#oldest = undefined;
    return this.#map.delete(key);
  }

  clear(): void {
    this.#map.clear();
    this.#oldest = undefined;
  }

  oldest(): [string, Value] | undefined {
    if (this.#map.size === 0) return undefined;
    this.#oldest ??= this.#next();
    return [this.#oldest, this.#map.get(this.#oldest) as Value];
  }

  /** The oldest first. */
  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.#map.entries();
  }

  #next(): string {
    let step = this.#walk.next();
    if (step.done === true) {
      this.#walk = this.#map.keys();
      step = this.#walk.next();
    }
    if (step.done === true) throw new Error('there is none');
    return step.value;
  }
}

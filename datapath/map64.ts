/** A map whose keys are two 32-bit words: half an IPv6 address, without making a string or bigint per packet. */
export class Map64<V> {
  readonly #byHigh = new Map<number, Map<number, V>>();

  get(high: number, low: number): V | undefined {
    return this.#byHigh.get(high)?.get(low);
  }

  set(high: number, low: number, value: V): void {
    let byLow = this.#byHigh.get(high);
    if (byLow === undefined) {
      byLow = new Map();
      this.#byHigh.set(high, byLow);
    }
    byLow.set(low, value);
  }

  delete(high: number, low: number): void {
    const byLow = this.#byHigh.get(high);
    byLow?.delete(low);
    if (byLow?.size === 0) this.#byHigh.delete(high);
  }
}

/** What stands in a heap knows its place there, so that it can be moved when it has changed. */
export interface Ranked {
  /** Whole. */
  readonly score: number;
  /** Among equals, the smaller is the worse. */
  readonly oldest: number;
  /** The heap's to write; -1: it is in none. */
  place: number;
}

/** A binary heap with the worst at its top: that of the highest score, and of these the oldest. */
export class WorstHeap<Item extends Ranked> {
  readonly #items: Item[] = [];

  get worst(): Item | undefined {
    return this.#items[0];
  }

  /** To be called when an item has come, or has changed. */
  put(item: Item): void {
    if (item.place === -1) {
      item.place = this.#items.length;
      this.#items.push(item);
    }
    this.#rise(item);
    this.#sink(item);
  }

  delete(item: Item): void {
    const { place } = item;
    if (place === -1) return;
    const last = this.#items.pop();
    item.place = -1;
    if (last === undefined || last === item) return;
    last.place = place;
    this.#items[place] = last;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(item: Item): void {
    for (;;) {
      const above = this.#items[(item.place - 1) >> 1];
      if (item.place === 0 || above === undefined || !isWorse(item, above)) return;
      this.#swap(item, above);
    }
  }

  #sink(item: Item): void {
    for (;;) {
      const [left, right] = [this.#items[2 * item.place + 1], this.#items[2 * item.place + 2]];
      if (left === undefined) return;
      const worse = right !== undefined && isWorse(right, left) ? right : left;
      if (!isWorse(worse, item)) return;
      this.#swap(item, worse);
    }
  }

  #swap(a: Item, b: Item): void {
    [a.place, b.place] = [b.place, a.place];
    this.#items[a.place] = a;
    this.#items[b.place] = b;
  }
}

function isWorse(a: Ranked, b: Ranked): boolean {
  return a.score > b.score || (a.score === b.score && a.oldest < b.oldest);
}

/** Text that comes in pieces, as lines of a bounded length: what is longer is cut. Nothing but the begun line is kept. */
export class LineSplitter {
  readonly #most: number;
  readonly #line: (text: string) => void;
  #begun = '';

  /** @param most UTF-16 units of a line @param line called for each, without its end */
  constructor(most: number, line: (text: string) => void) {
    this.#most = most;
    this.#line = line;
  }

  push(text: string): void {
    const lines = (this.#begun + text).split('\n');
    this.#begun = (lines.pop() ?? '').slice(0, this.#most);
    for (const line of lines) this.#line(line.slice(0, this.#most));
  }

  /** There comes no more: what was begun is a line, too. */
  finish(): void {
    if (this.#begun !== '') this.#line(this.#begun);
    this.#begun = '';
  }
}

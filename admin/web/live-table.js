/**
 * A table whose rows stay the same elements while their texts change, so that neither the focus nor a click is lost. On a
 * narrow screen the style sheet makes a card of each row; the roles keep it a table for a screen reader.
 */
import { element, fill, setText } from './element.js';

/** @import { Child } from './element.js' */

/**
 * Either a text, written anew whenever it changes, or parts, made anew when `revision` changes.
 *
 * @template T
 * @typedef {object} Column
 * @property {string} heading
 * @property {(item: T) => string} [text]
 * @property {(item: T) => Child[]} [parts]
 * @property {(item: T) => string} [revision]
 * @property {string} [kind] a class of its cells
 */

/**
 * @template T
 * @typedef {object} TableOptions
 * @property {string} caption
 * @property {readonly Column<T>[]} columns
 * @property {(item: T) => string} key
 * @property {(item: T) => boolean} [isChosen] what a button in the row with `aria-pressed` says, too
 */

/** More rows than anybody reads; a browser gets slow with many thousands. */
export const MOST_ROWS = 200;

/** @template T */
export class LiveTable {
  /** @type {Map<string, { row: HTMLTableRowElement, cells: HTMLTableCellElement[], revisions: (string | undefined)[] }>} */
  #rows = new Map();
  #body = element('tbody', { role: 'rowgroup' });
  #rest = element('p', { class: 'rest', hidden: true });
  /** @type {TableOptions<T>} */
  #options;

  /** @param {TableOptions<T>} options */
  constructor(options) {
    this.#options = options;
    const headings = options.columns.map(({ heading, kind }) =>
      element('th', { role: 'columnheader', scope: 'col', class: kind }, heading),
    );
    const head = element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...headings));
    const caption = element('caption', { class: 'only-heard' }, options.caption);
    const table = element('table', { role: 'table' }, caption, head, this.#body);
    this.element = element('div', { class: 'table' }, table, this.#rest);
  }

  /** @param {readonly T[]} items in the order in which they are shown */
  show(items) {
    const shown = items.slice(0, MOST_ROWS);
    // First: the rows that stay need not be moved then, which would take the focus from them.
    this.#removeAllBut(new Set(shown.map(this.#options.key)));
    shown.forEach((item, index) => {
      const row = this.#rowOf(this.#options.key(item), item);
      if (this.#body.children[index] !== row) this.#body.insertBefore(row, this.#body.children[index] ?? null);
    });
    this.#rest.hidden = shown.length === items.length;
    setText(this.#rest, `The first ${MOST_ROWS} of ${items.length}. The filter above finds the others.`);
  }

  /** @param {ReadonlySet<string>} keys */
  #removeAllBut(keys) {
    for (const [key, { row }] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
  }

  /**
   * @param {string} key
   * @param {T} item
   */
  #rowOf(key, item) {
    const { columns, isChosen } = this.#options;
    const known = this.#rows.get(key) ?? this.#newRow(key);
    columns.forEach(({ text, parts, revision }, index) => {
      const cell = known.cells[index];
      if (cell === undefined) return;
      if (text !== undefined) setText(cell, text(item));
      if (parts === undefined) return;
      const now = revision?.(item) ?? '';
      if (known.revisions[index] === now) return;
      known.revisions[index] = now;
      fill(cell, ...parts(item));
    });
    const chosen = isChosen?.(item) ?? false;
    known.row.classList.toggle('chosen', chosen);
    known.row.querySelector('[aria-pressed]')?.setAttribute('aria-pressed', String(chosen));
    return known.row;
  }

  /** @param {string} key */
  #newRow(key) {
    const cells = this.#options.columns.map(({ heading, kind }) =>
      element('td', { role: 'cell', 'data-heading': heading, class: kind }),
    );
    const made = { row: element('tr', { role: 'row' }, ...cells), cells, revisions: [] };
    this.#rows.set(key, made);
    return made;
  }
}

/** The parts that views are made of. */
import { messageOf } from './api.js';
import { element, fill } from './element.js';

/** @import { Child } from './element.js' */

/**
 * @param {string} label
 * @param {() => unknown} onClick
 * @param {{ kind?: 'primary' | 'danger' | 'quiet', describedAs?: string }} [options] `describedAs`: what a screen reader
 *   says, where the label alone would not tell which row it is about
 */
export function button(label, onClick, { kind, describedAs } = {}) {
  const made = element('button', { type: 'button', class: `button ${kind ?? ''}`, 'aria-label': describedAs }, label);
  made.addEventListener('click', onClick);
  return made;
}

/**
 * @param {string} href starts with `#`
 * @param {...Child} children
 */
export function link(href, ...children) {
  return element('a', { href }, ...children);
}

/** @typedef {'good' | 'warning' | 'bad' | 'neutral'} Tone */

/** The mark says the same as the colour. */
const MARKS = { good: '\u2713', warning: '!', bad: '\u2715', neutral: '\u2022' };

/**
 * @param {Tone} tone
 * @param {string} text
 */
export function badge(tone, text) {
  return element('span', { class: `badge ${tone}` }, element('span', { 'aria-hidden': 'true' }, MARKS[tone]), text);
}

/** @param {...Child} children */
export function card(...children) {
  return element('section', { class: 'card' }, ...children);
}

/**
 * What a view shows in place of a list without entries: what that means, and what to do next.
 *
 * @param {string} title
 * @param {...Child} next
 */
export function emptyState(title, ...next) {
  return element('div', { class: 'empty' }, element('p', { class: 'empty-title' }, title), element('p', {}, ...next));
}

/**
 * The heading of a view: the focus comes here when the view does.
 *
 * @param {...Child} children
 */
export function heading(...children) {
  return element('h1', { tabindex: -1 }, ...children);
}

/**
 * Names and values. Those without a value are left out.
 *
 * @param {readonly (readonly [string, Child])[]} entries
 */
export function facts(entries) {
  const known = entries.filter(([, value]) => value !== undefined && value !== '');
  return element(
    'dl',
    { class: 'facts' },
    ...known.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
  );
}

/**
 * @typedef {object} FieldOptions
 * @property {string} id
 * @property {string} label
 * @property {string} [help]
 * @property {'text' | 'password' | 'search'} [type]
 * @property {string} [value]
 * @property {string} [autocomplete]
 * @property {string} [placeholder]
 * @property {boolean} [required]
 * @property {number} [maxLength]
 */

/**
 * A text field with its label.
 *
 * @param {FieldOptions} options
 */
export function field({ id, label, help, type = 'text', value = '', maxLength, ...rest }) {
  const input = element('input', {
    ...{ id, type, maxlength: maxLength, 'aria-describedby': help === undefined ? undefined : `${id}-help` },
    ...{ autocomplete: rest.autocomplete ?? 'off', placeholder: rest.placeholder, required: rest.required },
    ...{ autocapitalize: 'none', spellcheck: 'false' },
  });
  input.value = value;
  const words = help === undefined ? undefined : element('p', { class: 'help', id: `${id}-help` }, help);
  return { input, element: element('div', { class: 'field' }, element('label', { for: id }, label), input, words) };
}

/**
 * @param {string} id
 * @param {string} label
 */
export function checkbox(id, label) {
  const input = element('input', { id, type: 'checkbox' });
  return { input, element: element('label', { class: 'check', for: id }, input, label) };
}

/** Whoever had the focus is gone: it goes to the heading, not to the beginning of the page. */
export function rescueFocus() {
  if (document.activeElement === document.body) document.querySelector('h1')?.focus();
}

/** The place where a view says what went wrong; a screen reader says it at once. */
export function errorPlace() {
  const place = element('p', { class: 'error', role: 'alert', hidden: true });
  return {
    element: place,
    /** @param {unknown} error */
    show(error) {
      fill(place, messageOf(error));
      place.hidden = false;
    },
    clear() {
      fill(place);
      place.hidden = true;
    },
  };
}

/**
 * A value to be taken elsewhere.
 *
 * @param {string} value
 * @param {string} what for a screen reader
 */
export function copyable(value, what) {
  const code = element('code', {}, value);
  const copy = button('Copy', copyNow, { describedAs: `Copy ${what}` });
  async function copyNow() {
    try {
      await navigator.clipboard.writeText(value);
      fill(copy, 'Copied');
    } catch {
      // Without the right to the clipboard it is marked, so that one key copies it.
      getSelection()?.selectAllChildren(code);
      fill(copy, 'Marked');
    }
    setTimeout(() => fill(copy, 'Copy'), 2000);
  }
  return element('span', { class: 'copyable' }, code, copy);
}

/**
 * Says what was done, for a while.
 *
 * @param {string} text
 */
export function toast(text) {
  const shown = element('p', { class: 'toast' }, text);
  document.getElementById('toasts')?.append(shown);
  setTimeout(() => shown.remove(), 6000);
}

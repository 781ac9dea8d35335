/** Questions in front of the page. Escape and Cancel leave everything as it is. */
import { button, errorPlace, rescueFocus } from './controls.js';
import { element, fill } from './element.js';

/** @import { Child } from './element.js' */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {readonly Child[]} content
 * @property {string} action what the button says
 * @property {boolean} [isDangerous] then Cancel has the focus at first
 * @property {() => Promise<readonly Child[] | void>} work does it; what it gives is shown in place of the question
 * @property {(cause: unknown) => boolean} [explain] shows at a field why `work` failed; false if it is about none
 */

/** @param {Question} question */
export function ask({ title, content, action, isDangerous = false, work, explain }) {
  const error = errorPlace();
  const body = element('div', { class: 'dialog-body' }, ...content);
  const cancel = button('Cancel', () => dialog.close());
  const go = element('button', { type: 'submit', class: `button ${isDangerous ? 'danger' : 'primary'}` }, action);
  const buttons = element('div', { class: 'buttons' }, cancel, go);
  const name = `dialog-${crypto.randomUUID()}`;
  const form = element('form', {}, element('h2', { id: name }, title), body, error.element, buttons);
  const dialog = element('dialog', { 'aria-labelledby': name }, form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    error.clear();
    go.disabled = true;
    try {
      const outcome = await work();
      if (outcome === undefined) return dialog.close();
      fill(body, ...outcome);
      const done = button('Done', () => dialog.close(), { kind: 'primary' });
      fill(buttons, done);
      done.focus();
    } catch (cause) {
      if (explain?.(cause) !== true) error.show(cause);
    } finally {
      go.disabled = false;
    }
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    rescueFocus();
  });
  document.body.append(dialog);
  dialog.showModal();
  if (isDangerous) cancel.focus();
}

/** What a view opened goes with it. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
}

/** What the list of users and the page of one user share. */
import { ApiError } from './api.js';
import { checkbox, copyable, errorPlace, field } from './controls.js';
import { element } from './element.js';
import { randomPassword } from './random-password.js';

/** @param {string} name */
export function userPath(name) {
  return `/v1/users/${encodeURIComponent(name)}`;
}

/** @param {string} text @returns {string[]} names between commas or spaces */
export function groupsFrom(text) {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))];
}

/** @param {readonly string[]} groups */
export function groupTags(groups) {
  return element('span', { class: 'tags' }, ...groups.map((group) => element('span', { class: 'tag' }, group)));
}

/**
 * A password that was made here, the only time that anybody sees it.
 *
 * @param {string} password
 */
export function passwordOnce(password) {
  return [
    copyable(password, 'the password'),
    element('p', { class: 'help' }, 'It is shown this once. Hand it over now, or write it down.'),
  ];
}

/** A random password, or one that is typed; a weak one is taken if that is asked for once it was refused. */
export function passwordChoice() {
  const random = element('input', { type: 'radio', name: 'kind', id: 'kind-random', checked: true });
  const typed = element('input', { type: 'radio', name: 'kind', id: 'kind-typed' });
  const password = field({
    ...{ id: 'typed-password', label: 'Password', type: 'password', autocomplete: 'new-password', maxLength: 1024 },
    help: 'At least 10 characters, and nothing that is guessed first.',
  });
  const refused = errorPlace();
  const weak = checkbox('take-weak', 'Take this weak password all the same');
  const forget = () => {
    refused.clear();
    password.input.removeAttribute('aria-invalid');
    weak.element.hidden = true;
    weak.input.checked = false;
  };
  password.input.addEventListener('input', forget);
  weak.element.hidden = true;
  const reveal = element('input', { type: 'checkbox', id: 'reveal' });
  reveal.addEventListener('change', () => {
    password.input.type = reveal.checked ? 'text' : 'password';
  });
  const more = element(
    'div',
    { hidden: true },
    password.element,
    refused.element,
    weak.element,
    element('label', { class: 'check', for: 'reveal' }, reveal, 'Show what I type'),
  );
  const choose = () => {
    forget();
    more.hidden = random.checked;
    password.input.required = typed.checked;
    if (typed.checked) password.input.focus();
  };
  for (const radio of [random, typed]) radio.addEventListener('change', choose);
  const choice = element(
    'fieldset',
    {},
    element('legend', {}, 'Password'),
    element('label', { class: 'check', for: 'kind-random' }, random, 'Make a random one'),
    element('label', { class: 'check', for: 'kind-typed' }, typed, 'I type one'),
  );
  return {
    parts: [choice, more],
    take: () => ({
      value: random.checked ? randomPassword() : password.input.value,
      isRandom: random.checked,
      weak: weak.input.checked,
    }),
    /** @param {unknown} cause @returns {boolean} whether it is about the password, and shown at its field */
    explain(cause) {
      if (!(cause instanceof ApiError && cause.code.startsWith('ERR_USER_PASSWORD')) || random.checked) return false;
      refused.show(cause);
      password.input.setAttribute('aria-invalid', 'true');
      password.input.focus();
      weak.element.hidden = cause.code !== 'ERR_USER_PASSWORD_WEAK';
      return true;
    },
  };
}

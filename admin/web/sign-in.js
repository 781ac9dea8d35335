/** Before anybody is signed in. */
import { errorPlace, field } from './controls.js';
import { element } from './element.js';
import { logo } from './icons.js';

/** @import { Api } from './api.js' */

/**
 * @param {Api} api
 * @param {string | undefined} notice why it is asked for
 * @param {(name: string) => void} onSignedIn
 */
export function signInView(api, notice, onSignedIn) {
  const name = field({ id: 'name', label: 'Name', autocomplete: 'username', required: true, maxLength: 256 });
  const password = field({
    ...{ id: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
    ...{ required: true, maxLength: 1024 },
  });
  const error = errorPlace();
  const go = element('button', { type: 'submit', class: 'button primary wide' }, 'Sign in');
  const form = element('form', { class: 'card' }, name.element, password.element, error.element, go);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    error.clear();
    try {
      onSignedIn(await api.signIn(name.input.value, password.input.value));
    } catch (cause) {
      error.show(cause);
      password.input.value = '';
      password.input.focus();
    } finally {
      go.disabled = false;
    }
  });
  const words = notice === undefined ? undefined : element('p', { class: 'notice', role: 'status' }, notice);
  return {
    element: front(element('h1', {}, 'Sign in to sstpd'), words, form),
    focus: () => name.input.focus(),
  };
}

/** Whoever can run commands on the server may make the first account, and nobody else. */
export function setupView() {
  return front(
    element('h1', {}, 'No account yet'),
    element(
      'div',
      { class: 'card' },
      element('p', {}, 'This page is for administrators. Make the first account on the server, as root:'),
      element('pre', { class: 'command' }, element('code', {}, 'sstpd admin add NAME')),
      element('p', { class: 'help' }, 'With the --data of the server, if it has one. This page notices by itself.'),
    ),
  );
}

/**
 * Not even that much can be asked.
 *
 * @param {unknown} error
 */
export function faultView(error) {
  const place = errorPlace();
  place.show(error);
  return front(element('h1', {}, 'This page does not work now'), place.element);
}

/** @param {...(Node | undefined)} children */
function front(...children) {
  return element('main', { class: 'front' }, logo(), ...children);
}

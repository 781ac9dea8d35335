/** One user: what may be changed, and what else there is to see. */
import {
  badge,
  button,
  card,
  checkbox,
  errorPlace,
  facts,
  field,
  heading,
  link,
  rescueFocus,
  toast,
} from '../controls.js';
import { ask } from '../dialog.js';
import { element, fill } from '../element.js';
import { hashOf } from '../route.js';
import { plural, stranger, time, visible } from '../text.js';
import { groupsFrom, passwordChoice, passwordOnce, userPath } from '../user-parts.js';

/** @import { UserView } from '../../backend.ts' */
/** @import { Place, View } from '../shell.js' */

/**
 * @param {Place} place
 * @param {string} name
 * @returns {View}
 */
export function userView({ api }, name) {
  const shown = visible(name);
  const error = errorPlace();
  const parts = element('div', { class: 'stack' });

  async function load() {
    try {
      const users = /** @type {UserView[]} */ (await api.get('/v1/users'));
      const user = users.find((one) => one.name === name);
      error.clear();
      if (user === undefined) fill(parts, card(element('p', {}, 'There is no such user, or not any more.')));
      else show(user);
    } catch (cause) {
      error.show(cause);
    }
  }

  /** @param {object} change */
  async function change(change) {
    show(/** @type {UserView} */ (await api.patch(userPath(name), change)));
  }

  /** @param {UserView} user */
  function show(user) {
    fill(parts, overview(user), settings(user), access(user), removal());
  }

  /** @param {UserView} user */
  function overview({ enabled, sessions, lastLoginAt, createdAt, secretKind, weak }) {
    return card(
      facts([
        ['State', enabled ? badge('good', 'Enabled') : badge('neutral', 'Disabled')],
        ['Connected now', plural(sessions, 'session')],
        ['Last login', lastLoginAt === undefined ? 'never' : time(lastLoginAt)],
        ['Added', time(createdAt)],
        ['Password', weak === true ? badge('warning', 'Weak: guessers try it first') : undefined],
        ['Stored', secretKind === 'password' ? 'the password, sealed' : 'the NT hash, sealed'],
      ]),
      element('p', { class: 'buttons' }, link(hashOf('attempts', undefined, { user: name }), 'Attempts of this user')),
    );
  }

  /** @param {UserView} user */
  function settings({ ipv4, groups }) {
    const address = field({
      ...{ id: 'address', label: 'Fixed address', value: ipv4 ?? '', placeholder: 'none', maxLength: 64 },
      help: 'An IPv4 address for this user alone, from the next connection on. Empty: any free one.',
    });
    const tags = field({
      ...{ id: 'groups', label: 'Groups', value: groups.join(', '), placeholder: 'none', maxLength: 600 },
      help: 'Names between commas: letters, digits, dot, dash and underscore.',
    });
    const failed = errorPlace();
    const save = element('button', { type: 'submit', class: 'button primary' }, 'Save');
    const form = element(
      'form',
      {},
      address.element,
      tags.element,
      failed.element,
      element('p', { class: 'buttons' }, save),
    );
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (save.disabled) return;
      save.disabled = true;
      failed.clear();
      try {
        const typed = address.input.value.trim();
        await change({ ipv4: typed === '' ? null : typed, groups: groupsFrom(tags.input.value) });
        toast('Saved.');
        parts.querySelector('button')?.focus();
      } catch (cause) {
        failed.show(cause);
      } finally {
        save.disabled = false;
      }
    });
    return card(element('h2', {}, 'Address and groups'), form);
  }

  /** @param {UserView} user */
  function access({ enabled }) {
    const failed = errorPlace();
    const enable = async () => {
      try {
        await change({ enabled: true });
        rescueFocus();
        toast(`${shown} is enabled.`);
      } catch (cause) {
        failed.show(cause);
      }
    };
    return card(
      element('h2', {}, 'Access'),
      failed.element,
      element(
        'p',
        { class: 'buttons' },
        button('Set password', askForPassword),
        enabled ? button('Disable', askToDisable) : button('Enable', enable),
      ),
    );
  }

  function askForPassword() {
    const choice = passwordChoice();
    const keep = checkbox('keep-sessions', 'Let open sessions go on');
    ask({
      title: 'Set password',
      content: [
        element('p', {}, stranger(name), ' is disconnected, and connects again with the new one.'),
        ...choice.parts,
        keep.element,
      ],
      action: 'Set',
      explain: choice.explain,
      work: async () => {
        const { value, isRandom, weak } = choice.take();
        const keepSessions = keep.input.checked;
        await change({ password: value, ...(weak ? { weak } : {}), ...(keepSessions ? { keepSessions } : {}) });
        if (!isRandom) return toast('The password is set.');
        return [element('p', {}, 'The password is set:'), ...passwordOnce(value)];
      },
    });
  }

  function askToDisable() {
    ask({
      title: 'Disable?',
      content: [element('p', {}, stranger(name), ' is disconnected and can not sign in until enabled again.')],
      action: 'Disable',
      isDangerous: true,
      work: async () => {
        await change({ enabled: false });
        toast(`${shown} is disabled.`);
      },
    });
  }

  function removal() {
    return card(
      element('h2', {}, 'Remove'),
      element('p', { class: 'help' }, 'Ends the sessions of the user. The name may be given to somebody else.'),
      element('p', { class: 'buttons' }, button('Remove this user', askToRemove, { kind: 'danger' })),
    );
  }

  function askToRemove() {
    ask({
      title: 'Remove?',
      content: [element('p', {}, stranger(name), ' is disconnected and removed for good.')],
      action: 'Remove',
      isDangerous: true,
      work: async () => {
        await api.remove(userPath(name));
        toast(`${shown} is removed.`);
        location.hash = hashOf('users');
      },
    });
  }

  void load();
  return {
    title: shown,
    content: [
      element('p', { class: 'back' }, link(hashOf('users'), 'Users')),
      heading(stranger(name)),
      error.element,
      parts,
    ],
  };
}

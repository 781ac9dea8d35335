/** Who may connect. */
import { badge, button, card, checkbox, emptyState, errorPlace, field, heading, link, toast } from '../controls.js';
import { ask } from '../dialog.js';
import { element } from '../element.js';
import { LiveTable } from '../live-table.js';
import { hashOf } from '../route.js';
import { searchable, stranger, time, visible } from '../text.js';
import { groupsFrom, groupTags, passwordChoice, passwordOnce } from '../user-parts.js';

/** @import { UserView } from '../../backend.ts' */
/** @import { Place, View } from '../shell.js' */

/**
 * @param {Place} place
 * @returns {View}
 */
export function usersView({ api }) {
  /** @type {readonly UserView[]} */
  let users = [];
  const filter = field({ id: 'filter', label: 'Find a user', type: 'search', placeholder: 'Name, group or address' });
  const onlyDisabled = checkbox('only-disabled', 'Disabled only');
  const error = errorPlace();
  const add = () => askForUser(api, load);
  const empty = emptyState(
    'No users yet.',
    'Clients sign in as a user. ',
    button('Add the first', add, { kind: 'primary' }),
  );
  const none = emptyState('No user fits.', 'Look for another name, group or address.');
  /** @type {LiveTable<UserView>} */
  const table = new LiveTable({
    caption: 'Users',
    key: ({ name }) => name,
    columns: [
      { heading: 'Name', kind: 'lead', parts: ({ name }) => [link(hashOf('users', name), stranger(name))] },
      {
        heading: 'State',
        revision: ({ enabled, weak }) => `${enabled} ${weak}`,
        parts: ({ enabled, weak }) =>
          [
            enabled ? badge('good', 'Enabled') : badge('neutral', 'Disabled'),
            weak === true ? [' ', badge('warning', 'Weak password')] : [],
          ].flat(),
      },
      { heading: 'Fixed address', text: ({ ipv4 }) => ipv4 ?? '\u2013' },
      {
        heading: 'Groups',
        revision: ({ groups }) => groups.join(),
        parts: ({ groups }) => [groups.length === 0 ? '\u2013' : groupTags(groups)],
      },
      { heading: 'Sessions', kind: 'number', text: ({ sessions }) => String(sessions) },
      {
        heading: 'Last login',
        revision: ({ lastLoginAt }) => lastLoginAt ?? '',
        parts: ({ lastLoginAt }) => [lastLoginAt === undefined ? 'never' : time(lastLoginAt)],
      },
    ],
  });

  function show() {
    const wanted = searchable(filter.input.value.trim());
    const shown = users.filter(
      (user) => !(onlyDisabled.input.checked && user.enabled) && haystack(user).includes(wanted),
    );
    table.show(shown);
    table.element.hidden = shown.length === 0;
    none.hidden = shown.length > 0 || users.length === 0;
    filters.hidden = users.length === 0;
  }

  async function load() {
    try {
      users = /** @type {UserView[]} */ (await api.get('/v1/users'));
      error.clear();
      empty.hidden = users.length > 0;
      show();
    } catch (cause) {
      error.show(cause);
    }
  }

  const filters = element('div', { class: 'filters' }, filter.element, onlyDisabled.element);
  filter.input.addEventListener('input', show);
  onlyDisabled.input.addEventListener('change', show);
  for (const part of [empty, none, table.element, filters]) part.hidden = true;
  void load();
  return {
    title: 'Users',
    content: [
      element('div', { class: 'head' }, heading('Users'), button('Add a user', add, { kind: 'primary' })),
      error.element,
      card(filters, table.element, none, empty),
    ],
  };
}

/**
 * @param {Place['api']} api
 * @param {() => Promise<void>} onAdded
 */
function askForUser(api, onAdded) {
  const name = field({ id: 'new-name', label: 'Name', required: true, maxLength: 64 });
  const password = passwordChoice();
  const address = field({
    ...{ id: 'new-address', label: 'Fixed address (optional)', placeholder: '10.20.30.40', maxLength: 64 },
    help: 'Without one the user gets a free address of the pool, the same again where possible.',
  });
  const groups = field({ id: 'new-groups', label: 'Groups (optional)', placeholder: 'staff, berlin', maxLength: 600 });
  ask({
    title: 'Add a user',
    content: [name.element, ...password.parts, address.element, groups.element],
    action: 'Add',
    explain: password.explain,
    work: async () => {
      const { value, isRandom, weak } = password.take();
      const ipv4 = address.input.value.trim();
      const list = groupsFrom(groups.input.value);
      const body = { name: name.input.value, password: value, ...(ipv4 === '' ? {} : { ipv4 }) };
      const more = { ...(weak ? { weak } : {}), ...(list.length === 0 ? {} : { groups: list }) };
      await api.post('/v1/users', { ...body, ...more });
      await onAdded();
      return added(body.name, isRandom ? value : undefined);
    },
  });
}

/**
 * @param {string} name
 * @param {string | undefined} password if it was made here
 */
function added(name, password) {
  if (password === undefined) {
    toast(`${visible(name)} is added.`);
    return undefined;
  }
  return [element('p', {}, stranger(name), ' is added. The password:'), ...passwordOnce(password)];
}

/** @param {UserView} user */
function haystack({ name, groups, ipv4 = '' }) {
  return searchable(`${name} ${groups.join(' ')} ${ipv4}`);
}

/** Who is connected, and how fast. */
import { Chart } from '../chart.js';
import { badge, button, card, emptyState, errorPlace, facts, field, heading, link, toast } from '../controls.js';
import { ask } from '../dialog.js';
import { element, fill, setText } from '../element.js';
import { LiveTable } from '../live-table.js';
import { hashOf } from '../route.js';
import { stageName } from '../stages.js';
import { formatBytes, formatRate, searchable, stranger, time, visible } from '../text.js';

/** @import { SessionView } from '../../backend.ts' */
/** @import { Place, View } from '../shell.js' */

/**
 * @param {Place} place
 * @returns {View}
 */
export function sessionsView({ api, monitor }) {
  const { rates } = monitor;
  /** @type {string | undefined} the session whose chart is shown */
  let chosen;
  const chart = new Chart();
  const details = element('div', { class: 'details', hidden: true });
  const count = element('strong', {}, '\u2013');
  const total = element('strong', {}, '\u2013');
  const users = element('strong', {}, '\u2013');
  const filter = field({ id: 'filter', label: 'Find a session', type: 'search', placeholder: 'User or address' });
  const error = errorPlace();
  const empty = emptyState(
    'Nobody is connected.',
    'Clients need an account: ',
    link(hashOf('users'), 'add a user'),
    '. If somebody tries and fails, ',
    link(hashOf('attempts'), 'the attempts'),
    ' say why.',
  );
  const rate = (/** @type {SessionView} */ { id }, /** @type {'fromClients' | 'toClients'} */ way) => {
    const sample = rates.rateOf(id);
    return sample === undefined ? '\u2013' : formatRate(sample[way]);
  };
  /** @type {LiveTable<SessionView>} */
  const table = new LiveTable({
    caption: 'Sessions',
    key: ({ id }) => id,
    isChosen: ({ id }) => id === chosen,
    columns: [
      {
        heading: 'User',
        kind: 'lead',
        revision: ({ user, stage }) => `${stage} ${user}`,
        parts: (session) => [userButton(session), since(session), ...stageBadge(session)],
      },
      {
        heading: 'Address',
        revision: (session) => addresses(session),
        parts: (session) => [addresses(session), element('span', { class: 'second' }, `from ${session.peer}`)],
      },
      { heading: 'To client', kind: 'number', text: (session) => rate(session, 'toClients') },
      { heading: 'From client', kind: 'number', text: (session) => rate(session, 'fromClients') },
      { heading: 'Total', kind: 'number', text: ({ bytesIn, bytesOut }) => formatBytes(bytesIn + bytesOut) },
      { heading: 'Action', kind: 'actions', parts: (session) => [disconnectButton(session)] },
    ],
  });

  /** @param {SessionView} session */
  function userButton({ id, user }) {
    const name = stranger(user ?? 'not signed in yet');
    const made = element('button', { type: 'button', class: 'row-button', 'aria-pressed': 'false' }, name);
    made.addEventListener('click', () => choose(id === chosen ? undefined : id));
    return made;
  }

  /** @param {string | undefined} id */
  function choose(id) {
    chosen = id;
    show();
  }

  /** @param {SessionView} session */
  function disconnectButton(session) {
    const name = visible(session.user ?? session.peer);
    return button('Disconnect', () => confirmDisconnect(session, name), { describedAs: `Disconnect ${name}` });
  }

  /**
   * @param {SessionView} session
   * @param {string} name
   */
  function confirmDisconnect(session, name) {
    ask({
      title: 'Disconnect?',
      content: [
        element('p', {}, stranger(name), ` at ${session.peer} loses the connection.`),
        element('p', { class: 'help' }, 'The client may connect again at once. To keep it out, disable the user.'),
      ],
      action: 'Disconnect',
      isDangerous: true,
      work: async () => {
        await api.remove(`/v1/sessions/${encodeURIComponent(session.id)}`);
        toast(`${name} is disconnected.`);
        await monitor.refresh().catch(() => {});
      },
    });
  }

  function show() {
    const all = monitor.sessions;
    if (all === undefined) return;
    const session = all.find(({ id }) => id === chosen);
    if (session === undefined) chosen = undefined;
    const wanted = searchable(filter.input.value.trim());
    const shown = all.filter((one) => wanted === '' || haystack(one).includes(wanted)).toSorted(newestFirst);
    table.show(shown);
    table.element.hidden = all.length === 0;
    filter.element.hidden = all.length === 0;
    empty.hidden = all.length > 0;
    setText(count, String(all.length));
    setText(users, String(new Set(all.flatMap(({ user }) => (user === undefined ? [] : [user]))).size));
    setText(total, formatBytes(all.reduce((sum, { bytesIn, bytesOut }) => sum + bytesIn + bytesOut, 0)));
    if (session === undefined) chart.show('All sessions', rates.total);
    else chart.show(`${visible(session.user ?? session.peer)}, ${addresses(session)}`, rates.historyOf(session.id));
    showDetails(session);
  }

  /** @param {SessionView | undefined} session */
  function showDetails(session) {
    details.hidden = session === undefined;
    if (details.dataset.id === session?.id) return;
    if (session === undefined) {
      delete details.dataset.id;
      return fill(details);
    }
    details.dataset.id = session.id;
    fill(
      details,
      facts([
        ['Session', session.id],
        ['Login', session.method],
        ['TLS', session.tls],
        ['Correlation id', session.correlationId === undefined ? undefined : stranger(session.correlationId)],
      ]),
      element(
        'p',
        { class: 'buttons' },
        link(hashOf('attempts', session.id), 'How it connected'),
        button('Show all sessions', () => choose(undefined)),
      ),
    );
  }

  filter.input.addEventListener('input', show);
  const stopWatching = monitor.watch(show);
  empty.hidden = true;
  table.element.hidden = true;
  chart.show('All sessions', rates.total);
  show();
  return {
    title: 'Sessions',
    content: [
      heading('Sessions'),
      element('div', { class: 'tiles' }, tile('Sessions', count), tile('Users', users), tile('Transferred', total)),
      card(chart.element, details),
      error.element,
      card(filter.element, table.element, empty),
    ],
    close() {
      stopWatching();
      chart.close();
    },
  };
}

/** @param {string} label @param {Node} value */
function tile(label, value) {
  return element('div', { class: 'tile' }, element('span', {}, label), value);
}

/** @param {SessionView} session */
function since({ connectedAt }) {
  return element('span', { class: 'second' }, 'since ', time(connectedAt));
}

/** @param {SessionView} session */
function stageBadge({ stage }) {
  return stage === 'up' ? [] : [badge('neutral', stageName(stage))];
}

/** @param {SessionView} session */
function addresses({ ipv4, ipv6 }) {
  return [ipv4, ipv6].filter((address) => address !== undefined).join(' ') || 'none yet';
}

/** @param {SessionView} session */
function haystack({ user = '', ipv4 = '', ipv6 = '', peer }) {
  return searchable(`${user} ${ipv4} ${ipv6} ${peer}`);
}

/** @param {SessionView} a @param {SessionView} b */
function newestFirst(a, b) {
  return b.connectedAt < a.connectedAt ? -1 : b.connectedAt > a.connectedAt ? 1 : 0;
}

/** What became of attempts to connect, the newest first, as they come. */
import { AttemptBook } from '../attempt-book.js';
import { badge, card, checkbox, emptyState, errorPlace, field, heading, link } from '../controls.js';
import { element } from '../element.js';
import { LiveTable } from '../live-table.js';
import { poll } from '../poll.js';
import { hashOf } from '../route.js';
import { outcomeOf } from '../stages.js';
import { searchable, stranger, time, visible } from '../text.js';

/** @import { AttemptList, AttemptView } from '../../backend.ts' */
/** @import { Place, View } from '../shell.js' */

const EVERY_MS = 2000;

/**
 * @param {Place} place
 * @returns {View}
 */
export function attemptsView({ api, route }) {
  const book = new AttemptBook();
  const filter = field({
    ...{ id: 'filter', label: 'Find an attempt', type: 'search', value: route.query.get('user') ?? '', maxLength: 256 },
    placeholder: 'User, address or correlation id',
  });
  const onlyFailed = checkbox('only-failed', 'Failed only');
  onlyFailed.input.checked = route.query.get('failed') === '1';
  const error = errorPlace();
  const empty = emptyState(
    'No attempts yet.',
    'Each attempt to connect is told here as it comes. If a client fails and nothing shows up, it never reached this ' +
      'server: look at DNS, router and firewall, and at ',
    link(hashOf('health'), 'the health of the server'),
    '.',
  );
  const none = emptyState('No attempt fits.', 'Look for something else, or turn \u201cFailed only\u201d off.');
  /** @type {LiveTable<AttemptView>} */
  const table = new LiveTable({
    caption: 'Attempts to connect, the newest first',
    key: ({ id, startedAt }) => `${id} ${startedAt}`,
    columns: [
      {
        heading: 'When',
        kind: 'lead',
        parts: ({ id, startedAt }) => [link(hashOf('attempts', id), time(startedAt))],
      },
      {
        heading: 'Outcome',
        revision: ({ state, stage }) => `${state} ${stage}`,
        parts: (attempt) => {
          const { tone, text } = outcomeOf(attempt);
          return [badge(tone, text)];
        },
      },
      { heading: 'Who', kind: 'who', revision: ({ user = '' }) => user, parts: who },
      {
        heading: 'Why',
        kind: 'wide',
        revision: ({ explanation }) => JSON.stringify(explanation) ?? '',
        parts: why,
      },
      { heading: 'Windows shows', kind: 'code', text: ({ explanation }) => visible(explanation?.code ?? '\u2013') },
    ],
  });

  function show() {
    const wanted = searchable(filter.input.value.trim());
    const shown = book.newestFirst.filter(
      (attempt) => !(onlyFailed.input.checked && attempt.state !== 'failed') && haystack(attempt).includes(wanted),
    );
    table.show(shown);
    table.element.hidden = shown.length === 0;
    empty.hidden = !book.isRead || book.newestFirst.length > 0;
    none.hidden = shown.length > 0 || book.newestFirst.length === 0;
  }

  /** The filter belongs to the place: it comes back with the back button. */
  function remember() {
    const user = filter.input.value.trim();
    const query = { ...(user === '' ? {} : { user }), ...(onlyFailed.input.checked ? { failed: '1' } : {}) };
    history.replaceState(null, '', hashOf('attempts', undefined, query));
    show();
  }

  filter.input.addEventListener('input', remember);
  onlyFailed.input.addEventListener('change', remember);
  for (const part of [empty, none, table.element]) part.hidden = true;
  const stop = poll(async () => {
    try {
      book.read(/** @type {AttemptList} */ (await api.get(`/v1/attempts?${book.query}`)));
      error.clear();
      show();
    } catch (cause) {
      error.show(cause);
      throw cause;
    }
  }, EVERY_MS);
  return {
    title: 'Attempts',
    content: [
      heading('Attempts'),
      element(
        'p',
        { class: 'lede' },
        'Who tried to connect, how it ended, and what mends it. New ones appear by themselves.',
      ),
      error.element,
      card(element('div', { class: 'filters' }, filter.element, onlyFailed.element), table.element, none, empty),
    ],
    close: stop,
  };
}

/** @param {AttemptView} attempt */
function who({ user, peer }) {
  const from = element('span', { class: 'second' }, peer);
  return user === undefined ? [from] : [stranger(user), from];
}

/** @param {AttemptView} attempt */
function why({ explanation }) {
  if (explanation === undefined) return ['\u2013'];
  const { text, fix } = explanation;
  return [visible(text), fix === undefined ? undefined : element('span', { class: 'second' }, visible(fix))];
}

/** @param {AttemptView} attempt */
function haystack({ user = '', peer, sni = '', correlationId = '' }) {
  return searchable(`${user} ${peer} ${sni} ${correlationId}`);
}

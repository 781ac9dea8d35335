/** All that is known of one attempt. */
import { ApiError } from '../api.js';
import { badge, card, copyable, errorPlace, facts, heading, link } from '../controls.js';
import { element, fill, shape } from '../element.js';
import { poll } from '../poll.js';
import { hashOf } from '../route.js';
import { outcomeOf, stageName } from '../stages.js';
import { formatMs, stranger, time, visible } from '../text.js';

/** @import { AttemptView } from '../../backend.ts' */
/** @import { Place, View } from '../shell.js' */

const EVERY_MS = 2000;

/**
 * @param {Place} place
 * @param {string} id
 * @returns {View}
 */
export function attemptView({ api }, id) {
  const title = heading('Attempt');
  const error = errorPlace();
  const parts = element('div', { class: 'stack' });
  /** What is shown, so that nothing is made anew under somebody's cursor. */
  let shown = '';

  const stop = poll(async () => {
    try {
      const attempt = /** @type {AttemptView} */ (await api.get(`/v1/attempts/${encodeURIComponent(id)}`));
      error.clear();
      // The time in the last stage goes on while the attempt does.
      const news = JSON.stringify({ ...attempt, stages: attempt.stages.length });
      if (news !== shown) fill(parts, ...partsOf(attempt));
      if (shown === '' && attempt.user !== undefined) fill(title, 'Attempt of ', stranger(attempt.user));
      shown = news;
      if (attempt.state === 'ended' || attempt.state === 'failed') stop();
    } catch (cause) {
      error.show(cause);
      if (cause instanceof ApiError) return stop();
      throw cause;
    }
  }, EVERY_MS);
  return {
    title: 'Attempt',
    content: [element('p', { class: 'back' }, link(hashOf('attempts'), 'Attempts')), title, error.element, parts],
    close: () => stop(),
  };
}

/** @param {AttemptView} attempt */
function partsOf(attempt) {
  return [outcome(attempt), timeline(attempt), client(attempt), negotiation(attempt)];
}

/** @param {AttemptView} attempt */
function outcome(attempt) {
  const { explanation, reason } = attempt;
  const { tone, text } = outcomeOf(attempt);
  return card(
    element('p', {}, badge(tone, text)),
    explanation === undefined ? undefined : element('p', { class: 'sentence' }, visible(explanation.text)),
    facts([
      ['What to do', textOf(explanation?.fix)],
      ['Windows shows', textOf(explanation?.code)],
      ['In the log', textOf(reason)],
    ]),
  );
}

/** @param {AttemptView} attempt */
function timeline({ stages, startedAt, endedAt }) {
  const longest = Math.max(1, ...stages.map(({ ms }) => ms));
  const bars = stages.map(({ stage, ms }) =>
    element(
      'li',
      {},
      element('span', { class: 'stage' }, stageName(stage)),
      bar(ms / longest),
      element('span', { class: 'ms' }, formatMs(ms)),
    ),
  );
  return card(
    element('h2', {}, 'How far it came'),
    element('ol', { class: 'timeline' }, ...bars),
    facts([
      ['Began', time(startedAt)],
      ['Ended', endedAt === undefined ? undefined : time(endedAt)],
    ]),
  );
}

/** @param {number} part of the whole width */
function bar(part) {
  return shape(
    'svg',
    { class: 'bar', 'aria-hidden': 'true' },
    shape('rect', { class: 'ground', width: '100%', height: '100%', rx: 4 }),
    shape('rect', { class: 'length', width: `${Math.max(part * 100, 0.5)}%`, height: '100%', rx: 4 }),
  );
}

/** @param {AttemptView} attempt */
function client({ id, peer, user, sni, tls, alert, offered, correlationId, http }) {
  return card(
    element('h2', {}, 'The client, as seen'),
    facts([
      ['Attempt', copyable(id, 'the attempt\u2019s id')],
      ['Client', peer],
      ['User', textOf(user)],
      ['Name dialled (SNI)', textOf(sni)],
      [
        'Correlation id',
        correlationId === undefined ? undefined : copyable(visible(correlationId), 'the correlation id'),
      ],
      ['TLS', textOf(tls)],
      ['TLS alert', textOf(alert)],
      ['Offered versions', textOf(offered?.versions)],
      ['Offered ciphers', textOf(offered?.ciphers)],
      ['Offered protocols', textOf(offered?.protocols)],
    ]),
    ...(http === undefined ? [] : [element('h3', {}, 'HTTP request'), requestText(http)]),
  );
}

/** @param {string} http */
function requestText(http) {
  const lines = http.split(/\r?\n/).map(visible).join('\n');
  return element('pre', { class: 'seen', tabindex: 0, 'aria-label': 'HTTP request' }, lines);
}

/** @param {AttemptView} attempt */
function negotiation({ options }) {
  if (options.length === 0) return undefined;
  const rows = options.map(({ from, protocol, packet, options: text }) =>
    element(
      'li',
      {},
      element('span', { class: 'from' }, from === 'client' ? 'Client' : 'Server'),
      element('span', { class: 'packet' }, `${visible(protocol)} ${visible(packet)}`),
      element('span', { class: 'asked' }, visible(text) || 'no options'),
    ),
  );
  return card(element('h2', {}, 'Asked for and answered'), element('ol', { class: 'exchange' }, ...rows));
}

/** @param {string | undefined} text */
function textOf(text) {
  return text === undefined || text === '' ? undefined : stranger(text);
}

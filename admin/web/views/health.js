/** What `sstpd doctor` finds about this server. */
import { badge, button, card, errorPlace, heading } from '../controls.js';
import { element, fill } from '../element.js';
import { plural, sentence, time, visible } from '../text.js';

/** @import { HealthView } from '../../backend.ts' */
/** @import { Tone } from '../controls.js' */
/** @import { Place, View } from '../shell.js' */

/** @typedef {HealthView['checks'][number]} Check */

/** @type {Readonly<Record<Check['verdict'], { tone: Tone, text: string }>>} */
const VERDICTS = {
  failure: { tone: 'bad', text: 'Problem' },
  warning: { tone: 'warning', text: 'Warning' },
  ok: { tone: 'good', text: 'OK' },
};
const ORDER = /** @type {const} */ (['failure', 'warning', 'ok']);

/**
 * @param {Place} place
 * @returns {View}
 */
export function healthView({ api }) {
  const error = errorPlace();
  const summary = element('p', { class: 'lede', role: 'status' }, 'Looking\u2026');
  const list = element('ul', { class: 'checks' });
  const again = button('Check again', load);
  async function load() {
    again.disabled = true;
    error.clear();
    try {
      const health = /** @type {HealthView} */ (await api.get('/v1/health'));
      fill(summary, verdictOf(health), ' Looked at ', time(health.at), '.');
      fill(list, ...ORDER.flatMap((verdict) => health.checks.filter((one) => one.verdict === verdict).map(checkItem)));
    } catch (cause) {
      error.show(cause);
      fill(summary);
    }
    again.disabled = false;
  }
  void load();
  return {
    title: 'Health',
    content: [element('div', { class: 'head' }, heading('Health'), again), summary, error.element, card(list)],
  };
}

/** @param {HealthView} health */
function verdictOf({ ok, checks }) {
  const count = (/** @type {Check['verdict']} */ verdict) => checks.filter((one) => one.verdict === verdict).length;
  const warnings = plural(count('warning'), 'warning');
  return ok ? `Clients can connect (${warnings}).` : `${plural(count('failure'), 'problem')}, ${warnings}.`;
}

/** @param {Check} check */
function checkItem({ check, verdict, text, fix }) {
  const { tone, text: word } = VERDICTS[verdict];
  return element(
    'li',
    {},
    badge(tone, word),
    element(
      'div',
      {},
      element('h2', {}, visible(check)),
      element('p', {}, visible(sentence(text))),
      fix === undefined ? undefined : element('p', { class: 'fix' }, element('strong', {}, 'Fix: '), visible(fix)),
    ),
  );
}

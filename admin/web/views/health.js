/** What `sstpd doctor` finds about this server. */
import { badge, button, card, errorPlace, heading, toast } from '../controls.js';
import { element, fill } from '../element.js';
import { poll } from '../poll.js';
import { formatDuration, plural, sentence, stranger, time, visible } from '../text.js';

/** @import { HealthView, ThrottleView } from '../../backend.ts' */
/** @import { Tone } from '../controls.js' */
/** @import { Place, View } from '../shell.js' */

/** @typedef {HealthView['checks'][number]} Check */

/** @type {Readonly<Record<Check['verdict'], { tone: Tone, text: string }>>} */
const VERDICTS = {
  failure: { tone: 'bad', text: 'Problem' },
  warning: { tone: 'warning', text: 'Warning' },
  ok: { tone: 'good', text: 'OK' },
};
const SLOWED_MS = 5000;
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
  const slowed = slowedCard(api, error);
  void load();
  return {
    title: 'Health',
    content: [
      element('div', { class: 'head' }, heading('Health'), again),
      summary,
      error.element,
      card(list),
      slowed.element,
    ],
    close: slowed.close,
  };
}

/**
 * Whose logins are slowed, and a button that lets one pass.
 *
 * @param {Place['api']} api
 * @param {ReturnType<typeof errorPlace>} error
 */
function slowedCard(api, error) {
  const list = element('ul', { class: 'checks' });
  const none = element('p', {}, 'Nobody\u2019s login is slowed.');
  async function load() {
    const entries = /** @type {ThrottleView[]} */ (await api.get('/v1/throttle'));
    // A button that has the focus keeps it.
    if (!list.contains(document.activeElement)) fill(list, ...entries.map(slowedItem));
    none.hidden = entries.length > 0;
  }
  /** @param {ThrottleView} entry */
  function slowedItem(entry) {
    const { kind, of, failures, waiting, isAttacked, liftedMs } = entry;
    const target = liftTarget(entry);
    const lift = button('Let pass for 10 minutes', async () => {
      lift.disabled = true;
      try {
        await api.post('/v1/throttle/lift', { target, seconds: 600 });
        toast(`${visible(target ?? of)} passes for 10 minutes.`);
        lift.blur();
        await load();
      } catch (cause) {
        error.show(cause);
      }
      lift.disabled = false;
    });
    const [tone, word] = isAttacked
      ? /** @type {const} */ (['bad', 'Under attack'])
      : /** @type {const} */ (['warning', 'Slowed']);
    const lifted = liftedMs === undefined ? '' : ` Passes for ${formatDuration(Math.ceil(liftedMs / 1000))}.`;
    return element(
      'li',
      {},
      badge(liftedMs === undefined ? tone : 'good', liftedMs === undefined ? word : 'Lifted'),
      element(
        'div',
        {},
        element('h3', {}, stranger(of)),
        element(
          'p',
          {},
          `${whatOf(entry)}: ${plural(failures, 'failure')}, ${plural(waiting, 'login')} waiting.${lifted}`,
        ),
        target === undefined || kind === 'network' || liftedMs !== undefined ? undefined : lift,
      ),
    );
  }
  const close = poll(load, SLOWED_MS);
  return { element: card(element('h2', {}, 'Slowed logins'), none, list), close };
}

/**
 * What lets it pass: a name where strangers share its guesses, elsewhere the address.
 *
 * @param {ThrottleView} entry
 */
function liftTarget({ kind, of, limit, at }) {
  return kind === 'name' && limit !== 'strangers' ? at : of;
}

/**
 * Whose guesses these are.
 *
 * @param {ThrottleView} entry
 */
function whatOf({ kind, realm, limit, at, others }) {
  const who = realm === 'admin' ? 'administrator' : 'user';
  if (kind === 'loopback') {
    return `${who}s on loopback, where a proxy that sends no PROXY header hides them, ${plural(others, 'name')}`;
  }
  if (kind !== 'name') return kind;
  switch (limit) {
    case 'known-address':
      return `${who}, from ${at}, an address from which this user logged in before`;
    case 'lifted-name':
      return `${who}, from ${at}`;
    case 'known-browser':
      return `${who}, in a browser that logged in before`;
    case 'loopback-name':
      return `${who}, on loopback`;
    default:
      return who;
  }
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

/** What is around each view: the menu, who is signed in, what server this is. */
import { button, link } from './controls.js';
import { closeDialogs } from './dialog.js';
import { element, fill, setText } from './element.js';
import { icon, logo } from './icons.js';
import { SessionMonitor } from './monitor.js';
import { hashOf, parseRoute } from './route.js';
import { formatDuration, stranger } from './text.js';
import { attemptView } from './views/attempt.js';
import { attemptsView } from './views/attempts.js';
import { certificatesView } from './views/certificates.js';
import { healthView } from './views/health.js';
import { sessionsView } from './views/sessions.js';
import { userView } from './views/user.js';
import { usersView } from './views/users.js';

/** @import { StatusView } from '../backend.ts' */
/** @import { Api } from './api.js' */
/** @import { Child } from './element.js' */
/** @import { Route } from './route.js' */

/**
 * @typedef {object} View
 * @property {string} title of the window
 * @property {readonly Child[]} content begins with the heading
 * @property {() => void} [close]
 */

/**
 * What a view has to work with.
 *
 * @typedef {object} Place
 * @property {Api} api
 * @property {SessionMonitor} monitor
 * @property {Route} route
 */

/** @type {readonly (readonly [view: string, label: string])[]} */
const MENU = [
  ['sessions', 'Sessions'],
  ['users', 'Users'],
  ['attempts', 'Attempts'],
  ['certificates', 'Certificates'],
  ['health', 'Health'],
];

export class Shell {
  /** @type {Api} */
  #api;
  #monitor;
  #main = element('main', { id: 'main' });
  #server = element('p', { class: 'server' });
  /** @type {Map<string, HTMLAnchorElement>} */
  #entries = new Map();
  /** @type {View | undefined} */
  #view;
  #onHashChange = () => this.open();

  /**
   * @param {Api} api
   * @param {string} name
   * @param {() => void} onSignedOut
   */
  constructor(api, name, onSignedOut) {
    this.#api = api;
    this.#monitor = new SessionMonitor(api);
    for (const [view, label] of MENU) this.#entries.set(view, link(hashOf(view), icon(view), label));
    const signOut = button(
      'Sign out',
      async () => {
        // Without a server there is nothing to be ended there; here it ends in any case.
        await api.signOut().catch(() => {});
        onSignedOut();
      },
      { kind: 'quiet' },
    );
    signOut.prepend(icon('sign-out'));
    const skip = button('Skip to content', () => this.#main.querySelector('h1')?.focus());
    skip.classList.add('skip');
    this.element = element(
      'div',
      { class: 'shell' },
      skip,
      element(
        'header',
        { class: 'top' },
        element('p', { class: 'product' }, logo(), 'sstpd'),
        element('nav', { 'aria-label': 'Views' }, element('ul', {}, ...this.#menuItems())),
        element(
          'div',
          { class: 'account' },
          this.#server,
          element('p', { class: 'account-name' }, stranger(name)),
          signOut,
        ),
      ),
      this.#main,
    );
    addEventListener('hashchange', this.#onHashChange);
    void this.#showServer();
  }

  /** The view that the address names. */
  open() {
    this.#view?.close?.();
    closeDialogs();
    const route = parseRoute(location.hash);
    this.#view = viewOf({ api: this.#api, monitor: this.#monitor, route });
    fill(this.#main, ...this.#view.content);
    document.title = `${this.#view.title} \u00b7 sstpd`;
    for (const [view, entry] of this.#entries) {
      if (view === route.view) entry.setAttribute('aria-current', 'page');
      else entry.removeAttribute('aria-current');
    }
    scrollTo(0, 0);
    this.#main.querySelector('h1')?.focus({ preventScroll: true });
  }

  close() {
    removeEventListener('hashchange', this.#onHashChange);
    this.#view?.close?.();
    this.#monitor.stop();
  }

  #menuItems() {
    return [...this.#entries.values()].map((entry) => element('li', {}, entry));
  }

  async #showServer() {
    const status = /** @type {StatusView | undefined} */ (await this.#api.get('/v1/status').catch(() => undefined));
    if (status === undefined) return;
    const seconds = (Date.now() - Date.parse(status.startedAt)) / 1000;
    setText(this.#server, `Version ${status.version}, up ${formatDuration(seconds)}`);
  }
}

/**
 * @param {Place} place
 * @returns {View}
 */
function viewOf(place) {
  const { view, item } = place.route;
  switch (view) {
    case 'users':
      return item === undefined ? usersView(place) : userView(place, item);
    case 'attempts':
      return item === undefined ? attemptsView(place) : attemptView(place, item);
    case 'certificates':
      return certificatesView(place);
    case 'health':
      return healthView(place);
    default:
      return sessionsView(place);
  }
}

/** The page: who is signed in, which view is open, and whether the server answers. */
import { Api, OfflineError } from './api.js';
import { closeDialogs } from './dialog.js';
import { element, fill, setText } from './element.js';
import { poll } from './poll.js';
import { Shell } from './shell.js';
import { faultView, setupView, signInView } from './sign-in.js';

/** How often the page looks whether the first account has been made. */
const SETUP_MS = 3000;

const app = /** @type {HTMLElement} */ (document.getElementById('app'));
const offline = element('p', { class: 'offline', role: 'alert' });
app.before(offline);

/** Ends what is shown now. */
let leave = () => {};
let isSignedIn = false;

const api = new Api({
  connection(isOnline) {
    setText(offline, isOnline ? '' : 'The server does not answer. Trying again\u2026');
  },
  signedOut() {
    // Requests that were under way may say so again.
    if (isSignedIn) showSignIn('Your session has ended. Sign in again to go on.');
  },
});

/** @param {() => () => void} enter gives what ends it again */
function show(enter) {
  leave();
  closeDialogs();
  isSignedIn = false;
  leave = enter();
}

/** @param {string} [notice] */
function showSignIn(notice) {
  show(() => {
    const view = signInView(api, notice, showPage);
    fill(app, view.element);
    view.focus();
    document.title = 'Sign in \u00b7 sstpd';
    return () => {};
  });
}

function showSetup() {
  show(() => {
    fill(app, setupView());
    document.title = 'No account yet \u00b7 sstpd';
    return poll(async () => {
      if (!(await api.login()).needsSetup) showSignIn();
    }, SETUP_MS);
  });
}

/** @param {string} name of the account */
function showPage(name) {
  show(() => {
    const shell = new Shell(api, name, () => showSignIn('You are signed out.'));
    fill(app, shell.element);
    shell.open();
    isSignedIn = true;
    return () => shell.close();
  });
}

const stop = poll(async () => {
  const { needsSetup, name } = await api.login().catch((error) => {
    if (!(error instanceof OfflineError)) fill(app, faultView(error));
    throw error;
  });
  stop();
  if (needsSetup) showSetup();
  else if (name === undefined) showSignIn();
  else showPage(name);
}, 1000);

/** What clients are shown, and for how long still. */
import { badge, card, copyable, emptyState, errorPlace, facts, heading } from '../controls.js';
import { element, fill } from '../element.js';
import { formatDate, plural, time, visible } from '../text.js';

/** @import { AuthorityView, CertificateView } from '../../backend.ts' */
/** @import { Tone } from '../controls.js' */
/** @import { Place, View } from '../shell.js' */

/** Own and ACME certificates are renewed before these are reached. */
const SOON_DAYS = 21;
const NOW_DAYS = 7;

/** @type {Readonly<Record<CertificateView['source'], string>>} */
const SOURCES = {
  own: 'This server\u2019s own certificate authority',
  acme: 'ACME authority; renewed by itself',
  files: 'Files of the operator; served as soon as they change',
};

/**
 * @param {Place} place
 * @returns {View}
 */
export function certificatesView({ api }) {
  const error = errorPlace();
  const list = element('div', { class: 'stack' });
  async function load() {
    try {
      const certificates = /** @type {CertificateView[]} */ (await api.get('/v1/certificates'));
      const [authority] = certificates.flatMap((certificate) => certificate.authority ?? []);
      fill(
        list,
        ...(certificates.length === 0 ? [card(nothing())] : certificates.map(certificateCard)),
        authority === undefined ? undefined : authorityCard(authority),
      );
    } catch (cause) {
      error.show(cause);
    }
  }
  void load();
  return {
    title: 'Certificates',
    content: [
      heading('Certificates'),
      element(
        'p',
        { class: 'lede' },
        'Clients dial one of these names. SSTP binds each login to the hash of the certificate.',
      ),
      error.element,
      list,
    ],
  };
}

function nothing() {
  return emptyState(
    'No certificate here.',
    'TLS ends at a program in front of this server, which has the certificate.',
  );
}

/** @param {CertificateView} certificate */
function certificateCard(certificate) {
  const { names, daysLeft, isDefault, issuer, subject, key, notBefore, notAfter, sha256, sha1, source } = certificate;
  const { renewedFrom, renewedBy = '' } = certificate;
  const { tone, text } = validity(daysLeft);
  return card(
    element('h2', {}, names.map(visible).join(', ') || visible(subject)),
    element(
      'p',
      { class: 'badges' },
      badge(tone, text),
      isDefault ? badge('neutral', 'Shown for any other name') : undefined,
    ),
    facts([
      ['From', SOURCES[source]],
      ['Issued by', visible(issuer)],
      ['Subject', visible(subject)],
      ['Key', key],
      ['Valid from', time(notBefore, formatDate(notBefore))],
      ['Valid to', time(notAfter, formatDate(notAfter))],
      ...(renewedFrom === undefined ? [] : [renewal(renewedFrom, renewedBy)]),
      ['SHA-256', copyable(sha256, 'the SHA-256 hash')],
      ['SHA-1', copyable(sha1, 'the SHA-1 hash')],
    ]),
  );
}

/**
 * @param {string} from
 * @param {string} command
 * @returns {[string, Node]}
 */
function renewal(from, command) {
  return [
    'Renewed',
    element(
      'span',
      {},
      'by each start from ',
      time(from, formatDate(from)),
      ' on, or by ',
      element('code', {}, command),
    ),
  ];
}

/** @type {Readonly<Record<AuthorityView['keyReader'], string>>} */
const KEYS = {
  root: 'Root alone can read it, not the server',
  server: 'The server can read it, as it was not started as root: who takes the server over has it',
  nobody: 'Kept elsewhere; it has to be put back when a certificate is to be issued',
};

/** @param {AuthorityView} authority */
function authorityCard({ subject, sha256, notAfter, daysLeft, within, keyReader, advice }) {
  const { tone, text } = validity(daysLeft);
  return card(
    element('h2', {}, 'Certificate authority of this server'),
    element(
      'p',
      { class: 'badges' },
      badge(tone, text),
      keyReader === 'server' ? badge('warning', 'Key in reach of the server') : undefined,
    ),
    advice === undefined ? undefined : element('p', {}, visible(`To do: ${advice}`)),
    facts([
      ['Subject', visible(subject)],
      ['Can issue for', within === '' ? 'Every name' : visible(within)],
      ['Key', KEYS[keyReader]],
      ['Valid to', time(notAfter, formatDate(notAfter))],
      ['SHA-256', copyable(sha256, 'the authority\u2019s SHA-256')],
    ]),
  );
}

/**
 * @param {number} daysLeft
 * @returns {{ tone: Tone, text: string }}
 */
function validity(daysLeft) {
  const days = Math.floor(daysLeft);
  if (days < 0) return { tone: 'bad', text: `Ended ${plural(-days, 'day')} ago: clients refuse it` };
  const text = `${plural(days, 'day')} left`;
  if (days < NOW_DAYS) return { tone: 'bad', text: `Only ${text}` };
  return days < SOON_DAYS ? { tone: 'warning', text: `Ends soon: ${text}` } : { tone: 'good', text };
}

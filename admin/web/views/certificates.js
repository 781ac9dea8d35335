/** What clients are shown, and for how long still. */
import { badge, card, copyable, emptyState, errorPlace, facts, heading } from '../controls.js';
import { element, fill } from '../element.js';
import { formatDate, plural, time, visible } from '../text.js';

/** @import { CertificateView } from '../../backend.ts' */
/** @import { Tone } from '../controls.js' */
/** @import { Place, View } from '../shell.js' */

/** Own and ACME certificates are renewed before these are reached. */
const SOON_DAYS = 21;
const NOW_DAYS = 7;

/** @type {Readonly<Record<CertificateView['source'], string>>} */
const SOURCES = {
  own: 'This server\u2019s own certificate authority; renewed by itself',
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
      fill(list, ...(certificates.length === 0 ? [card(nothing())] : certificates.map(certificateCard)));
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
      ['SHA-256', copyable(sha256, 'the SHA-256 hash')],
      ['SHA-1', copyable(sha1, 'the SHA-1 hash')],
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

/** Facts of an attempt into one sentence, the error code that its user most likely saw, and what mends it. */

import { userCommand } from '../../../core/index.ts';
import { cipherName } from './ciphers.ts';
import { explainDistrust } from './diagnose-certificate.ts';
import { explainEncryption, explainNetwork } from './diagnose-network.ts';
import { explainAuthentication, explainBinding, explainLcp } from './diagnose-ppp.ts';
import { type AttemptFacts, type CertificateFacts, type Explanation, isIpv4Settled } from './facts.ts';
import { isGone, withFarewell } from './farewell.ts';

export function diagnose(facts: AttemptFacts, certificate: CertificateFacts): Explanation {
  return withFarewell(judge(facts, certificate), facts);
}

function judge(facts: AttemptFacts, certificate: CertificateFacts): Explanation {
  if (facts.wasUp) return explainEnd(facts);
  if (facts.turnedAway !== undefined) return explainTurnedAway(facts.turnedAway);
  if (facts.tls !== undefined) return explainTls(facts, facts.tls, certificate);
  if (facts.reason === 'too-much-before-login') return TOO_MUCH;
  switch (facts.stage) {
    case 'tls':
    case 'http':
      return explainHttp(facts, certificate);
    case 'sstp':
      return explainSstp(facts);
    case 'lcp':
      return explainLcp(facts);
    case 'authentication':
      return explainAuthentication(facts);
    case 'binding':
      return explainBinding(facts);
    case 'network':
    case 'up':
      return explainNetwork(facts);
    default:
      return facts.stage satisfies never;
  }
}

/** Ends that every session comes to; none is an error of the server. */
function explainEnd(facts: AttemptFacts): Explanation {
  const { reason, detail, user } = facts;
  // IPv6 alone was up, and the client left without the IPv4 that it had asked for: that is why.
  if (isGone(facts) && !isIpv4Settled(facts)) return explainNetwork(facts);
  const encryption = explainEncryption(facts);
  if (encryption !== undefined) return encryption;
  const [text, code, fix] = ENDS[reason] ?? OTHER;
  return {
    text: text.replace('REASON', detail === undefined ? reason : `${reason}: ${detail}`),
    code,
    fix: typeof fix === 'function' ? fix(user) : fix,
  };
}

const TOO_MUCH: Explanation = {
  text: 'The client sent more than 64 KiB, or more than a thousand packets, before it had logged in; no client needs a tenth of that.',
  code: '0x80072746',
  fix: 'If this was a VPN client, update it; if not, ignore it.',
};

/** It was one of too many that had not logged in. */
function explainTurnedAway({ kind, limit }: NonNullable<AttemptFacts['turnedAway']>): Explanation {
  const most =
    limit === 'unauthenticatedPerAddress'
      ? 'its address or the network around it had taken them all'
      : 'its address, or the network around it, had most of them';
  const text =
    kind === 'dropped'
      ? `There was no place for the connection: the server was at its limit of those without a login (limits.${limit}), and ${most}.`
      : `The connection had to make room before it had logged in: the server was at its limit (limits.${limit}), and it was the oldest where most came from.`;
  return {
    text,
    code: '0x80072746',
    fix:
      'Dial again: a first connection goes before those of a flood, and an address that has logged in within 30 days has a share of its own. ' +
      `sstpd doctor and the page Health say whether there is a flood; if not, raise limits.${limit}.`,
  };
}

type Fix = string | ((user: string | undefined) => string) | undefined;

type End = readonly [text: string, code: string | undefined, fix: Fix];

/** Of sessions that were up. */
const ENDS: Readonly<Partial<Record<AttemptFacts['reason'], End>>> = {
  'terminated-by-peer': ['The client hung up.', undefined, undefined],
  'closed-by-peer': ['The client closed the connection.', undefined, undefined],
  'disconnected-by-peer': ['The client hung up.', undefined, undefined],
  'aborted-by-peer': ['The client gave the session up.', undefined, undefined],
  'killed-by-admin': ['An administrator ended the session.', '629', undefined],
  'user-disabled': ['The user was disabled while connected.', '629', (user) => userCommand('enable', user)],
  'user-removed': ['The user was removed while connected.', '629', undefined],
  'password-changed': ['The password of the user was changed while connected.', '629', 'Connect with the new one.'],
  'server-shutdown': ['The server was stopped.', '629', undefined],
  'replaced-by-new-connection': [
    'A newer connection of the same user took the place of this one.',
    '629',
    'Raise users.maxPerUser, or give each device a user of its own.',
  ],
  'reset-by-peer': [
    'The connection was cut without a goodbye: the client went to sleep or lost its network, or something in between reset it.',
    '0x80072746',
    undefined,
  ],
  'peer-silent': ['The client fell silent: it is asleep, or its network is gone.', '628', undefined],
  'echo-silent': ['The client fell silent: it is asleep, or its network is gone.', '628', undefined],
  'peer-not-reading': ['The client took nothing of what was sent to it for too long.', '628', undefined],
  'hook-failed': [
    'A hook that has to succeed did not (hooks.upRequired).',
    '629',
    'Look for hook.failed in the log of the server.',
  ],
  'worker-ended': [
    'The process of the server that carried the connection ended; another one has taken its place.',
    '628',
    'Dial again; worker.ended in the log of the server says why.',
  ],
};
const OTHER: End = ['The session ended (REASON).', '628', undefined];

function explainTls(
  facts: AttemptFacts,
  tls: NonNullable<AttemptFacts['tls']>,
  certificate: CertificateFacts,
): Explanation {
  const { alert, code, stage } = tls;
  if (alert === 'certificate_revoked') {
    return {
      text: 'The client found that the certificate was revoked.',
      code: '0x80092010',
      fix: 'Have a new certificate issued.',
    };
  }
  if (alert === 'unsupported_certificate' || alert === 'certificate_expired') {
    return explainDistrust(facts, certificate, alert);
  }
  if (isLegacy(alert, code)) return mismatch(facts);
  if (alert !== undefined || stage === 'closed') {
    if (code === 'ECONNRESET') return reset('during the TLS handshake');
    return explainDistrust(facts, certificate, alert);
  }
  if (stage === 'timeout') {
    return {
      text: 'The client began a TLS handshake and then sent nothing more.',
      code: '0x8007274C',
      fix: 'Look for a firewall or an MTU problem between the client and port 443 of this server.',
    };
  }
  return {
    text: `What came was no TLS handshake that this server understands (${code || 'unknown'}).`,
    code: undefined,
    fix: 'If this was a VPN client, let it dial this port by SSTP; else ignore it.',
  };
}

const LEGACY_ALERTS: readonly (string | undefined)[] = [
  'handshake_failure',
  'protocol_version',
  'insufficient_security',
];
const LEGACY_CODES: readonly string[] = [
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_VERSION_TOO_LOW',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_NO_SUITABLE_KEY_SHARE',
  'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM',
];

function isLegacy(alert: string | undefined, code: string): boolean {
  return LEGACY_ALERTS.includes(alert) || LEGACY_CODES.includes(code);
}

/** SEC_E_ILLEGAL_MESSAGE is what SChannel calls it. */
function mismatch({ hello, tls }: AttemptFacts): Explanation {
  if (tls?.code === 'ERR_SSL_NO_SUITABLE_KEY_SHARE') {
    return {
      text: 'The client and this server have no group for the key exchange in common.',
      code: '0x80090326',
      fix: 'Update the client, or let it offer X25519, P-256 or P-384.',
    };
  }
  const versions = hello?.versions.join(', ') ?? 'unknown versions';
  const ciphers = hello === undefined ? 'unknown ciphers' : ciphersOf(hello.ciphers);
  return {
    text: `The client and this server have no TLS version, or none of its ciphers and groups, in common: it offered ${versions} with ${ciphers}.`,
    code: '0x80090326',
    fix: 'Update the client (Windows 7 needs TLS 1.2 turned on), or widen tls.ciphers and tls.minVersion.',
  };
}

const MOST_CIPHERS = 6;

function ciphersOf(numbers: readonly number[]): string {
  const names = numbers.slice(0, MOST_CIPHERS).map(cipherName);
  const rest = numbers.length - names.length;
  return names.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function reset(where: string): Explanation {
  return {
    text: `The connection was reset ${where}, by the client or by something in between.`,
    code: '0x80072746',
    fix: 'Look for a firewall, proxy or virus scanner that inspects TLS on the way to this server.',
  };
}

/** TLS is up, SSTP not begun. */
function explainHttp(facts: AttemptFacts, certificate: CertificateFacts): Explanation {
  const { http, limit, reason, hasSpoken } = facts;
  if (limit !== undefined) {
    return {
      text: `The server was at its limit of connections (limits.${limit}).`,
      code: '0x800704C9',
      fix: `Raise limits.${limit}, or find out who uses them up: sstpd sessions.`,
    };
  }
  if (http?.status === 505) {
    return {
      text: `The HTTP request was not of version 1.1 (${http.reason}).`,
      code: 'RasSstp event 3',
      fix: 'Something between client and server rewrites HTTP: let port 443 pass untouched.',
    };
  }
  if (http !== undefined) {
    return {
      text: `The HTTP request was answered with ${http.status}: ${http.reason}.`,
      code: 'RasSstp event 4',
      fix: 'Something between client and server rewrites HTTP, or this is no SSTP client.',
    };
  }
  if (reason === 'reset-by-peer') return reset('before the HTTP request');
  if (reason === 'http-timeout') {
    return {
      text: 'TLS came up, and the client then sent no whole HTTP request in time.',
      code: 'RasSstp event 2',
      fix: 'If this was a VPN client, look for something on the way that holds back what it sends.',
    };
  }
  // Windows looks at the certificate once the handshake is over.
  if (!hasSpoken) return explainDistrust(facts, certificate, undefined);
  return { text: `The connection ended in the HTTP request (${reason}).`, code: 'RasSstp event 2', fix: undefined };
}

/** The HTTP request was granted, PPP not begun. */
function explainSstp({ reason, detail }: AttemptFacts): Explanation {
  switch (reason) {
    case 'reset-by-peer':
      return reset('before the first SSTP message');
    case 'negotiation-timeout':
    case 'aborted':
      return {
        text: 'The client sent no acceptable Call Connect Request after the HTTP answer.',
        code: '0x8007274C',
        fix: 'Look for a proxy on the way that does not let a connection stay open both ways.',
      };
    default:
      return {
        text: `The SSTP handshake ended before PPP began (${detail ?? reason}).`,
        code: '0x80072746',
        fix: 'Look for a proxy on the way that does not let a connection stay open both ways.',
      };
  }
}

/** What SSTP clients offer in a TLS handshake, as data; `cipher-overlap.ts` has it meet the server's own list. */

export interface ClientOffer {
  readonly name: string;
  readonly minVersion: 'TLSv1.2';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names. Suites with RC4, 3DES, DES or DSS are left out: no OpenSSL of today has them. */
  readonly ciphers: readonly string[];
  /** Curves, OpenSSL's names. */
  readonly groups: readonly string[];
  /** What to change in the client, where it is known to need that. */
  readonly remedy?: string;
}

const NIST = ['P-256', 'P-384'];

/**
 * Microsoft, "TLS Cipher Suites in Windows 7" (learn.microsoft.com, win32/secauthn). GCM comes only with ECDSA or DHE.
 * TLS 1.2 must be switched on in the client (KB 3140245): SSTP goes by WinHTTP's default there.
 */
const WINDOWS_7: ClientOffer = {
  name: 'Windows 7 and 8.1 with TLS 1.2',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: [
    'ECDHE-RSA-AES256-SHA384',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-RSA-AES256-SHA',
    'ECDHE-RSA-AES128-SHA',
    'DHE-RSA-AES256-GCM-SHA384',
    'DHE-RSA-AES128-GCM-SHA256',
    'DHE-RSA-AES256-SHA',
    'DHE-RSA-AES128-SHA',
    'AES256-GCM-SHA384',
    'AES128-GCM-SHA256',
    'AES256-SHA256',
    'AES128-SHA256',
    'AES256-SHA',
    'AES128-SHA',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-SHA256',
    'ECDHE-ECDSA-AES256-SHA',
    'ECDHE-ECDSA-AES128-SHA',
  ],
  groups: NIST,
};

/** Those that Windows 10 and 11 share for TLS 1.2. */
const WINDOWS_TLS12 = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES256-SHA',
  'ECDHE-RSA-AES128-SHA',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
  'AES256-SHA256',
  'AES128-SHA256',
  'AES256-SHA',
  'AES128-SHA',
];

/** Microsoft, "TLS Cipher Suites in Windows 10 v1903, v1909, and v2004"; its SSTP client has no TLS 1.3. */
const WINDOWS_10: ClientOffer = {
  name: 'Windows 10',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: ['DHE-RSA-AES256-GCM-SHA384', 'DHE-RSA-AES128-GCM-SHA256', ...WINDOWS_TLS12],
  groups: ['X25519', ...NIST],
};

/** Microsoft, "TLS Cipher Suites in Windows 11 v22H2 and later". */
const WINDOWS_11: ClientOffer = {
  name: 'Windows 11',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', ...WINDOWS_TLS12],
  groups: ['X25519', ...NIST],
};

/**
 * MikroTik, SSTP, properties `ciphers` (aes256-gcm-sha384, aes256-sha) and `pfs` (default no; yes: ECDHE-RSA and
 * DHE-RSA). RouterOS 6 has CBC alone. No TLS 1.3 is documented.
 */
const ROUTEROS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', groups: NIST } as const;

const ROUTEROS_6: ClientOffer = {
  ...ROUTEROS,
  name: 'RouterOS 6 with pfs=yes',
  ciphers: ['ECDHE-RSA-AES256-SHA', 'DHE-RSA-AES256-SHA'],
};

const ROUTEROS_7: ClientOffer = {
  ...ROUTEROS,
  name: 'RouterOS 7 with pfs=yes',
  ciphers: ['ECDHE-RSA-AES256-GCM-SHA384', 'DHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-SHA', 'DHE-RSA-AES256-SHA'],
};

const ROUTEROS_WITHOUT_PFS: ClientOffer = {
  ...ROUTEROS,
  name: 'RouterOS with pfs=no',
  ciphers: ['AES256-GCM-SHA384', 'AES256-SHA'],
  remedy: 'on the router: /interface sstp-client set [find] pfs=yes',
};

/** Conscrypt, CAPABILITIES.md, the suites that are enabled by default; what apps for Android use. */
const ANDROID: ClientOffer = {
  name: 'Android',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA',
    'ECDHE-RSA-AES128-SHA',
    'ECDHE-RSA-AES256-SHA',
    'AES128-GCM-SHA256',
    'AES256-GCM-SHA384',
    'AES128-SHA',
    'AES256-SHA',
  ],
  groups: ['X25519', ...NIST],
};

export const CLIENT_OFFERS: readonly ClientOffer[] = [
  WINDOWS_7,
  WINDOWS_10,
  WINDOWS_11,
  ROUTEROS_6,
  ROUTEROS_7,
  ROUTEROS_WITHOUT_PFS,
  ANDROID,
];

/** Names of the admin page's cookies. A browser sends them to each port of a host, so what serves another one must know them. */

/** Its name says that it came over TLS, from this very host, for the whole of it (RFC 6265bis 4.1.3.2). */
export const ADMIN_COOKIE = '__Host-sstpd';
/** Says that somebody has logged in with this browser before: guesses of others do not slow the next time. */
export const ADMIN_BROWSER_COOKIE = '__Host-sstpd-known';

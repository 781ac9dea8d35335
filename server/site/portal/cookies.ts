import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a sign-in lasts. */
export const SIGNED_IN_MS = 1_800_000;

/** `__Secure-`: sent over TLS alone. Their path is the portal's, so that another web server on this port never sees them. */
export const SESSION_COOKIE = '__Secure-sstpd-user';
/** Says that somebody has signed in with this browser before: guesses of others do not slow the next time. */
export const BROWSER_COOKIE = '__Secure-sstpd-known';
export const BROWSER_MS: number = 30 * 86_400_000;
export const FORM_COOKIE = '__Secure-sstpd-form';

/**
 * What the portal writes into cookies and forms, under a key that all workers have and that is new at each start. Each
 * kind of text has a word of its own under the key, so that none can stand in for another.
 */
export class PortalCookies {
  readonly #key: Uint8Array;
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(key: Uint8Array, now: () => number = Date.now) {
    this.#key = key;
    this.#now = now;
  }

  /** @param id of the session, which others know more of */
  session(id: string): string {
    const dated = `${id}.${(this.#now() + SIGNED_IN_MS).toString(36)}`;
    return `${dated}.${this.#sign('session', dated)}`;
  }

  /** @returns the id; undefined unless it was made here and is not too old, so that nobody else has to be asked */
  sessionOf(cookie: string | undefined): string | undefined {
    const [, text = '', id = '', until = '', mac = ''] =
      /^(([\w-]{43})\.([0-9a-z]{1,12}))\.([\w-]{43})$/.exec(cookie ?? '') ?? [];
    if (text === '' || !this.#isSigned('session', text, mac)) return undefined;
    return Number.parseInt(until, 36) <= this.#now() ? undefined : id;
  }

  newFormSeed(): string {
    return randomBytes(16).toString('base64url');
  }

  isFormSeed(cookie: string | undefined): cookie is string {
    return cookie !== undefined && /^[\w-]{22}$/.test(cookie);
  }

  /** What a form carries: nobody else's page knows it, for it goes with two cookies of this browser. */
  formToken(seed: string, session: string | undefined): string {
    return this.#sign('form', `${seed} ${session ?? ''}`);
  }

  isFormToken(token: string, seed: string, session: string | undefined): boolean {
    return this.#isSigned('form', `${seed} ${session ?? ''}`, token);
  }

  #sign(kind: string, text: string): string {
    return createHmac('sha256', this.#key).update(`${kind}\n${text}`).digest('base64url');
  }

  #isSigned(kind: string, text: string, mac: string): boolean {
    const expected = Buffer.from(this.#sign(kind, text));
    const given = Buffer.from(mac);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}

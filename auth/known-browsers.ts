/**
 * What a browser keeps of a login, so that the next one from there passes beside guesses of others: no password and no
 * session, but the proof that the name's password was known there once. It is good for that name with that password.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Realm } from './throttle/keys.ts';

/** How long it is good. */
export const BROWSER_MS: number = 30 * 86_400_000;

export interface BrowserOf {
  readonly realm: Realm;
  /** Folded. */
  readonly name: string;
  /** Another one with each password; undefined if there is no such name. */
  readonly version: string | undefined;
}

export class KnownBrowsers {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** @param now milliseconds since 1970 @returns the text of a cookie */
  issue(of: BrowserOf, now: number): string {
    const dated = `${randomBytes(9).toString('base64url')}.${(now + BROWSER_MS).toString(36)}`;
    return `${dated}.${this.#sign(of, dated)}`;
  }

  /**
   * Takes the same steps for a name that nobody has.
   *
   * @returns the browser's id if the cookie was made for one of these
   */
  check(cookie: string | undefined, candidates: readonly BrowserOf[], now: number): string | undefined {
    const [, dated = '-.0', id = '', until = '0', mac = ''] =
      /^(([\w-]{12})\.([0-9a-z]{1,12}))\.([\w-]{43})$/.exec(cookie ?? '') ?? [];
    const fits = candidates.filter((of) => isSame(this.#sign(of, dated), mac) && of.version !== undefined);
    return fits.length > 0 && Number.parseInt(until, 36) > now ? id : undefined;
  }

  #sign({ realm, name, version = '' }: BrowserOf, dated: string): string {
    const parts = [realm, name, version].map((part) => Buffer.from(part, 'utf8').toString('base64url'));
    return createHmac('sha256', this.#key)
      .update(`${parts.join('.')}\n${dated}`)
      .digest('base64url');
  }
}

function isSame(a: string, b: string): boolean {
  const [expected, given] = [Buffer.from(a), Buffer.from(b)];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

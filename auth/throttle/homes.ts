import type { Instant } from '../../core/index.ts';

/** How long an address counts as somebody's home after a login. */
const HOME_MS = 86_400_000;

/** Addresses at which somebody is connected, or logged in lately. */
export class Homes {
  readonly #most: number;
  /** When somebody last logged in; the longest ago first. */
  readonly #loginAt = new Map<string, Instant>();
  readonly #sessions = new Map<string, number>();

  /** @param most addresses of logins that are kept; how many sessions there are is bounded elsewhere */
  constructor(most: number) {
    this.#most = most;
  }

  has(address: string, now: Instant): boolean {
    const at = this.#loginAt.get(address);
    return this.#sessions.has(address) || (at !== undefined && now - at < HOME_MS);
  }

  noteLogin(address: string, now: Instant): void {
    this.#loginAt.delete(address);
    this.#loginAt.set(address, now);
    const oldest = this.#loginAt.keys().next().value;
    if (oldest !== undefined && this.#loginAt.size > this.#most) this.#loginAt.delete(oldest);
  }

  noteSession(address: string, step: 1 | -1): void {
    const count = (this.#sessions.get(address) ?? 0) + step;
    if (count > 0) this.#sessions.set(address, count);
    else this.#sessions.delete(address);
  }
}

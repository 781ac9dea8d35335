import { createHash, randomBytes } from 'node:crypto';
import { after, type Clock, type Instant } from '../core/index.ts';
import type { AdminIdentity } from './access-backend.ts';

/** A login on the admin page. */
export interface LoginSession {
  readonly account: AdminIdentity;
  /** What a change must be sent with (`x-csrf-token`): another site can send the cookie, but not read this. */
  readonly csrf: string;
  readonly endsAt: Instant;
  usedAt: Instant;
}

const IDLE_MS = 30 * 60_000;
const LONGEST_MS = 12 * 3_600_000;
const MOST_SESSIONS = 256;

/** Sessions of the admin page: in memory, so a restart ends them. What is kept of a cookie is its hash. */
export class LoginSessions {
  readonly #clock: Clock;
  readonly #isCurrent: (account: AdminIdentity) => Promise<boolean>;
  /** The one that was used last comes last. */
  readonly #sessions = new Map<string, LoginSession>();

  /** @param isCurrent whether an account is still there, with the same password */
  constructor(clock: Clock, isCurrent: (account: AdminIdentity) => Promise<boolean>) {
    this.#clock = clock;
    this.#isCurrent = isCurrent;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** @returns the session, and the cookie that stands for it */
  begin(account: AdminIdentity): { readonly session: LoginSession; readonly cookie: string } {
    const now = this.#clock.now();
    const cookie = randomBytes(32).toString('base64url');
    const csrf = randomBytes(32).toString('base64url');
    const session = { account, csrf, endsAt: after(now, LONGEST_MS), usedAt: now };
    this.#sessions.set(keyOf(cookie), session);
    if (this.#sessions.size > MOST_SESSIONS) {
      const oldest = this.#sessions.keys().next().value;
      if (oldest !== undefined) this.#sessions.delete(oldest);
    }
    return { session, cookie };
  }

  /** The session of a cookie, if it is not over. Asking is using. */
  async find(cookie: string): Promise<LoginSession | undefined> {
    const key = keyOf(cookie);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    const now = this.#clock.now();
    const isGood = now < endOf(session) && (await this.#isCurrent(session.account));
    // Who has logged out meanwhile is out.
    if (!this.#sessions.delete(key) || !isGood) return undefined;
    session.usedAt = now;
    this.#sessions.set(key, session);
    return session;
  }

  end(cookie: string): void {
    this.#sessions.delete(keyOf(cookie));
  }

  /** When a session ends that is not used any more. */
  expiry(session: LoginSession): Date {
    return new Date(Date.now() + endOf(session) - this.#clock.now());
  }
}

function endOf({ endsAt, usedAt }: LoginSession): Instant {
  return Math.min(endsAt, after(usedAt, IDLE_MS));
}

function keyOf(cookie: string): string {
  return createHash('sha256').update(cookie).digest('base64');
}

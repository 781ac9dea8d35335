import { createHash, randomBytes } from 'node:crypto';
import { after, type Clock, foldUserName, Groups, type Instant } from '../../core/index.ts';
import { SIGNED_IN_MS } from '../site/index.ts';

/** More than one user has browsers; the oldest gives way. So there are at most so many times the users. */
const MOST_PER_USER = 16;

/** Who is signed in to the portal with one browser, and with which password: see `UserStore.passwordVersion`. */
export interface PortalSession {
  readonly name: string;
  readonly version: string;
}

interface Kept extends PortalSession {
  readonly key: string;
  readonly endsAt: Instant;
}

/**
 * Sign-ins to the portal, for the portals of all workers, so that each of them can be taken back. In memory: a restart
 * ends them. What is kept of an id is its hash.
 */
export class PortalSessions {
  readonly #clock: Clock;
  /** All last equally long, so that the oldest ends first. */
  readonly #sessions = new Map<string, Kept>();
  readonly #ofUser = new Groups<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** @returns the id, 43 letters that nobody guesses */
  begin({ name, version }: PortalSession): string {
    this.#forgetEnded();
    const id = randomBytes(32).toString('base64url');
    const session = { name, version, key: keyOf(id), endsAt: after(this.#clock.now(), SIGNED_IN_MS) };
    this.#sessions.set(session.key, session);
    const user = foldUserName(name);
    this.#ofUser.add(user, session);
    const [oldest] = this.#ofUser.of(user);
    if (oldest !== undefined && this.#ofUser.of(user).size > MOST_PER_USER) this.#forget(oldest);
    return id;
  }

  find(id: string): PortalSession | undefined {
    const session = this.#sessions.get(keyOf(id));
    return session !== undefined && this.#clock.now() < session.endsAt ? session : undefined;
  }

  end(id: string): void {
    const session = this.#sessions.get(keyOf(id));
    if (session !== undefined) this.#forget(session);
  }

  #forgetEnded(): void {
    for (const session of this.#sessions.values()) {
      if (this.#clock.now() < session.endsAt) return;
      this.#forget(session);
    }
  }

  #forget(session: Kept): void {
    this.#sessions.delete(session.key);
    this.#ofUser.delete(foldUserName(session.name), session);
  }
}

function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}

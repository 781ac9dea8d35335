import { type Instant, originOf } from '../../core/index.ts';
import { plainName, userKey } from './keys.ts';
import { realmOf, type ThrottleEntry } from './throttle-entry.ts';

/** What an operator lets pass. */
export type LiftTarget =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'address'; readonly address: string };

const MOST = 256;

/** Names and addresses that pass for a while. */
export class Lifts {
  /** Until when; the one that was made first comes first. */
  readonly #until = new Map<string, Instant>();

  add(target: LiftTarget, ms: number, now: Instant): void {
    for (const key of keysOf(target)) {
      this.#until.delete(key);
      this.#until.set(key, now + ms);
    }
    for (const key of this.#until.keys()) {
      if (this.#until.size <= MOST) return;
      this.#until.delete(key);
    }
  }

  coversName(users: readonly string[], now: Instant): boolean {
    return users.some((user) => this.#isOn(user, now));
  }

  coversAddress(address: string, now: Instant): boolean {
    return this.#isOn(addressMark(address), now);
  }

  /** The owner has logged in, and is known from now on: nobody else is to pass. */
  used(users: readonly string[]): void {
    for (const user of users) this.#until.delete(user);
  }

  /** Writes into entries how long they are lifted, and adds those of which nothing else is known. */
  mark(entries: readonly ThrottleEntry[], now: Instant): ThrottleEntry[] {
    const left = new Map<string, number>();
    for (const key of [...this.#until.keys()]) {
      if (this.#isOn(key, now)) left.set(key, Math.ceil((this.#until.get(key) ?? now) - now));
    }
    const known = new Set<string>();
    const marked = entries.map((entry) => {
      const key = markOf(entry);
      known.add(key);
      return { ...entry, liftedMs: left.get(key) };
    });
    // A name that is lifted for both realms is listed as what VPN users have.
    const others = [...left].filter(([key]) => !known.has(key) && !key.startsWith('a'));
    return [...marked, ...others.map(([key, liftedMs]) => ({ ...blank(key), liftedMs }))];
  }

  #isOn(key: string, now: Instant): boolean {
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > now) return true;
    this.#until.delete(key);
    return false;
  }
}

function keysOf(target: LiftTarget): string[] {
  if (target.kind === 'address') return [addressMark(originOf(target.address).address)];
  return (['vpn', 'admin'] as const).map((realm) => userKey(realm, plainName(target.name)));
}

/** No user's key begins so. */
function addressMark(address: string): string {
  return ` ${address}`;
}

/** What lifts an entry: a name passes where strangers share its guesses, everything else with the address. */
function markOf({ kind, realm, of, limit, at }: ThrottleEntry): string {
  if (kind !== 'name') return addressMark(of);
  return realm !== undefined && limit === 'strangers' ? userKey(realm, of) : addressMark(at ?? '');
}

function blank(key: string): Omit<ThrottleEntry, 'liftedMs'> {
  const isAddress = key.startsWith(' ');
  return {
    ...{ kind: isAddress ? 'address' : 'name', realm: isAddress ? undefined : realmOf(key), of: key.slice(1) },
    ...{ limit: isAddress ? undefined : 'strangers', at: undefined },
    ...{ failures: 0, waiting: 0, delayMs: 0, others: 0, isAttacked: false },
  };
}

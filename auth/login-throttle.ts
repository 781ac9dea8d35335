/**
 * Slows password guessing without telling right from wrong and without locking anybody out.
 *
 * By address: each failure doubles the step, up to 8 s, and the logins of one address stand in a queue: each waits for
 * the failures before it and then for its own step. So parallel attempts gain little; the wait is capped at 30 s, below
 * the time that a client has to authenticate, so that a right password behind a guesser's address still gets in.
 *
 * By user: failures from anywhere slow every login of that name, but without a queue, and for an address that has not
 * failed itself by 1 s at most. A stranger who guesses at a name costs its owner that second and no more.
 *
 * Failures fade with a half-life of five minutes; a success takes none away, else an attacker with an account of his own
 * could wipe the slate between guesses. Both tables hold a bounded number of entries, the least recently used go first.
 */
import { type Instant, parseIpv4, parseIpv6 } from '../core/index.ts';
import { nameCandidates } from './user-name.ts';

const FIRST_STEP_MS = 500;
const MAX_STEP_MS = 8_000;
const MAX_QUEUE_MS = 30_000;
const MAX_STRANGER_STEP_MS = 1_000;
const HALF_LIFE_MS = 300_000;

/** Below half a failure nothing is left to slow. */
const FORGOTTEN = 0.5;

/** Attempts whose outcome nobody reported count as failures when their address or user was quiet for so long. */
const MAX_PENDING_MS = 60_000;

const MAX_KEY_LENGTH = 64;

/** ::ffff:0:0/96, RFC 4291 §2.5.5.2. */
const IPV4_MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

export interface LoginThrottleOptions {
  /** How many addresses and how many users are remembered. */
  readonly maxEntries: number;
}

/** What is remembered of one address or one user. */
interface Entry {
  /** Faded to `updatedAt`, so not a whole number. */
  failures: number;
  updatedAt: Instant;
  /** Attempts whose outcome is not known yet. They slow the next ones as if they had failed. */
  pending: number;
  /** Until when the queue is taken; of addresses only. */
  busyUntil: Instant;
}

/**
 * For every attempt: `delayMs` once, then exactly one of `noteFailure` and `noteSuccess` as soon as the outcome is known,
 * not only when the verdict is sent, and also if the client has gone meanwhile. Everything but an accepted login is a
 * failure. Where the outcome is known at once both calls come in a row, and right logins do not slow one another. An
 * attempt that is refused without a look at it tells a guesser nothing: `withdraw` instead.
 */
export class LoginThrottle {
  readonly #addresses: Map<string, Entry> = new Map();
  readonly #users: Map<string, Entry> = new Map();
  readonly #maxEntries: number;

  constructor(options: LoginThrottleOptions = { maxEntries: 10_000 }) {
    this.#maxEntries = options.maxEntries;
  }

  /** How many addresses and users are remembered now, for metrics. */
  get size(): { readonly addresses: number; readonly users: number } {
    return { addresses: this.#addresses.size, users: this.#users.size };
  }

  /**
   * How long the verdict of this attempt must be held back, right or wrong.
   *
   * @param address text form, IPv4 or IPv6 as a socket gives it
   * @param user the name from the wire
   */
  delayMs(address: string, user: string, now: Instant): number {
    const byAddress = this.#touch(this.#addresses, addressKey(address), now);
    const byUser = this.#touch(this.#users, userKey(user), now);
    const userCap = byAddress.failures + byAddress.pending < FORGOTTEN ? MAX_STRANGER_STEP_MS : MAX_STEP_MS;
    const delay = Math.max(queueMs(byAddress, now), Math.min(stepMs(byUser.failures + byUser.pending), userCap));
    byAddress.pending++;
    byUser.pending++;
    return Math.ceil(delay);
  }

  noteFailure(address: string, user: string, now: Instant): void {
    const byAddress = this.#touch(this.#addresses, addressKey(address), now);
    const step = stepMs(byAddress.failures);
    byAddress.busyUntil = Math.min(Math.max(byAddress.busyUntil, now) + step, now + MAX_QUEUE_MS);
    for (const entry of [byAddress, this.#touch(this.#users, userKey(user), now)]) {
      entry.pending = Math.max(entry.pending - 1, 0);
      entry.failures++;
    }
  }

  noteSuccess(address: string, user: string, now: Instant): void {
    this.#release(this.#addresses, addressKey(address), now);
    this.#release(this.#users, userKey(user), now);
  }

  /** The attempt does not count. */
  withdraw(address: string, user: string, now: Instant): void {
    this.noteSuccess(address, user, now);
  }

  #release(table: Map<string, Entry>, key: string, now: Instant): void {
    const entry = this.#touch(table, key, now);
    entry.pending = Math.max(entry.pending - 1, 0);
    if (entry.pending === 0 && entry.failures < FORGOTTEN) table.delete(key);
  }

  /** The entry of `key`, faded to `now` and put behind all others of the table. */
  #touch(table: Map<string, Entry>, key: string, now: Instant): Entry {
    const entry = table.get(key) ?? { failures: 0, updatedAt: now, pending: 0, busyUntil: now };
    fade(entry, now);
    table.delete(key);
    table.set(key, entry);
    if (table.size > this.#maxEntries) {
      const oldest = table.keys().next().value;
      if (oldest !== undefined) table.delete(oldest);
    }
    return entry;
  }
}

function fade(entry: Entry, now: Instant): void {
  const elapsedMs = now - entry.updatedAt;
  if (elapsedMs > MAX_PENDING_MS) {
    entry.failures += entry.pending;
    entry.pending = 0;
  }
  entry.failures *= 2 ** (-elapsedMs / HALF_LIFE_MS);
  entry.updatedAt = now;
}

/** How long an attempt waits for the failures before it, those still open included, and for its own step. */
function queueMs(entry: Entry, now: Instant): number {
  let waitMs = Math.max(entry.busyUntil - now, 0);
  for (let ahead = 0; ahead <= entry.pending && waitMs < MAX_QUEUE_MS; ahead++) {
    waitMs += stepMs(entry.failures + ahead);
  }
  return Math.min(waitMs, MAX_QUEUE_MS);
}

function stepMs(failures: number): number {
  return failures < FORGOTTEN ? 0 : Math.min(FIRST_STEP_MS * 2 ** (failures - 1), MAX_STEP_MS);
}

/** An IPv4 address, mapped into IPv6 or not, counts alone; of IPv6 the /64, which a single host has to itself. */
export function addressKey(address: string): string {
  const bytes = parseIpv6(address.split('%', 1)[0] ?? '');
  if (bytes === undefined) return String(parseIpv4(address) ?? address.slice(0, MAX_KEY_LENGTH));
  const view = Buffer.from(bytes);
  if (view.subarray(0, 12).equals(IPV4_MAPPED_PREFIX)) return String(view.readUInt32BE(12));
  return `${view.toString('hex', 0, 8)}/64`;
}

/** All spellings that the store takes for one user are one key. */
function userKey(user: string): string {
  const [, , bareName] = nameCandidates(user);
  return bareName.slice(0, MAX_KEY_LENGTH);
}

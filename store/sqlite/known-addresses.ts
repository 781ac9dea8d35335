/**
 * From which addresses anybody has logged in lately: when connections flood in, a share of the places is theirs. Nothing
 * is kept of who that was, so nothing here tells who there is.
 *
 * What is kept of an address is a keyed hash. It is asked for with each connection, so all of them are in memory.
 */
import { createHmac } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { blob, integer } from './columns.ts';
import { prepareAll, type Statements } from './statements.ts';

const KEPT_MS = 30 * 86_400_000;
/** A login writes no more often. */
const REFRESH_MS = 86_400_000;
/** The oldest are forgotten first: some 8 MiB. */
const MOST = 65_536;

const SQL = {
  all: `SELECT address, seen_at FROM known_addresses WHERE seen_at > :since ORDER BY seen_at DESC LIMIT ${MOST}`,
  remember: `INSERT INTO known_addresses (address, seen_at) VALUES (:address, :now)
             ON CONFLICT (address) DO UPDATE SET seen_at = excluded.seen_at`,
  forget: 'DELETE FROM known_addresses WHERE address = :address',
  prune: 'DELETE FROM known_addresses WHERE seen_at <= :since',
} as const;

/** Methods throw what SQLite throws: `UserStore` turns it into its own errors. */
export class KnownAddresses {
  readonly #key: Uint8Array;
  readonly #statements: Statements<keyof typeof SQL>;
  /** By digest, when it was last seen; the oldest first. Read when it is first asked for. */
  #seen: Map<string, number> | undefined;

  constructor(database: DatabaseSync, key: Uint8Array) {
    this.#key = key;
    this.#statements = prepareAll(database, SQL);
  }

  /** Reads what is there: from then on `isKnown` looks in memory alone. */
  load(now: number): void {
    this.#load(now);
  }

  /** @param place an address, or of IPv6 the /64 */
  isKnown(place: string, now: number): boolean {
    const seenAt = this.#load(now).get(this.#digest(place).toString('base64'));
    return seenAt !== undefined && now - seenAt < KEPT_MS;
  }

  remember(place: string, now: number): void {
    const seen = this.#load(now);
    const address = this.#digest(place);
    const key = address.toString('base64');
    if (now - (seen.get(key) ?? 0) < REFRESH_MS) return;
    this.#statements.remember.run({ address, now });
    seen.delete(key);
    seen.set(key, now);
    const [oldest] = seen.keys();
    if (seen.size > MOST && oldest !== undefined) {
      seen.delete(oldest);
      this.#statements.forget.run({ address: Buffer.from(oldest, 'base64') });
    }
  }

  #load(now: number): Map<string, number> {
    if (this.#seen !== undefined) return this.#seen;
    this.#statements.prune.run({ since: now - KEPT_MS });
    const rows = this.#statements.all.all({ since: now - KEPT_MS }).reverse();
    this.#seen = new Map(
      rows.map((row) => [Buffer.from(blob(row, 'address')).toString('base64'), integer(row, 'seen_at')]),
    );
    return this.#seen;
  }

  #digest(place: string): Buffer {
    return createHmac('sha256', this.#key).update(place).digest().subarray(0, 16);
  }
}

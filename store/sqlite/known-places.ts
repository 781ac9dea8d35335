/**
 * From where users have logged in lately: the throttle lets them pass there while others guess at their names.
 *
 * What is kept of an address is a keyed hash, so the database alone does not tell where anybody was. A user who is
 * removed, or gets another password, has no such places any more: they were trusted on the word of the old one.
 */
import { createHmac } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { leastTried, meantBy } from '../../auth/index.ts';
import { integer, text } from './columns.ts';
import { namesFor, readUsers, USERS_OR_NOBODY, WHO } from './nobody.ts';
import { prepareAll, type Statements } from './statements.ts';

const KEPT_MS = 30 * 86_400_000;
/** Of one user, the newest; an account that is passed around must not fill the disk. */
const MOST_PER_USER = 64;
/** A login writes no more often: most come from where the last one came from. */
const REFRESH_MS = 86_400_000;

const SQL = {
  meant: `SELECT ${WHO} FROM ${USERS_OR_NOBODY}`,
  // One row in any case.
  find: 'SELECT count(*) AS known FROM known_places WHERE place = :place AND seen_at > :since',
  remember: `INSERT INTO known_places (place, user_id, seen_at)
             SELECT :place, id, :now FROM users WHERE folded = :folded
             ON CONFLICT (place) DO UPDATE SET seen_at = excluded.seen_at WHERE known_places.seen_at < :stale`,
  prune: `DELETE FROM known_places
           WHERE user_id = (SELECT id FROM users WHERE folded = :folded)
             AND (seen_at <= :since OR place NOT IN (
                   SELECT place FROM known_places
                    WHERE user_id = (SELECT id FROM users WHERE folded = :folded)
                    ORDER BY seen_at DESC LIMIT ${MOST_PER_USER}))`,
} as const;

/** Methods throw what SQLite throws: `UserStore` turns it into its own errors. */
export class KnownPlaces {
  readonly #key: Uint8Array;
  readonly #statements: Statements<keyof typeof SQL>;

  constructor(database: DatabaseSync, key: Uint8Array) {
    this.#key = key;
    this.#statements = prepareAll(database, SQL);
  }

  /**
   * Of the users whom that name may mean, those who have logged in from there within 30 days. Takes the same steps for a
   * name that means nobody.
   *
   * @param place an address, or of IPv6 the /64
   * @returns folded names
   */
  usersAt(readings: readonly string[], place: string, now: number): string[] {
    const rows = this.#statements.meant.all(namesFor(readings));
    const found = readUsers(rows, (columns) => text(columns, 'folded'));
    const meant = meantBy(readings, new Map(found.map((folded) => [folded, folded])));
    const looked = Array.from({ length: Math.max(leastTried(readings), meant.length) }, (_, index) => {
      const folded = meant[index]?.row ?? readings[0] ?? '';
      const row = this.#statements.find.get({ place: this.#digest(folded, place), since: now - KEPT_MS });
      return { folded, isKnown: integer(row ?? {}, 'known') > 0 };
    });
    return looked.filter(({ isKnown }, index) => isKnown && index < meant.length).map(({ folded }) => folded);
  }

  /** @param folded of the user who has logged in from there */
  remember(folded: string, place: string, now: number): void {
    const digest = this.#digest(folded, place);
    const { changes } = this.#statements.remember.run({ folded, place: digest, now, stale: now - REFRESH_MS });
    if (changes !== 0) this.#statements.prune.run({ folded, since: now - KEPT_MS });
  }

  #digest(folded: string, place: string): Uint8Array {
    return createHmac('sha256', this.#key).update(`${place}\n${folded}`).digest().subarray(0, 16);
  }
}

/**
 * Look-ups that cost the same for names that nobody has: there is one row for each name that is asked for, of the user or
 * of nobody, and all of them are read and decoded before those of nobody are left out.
 */
import type { SQLInputValue } from 'node:sqlite';
import { nameCandidates } from '../../auth/index.ts';
import { type Columns, integer } from './columns.ts';

/** `users` by the names in `:names`. */
export const USERS_OR_NOBODY = `json_each(:names) AS names LEFT JOIN users ON users.folded = names.value`;

/**
 * Columns that tell users from nobody, and by which they are found. For nobody a row of a table is read too, of the one that
 * always has one.
 */
export const WHO: string = `users.id IS NOT NULL AS is_user, coalesce(users.name, (SELECT 'nobody' FROM key_check WHERE length(sealed) > 0)) AS name,
                    coalesce(users.folded, 'nobody') AS folded`;

/** The value of `:names`. */
export function namesFor(readings: readonly string[]): Record<'names', SQLInputValue> {
  return { names: JSON.stringify([...new Set(readings.flatMap(nameCandidates))]) };
}

/** Reads all rows, and hands out those of users. */
export function readUsers<Row>(rows: readonly Columns[], read: (columns: Columns) => Row): Row[] {
  const all = rows.map((columns) => ({ isUser: isUser(columns), row: read(columns) }));
  return all.filter((one) => one.isUser).map(({ row }) => row);
}

export function isUser(columns: Columns): boolean {
  return integer(columns, 'is_user') === 1;
}

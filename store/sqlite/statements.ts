import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Prepared statements, by name. */
export type Statements<Name extends string> = Readonly<Record<Name, StatementSync>>;

export function prepareAll<Name extends string>(
  database: DatabaseSync,
  sql: Readonly<Record<Name, string>>,
): Statements<Name> {
  const entries = Object.entries<string>(sql).map(([name, text]) => [name, database.prepare(text)] as const);
  return Object.fromEntries(entries) as Statements<Name>;
}

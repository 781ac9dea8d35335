/** What SQLite returns for a column, as the type that the schema promises. */
import type { SQLOutputValue } from 'node:sqlite';
import { UserStoreError } from '../../auth/index.ts';

/** A row, by column name. Readers throw `UserStoreError` ERR_USER_STORE for what the schema does not allow. */
export type Columns = Readonly<Record<string, SQLOutputValue>>;

export function text(columns: Columns, name: string): string {
  const value = columns[name];
  return typeof value === 'string' ? value : refuse(name);
}

export function integer(columns: Columns, name: string): number {
  const value = columns[name];
  return typeof value === 'number' ? value : refuse(name);
}

export function blob(columns: Columns, name: string): Uint8Array {
  const value = columns[name];
  return value instanceof Uint8Array ? value : refuse(name);
}

export function time(columns: Columns, name: string): Date {
  return new Date(integer(columns, name));
}

/** Words without a comma in them, with commas between; NULL and the empty text are none. */
export function words(columns: Columns, name: string): string[] {
  return optional(columns, name, text)?.split(',').filter(Boolean) ?? [];
}

export function optional<Value>(
  columns: Columns,
  name: string,
  read: (columns: Columns, name: string) => Value,
): Value | undefined {
  return columns[name] === null ? undefined : read(columns, name);
}

export function refuse(column: string): never {
  throw new UserStoreError('ERR_USER_STORE', `the user database is damaged: column ${column}`);
}

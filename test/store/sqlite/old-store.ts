import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ntPasswordHash } from '../../../auth/mschapv2.ts';
import { SecretSeal } from '../../../store/sqlite/secret-seal.ts';
import { MIGRATIONS } from '../../../store/sqlite/user-database.ts';

const KEY = Buffer.alloc(32, 7);

/** Writes the files of a store as an earlier version left them; `users` are names and passwords. */
export function writeOldStore(directory: string, version: number, users: Readonly<Record<string, string>>): void {
  writeFileSync(join(directory, 'users.key'), KEY, { mode: 0o600 });
  writeFileSync(join(directory, 'users.db'), '', { mode: 0o600 });
  const database = new DatabaseSync(join(directory, 'users.db'));
  for (const migration of MIGRATIONS.slice(0, version)) database.exec(migration);
  database.exec(`PRAGMA application_id = 0x73737470; PRAGMA user_version = ${version}`);
  const seal = new SecretSeal(KEY);
  const insert = database.prepare(
    'INSERT INTO users (id, name, folded, enabled, secret_kind, secret, created_at) VALUES (?, ?, ?, 1, ?, ?, 0)',
  );
  for (const [name, password] of Object.entries(users)) {
    const { owner, kind, bytes } = seal.close(`id of ${name}`, { ntHash: ntPasswordHash(password), password });
    insert.run(owner, name, name, kind, bytes);
  }
  const check = seal.close('key-check', { ntHash: Buffer.alloc(16), password: undefined });
  database.prepare('INSERT INTO key_check (sealed) VALUES (?)').run(check.bytes);
  database.close();
}

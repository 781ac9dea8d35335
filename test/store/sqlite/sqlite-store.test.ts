import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore, type Store } from '../../../store/index.ts';
import { testStorePort } from '../port-suite.ts';

testStorePort('SQLite', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-store-'));
  const stores: Store[] = [];
  t.after(async () => {
    for (const store of stores) await store.close();
    rmSync(directory, { recursive: true });
  });
  return {
    async open({ keep = 'password', now }) {
      const store = await openStore(directory, { keep, now });
      stores.push(store);
      return store;
    },
    async break() {
      const database = new DatabaseSync(join(directory, 'users.db'));
      database.exec('PRAGMA foreign_keys = OFF');
      const tables = database.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
      );
      for (const { name } of tables.all()) database.exec(`DROP TABLE "${String(name)}"`);
      database.close();
    },
  };
});

/** What docs/api.md says of routes and errors, held against the API. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createAdminApp } from '../../admin/app.ts';
import { SCOPES } from '../../core/index.ts';
import { ErrorLog, FakeBackend } from '../admin/fake-backend.ts';

const text = readFileSync('docs/api.md', 'utf8');

test('each route stands in the table with its scope, and no other', async (t) => {
  const app = await createAdminApp({ backend: new FakeBackend(), log: new ErrorLog(), network: undefined });
  t.after(() => app.close());
  const paths = app.swagger().paths as Record<string, Record<string, { security: { token?: string[] }[] }>>;
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { security }]) => {
      const scope = security.find(({ token }) => token !== undefined)?.token?.[0] ?? 'public';
      return `${method.toUpperCase()} ${path} ${scope}`;
    }),
  );
  const rows = [...text.matchAll(/^\| `([A-Z]+ \/\S+)` \| `?(\w+)`? \|/gm)].map(
    ([, route, scope]) => `${route} ${scope}`,
  );
  assert.deepEqual(rows.sort(), described.sort());
});

test('each scope is explained, and each code of a refusal', () => {
  for (const scope of SCOPES) assert.match(text, new RegExp(`^\\| \`${scope}\` \\|`, 'm'));
  const codes = globSync('admin/{,routes/}*.ts').flatMap(
    (file) => readFileSync(file, 'utf8').match(/ERR_[A-Z_]+/g) ?? [],
  );
  // Of the client in this process, of the socket's start, and what is only asked for by its beginning.
  const others = ['ERR_ADMIN_CLIENT', 'ERR_ADMIN_SOCKET', 'ERR_HTTP_REQUEST_TIMEOUT', 'ERR_USER_'];
  for (const code of new Set(codes)) if (!others.includes(code)) assert.ok(text.includes(`\`${code}\``), code);
});

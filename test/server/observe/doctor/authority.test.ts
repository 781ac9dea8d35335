import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuthorityView } from '../../../../admin/index.ts';
import { ensureOwnCertificates } from '../../../../certs/index.ts';
import { loadConfig } from '../../../../server/config/index.ts';
import { examineAuthority, judgeAuthority } from '../../../../server/observe/doctor/authority.ts';
import { temporaryFolder } from '../../../certs/support.ts';

const root = temporaryFolder();
const now = new Date();
const DAY_MS = 86_400_000;
const isRoot = process.geteuid?.() === 0;
const names = ['vpn.example.test', '192.0.2.7'];
const user = { name: 'uid 12345', uid: 12_345, gid: 12_345 };

/** Each finding in a line. */
function examine(data: string, dialled: readonly string[], at: Date = now, flags: object = {}, as = user): string[] {
  const { config } = loadConfig({ flags: { data, hosts: dialled, ...flags }, env: {} });
  const findings = examineAuthority(config, as, dialled, at);
  return findings.map(
    ({ result, check, text, fix }) => `${result} ${check}: ${text}${fix === undefined ? '' : ` | ${fix}`}`,
  );
}

function directory(): string {
  const data = mkdtempSync(join(root, 'data-'));
  chownSync(data, user.uid, user.gid);
  ensureOwnCertificates(data, names, now, { owner: user, isBound: true });
  return data;
}

test('what an authority can do for whom, and who has its key', { skip: !isRoot }, () => {
  chmodSync(root, 0o755);
  const data = directory();
  const [scope = '', key] = examine(data, names);
  assert.match(
    scope,
    /^ok own authority: it can issue for example\.test and below, 192\.0\.2\.7, until 20\d\d-\d\d-\d\d$/,
  );
  assert.equal(key, `ok own authority's key: ${data}/ca.key can be read by root alone`);

  const [outside = ''] = examine(data, ['vpn.example.org']);
  assert.match(
    outside,
    /^problem own authority: .* which vpn\.example\.org is not, so a start refuses \| "sstpd ca renew"/,
  );
  assert.match(examine(data, ['a.example.test'])[0] ?? '', /^ok /);
  const acme = { 'tls.acme.enabled': 'true', 'tls.acme.agreeTos': 'true' };
  assert.match(examine(data, ['vpn.example.org'], now, acme)[0] ?? '', /^ok /, 'until the order is through');
  assert.deepEqual(examine(data, names, now, { 'tls.cert': 'a.pem', 'tls.key': 'a.key' }), []);

  const late = new Date(now.getTime() + (3650 - 179) * DAY_MS);
  assert.match(
    examine(data, names, late)[0] ?? '',
    /^warning own authority: it ends in 17\d days \| "sstpd ca renew --data \S+" as root/,
  );

  chownSync(join(data, 'ca.key'), user.uid, user.gid);
  assert.match(
    examine(data, names)[1] ?? '',
    /^warning .*can be read by the server.* \| start it as root.*"sstpd ca issue"/,
  );
  rmSync(join(data, 'ca.key'));
  assert.match(examine(data, names)[1] ?? '', /^ok .*kept elsewhere/);
  rmSync(join(data, 'ca.pem'));
  assert.deepEqual(examine(data, names), []);
});

test('a server that stays root has the key, whoever owns it', () => {
  const view: AuthorityView = {
    ...{ subject: 'CN=x', sha256: '', notBefore: '', notAfter: '2030-01-01', daysLeft: 1000 },
    ...{ within: '', keyReader: 'server', advice: undefined },
  };
  const [scope, key] = judgeAuthority(view, { data: '/d', user: { name: 'root', uid: 0, gid: 0 }, outside: undefined });
  assert.equal(scope?.text, 'it can issue for every name, until 2030-01-01');
  assert.deepEqual([key?.result, key?.fix], ['warning', 'have it become another user (run.user)']);
});

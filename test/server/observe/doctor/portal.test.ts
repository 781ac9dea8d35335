import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgePortal } from '../../../../server/observe/doctor/portal.ts';
import type { Fallback } from '../../../../server/site/index.ts';

const PORTAL = { enabled: true, path: '/portal', host: undefined } as const;
const SITES: readonly Fallback[] = [
  { kind: 'directory', path: '/srv/www' },
  { kind: 'proxy', url: 'http://127.0.0.1:8080' },
];
const OURS: readonly Fallback[] = [{ kind: 'page' }, { kind: 'not-found' }];

const judge = (portal: Parameters<typeof judgePortal>[0]['portal'], fallback: Fallback, names: string[] = []) =>
  judgePortal({ portal, http: { preambleMs: 1, fallback } }, names).map(({ result, text }) => [result, text]);

test('a portal beside the site of others is warned of, unless it has a host of its own or is off', () => {
  for (const site of SITES) {
    assert.match(String(judge(PORTAL, site)), /^warning,it is on the same host as the site of http\.fallback/);
    assert.deepEqual(judge({ ...PORTAL, enabled: false }, site), []);
    assert.deepEqual(judge({ ...PORTAL, host: 'p.example' }, site, ['p.example']), [
      ['ok', '/portal on p.example alone'],
    ]);
  }
  for (const page of OURS) assert.match(String(judge(PORTAL, page)), /^ok,/);
});

test('a host of its own has to be on a certificate', () => {
  const [page = { kind: 'page' }] = OURS;
  const portal = { ...PORTAL, host: 'p.example' };
  for (const names of [[], ['vpn.example'], ['*.p.example'], ['*.other.example']])
    assert.match(String(judge(portal, page, names)), /^warning,no certificate is for p\.example/);
  for (const names of [['vpn.example', 'p.example'], ['*.example']])
    assert.match(String(judge(portal, page, names)), /^ok,/);
});

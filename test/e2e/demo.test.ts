import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { tunMissing } from '../support/netns.ts';
import { SSTPD } from '../support/sstpd-process.ts';

const run = promisify(execFile);
const skip = tunMissing() ?? false;

test('sstpd demo connects, pings, moves data both ways, ends with status 0 and leaves nothing', { skip }, async (t) => {
  const TMPDIR = mkdtempSync(join(tmpdir(), 'sstpd-e2e-'));
  t.after(() => rmSync(TMPDIR, { recursive: true, force: true }));
  chmodSync(TMPDIR, 0o755); // the server becomes another user and has to pass through
  const running = run(process.execPath, [SSTPD, 'demo'], { timeout: 60_000, env: { ...process.env, TMPDIR } });
  const { stdout } = await running;
  for (const step of ['TCP', 'TLS', 'HTTP', 'SSTP', 'LCP', 'authentication', 'Crypto Binding', 'IPCP']) {
    assert.match(stdout, new RegExp(`^ {2}${step} +\\d+\\.\\d `, 'm'));
  }
  assert.match(stdout, /^Ping through the tunnel: \d/m);
  assert.match(stdout, /^Download: [1-9]\d* Mbit\/s/m);
  assert.match(stdout, /^Upload *: [1-9]\d* Mbit\/s/m);
  assert.deepEqual(readdirSync(TMPDIR), []);
  const { stdout: namespaces } = await run('ip', ['netns', 'list']);
  assert.doesNotMatch(namespaces, new RegExp(`^sstpd-demo-.*-${running.child.pid}\\b`, 'm'));
});

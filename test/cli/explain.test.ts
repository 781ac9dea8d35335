import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type AdminServer, type AttemptView, adminSocketPath, startAdminServer } from '../../admin/index.ts';
import { ErrorLog, FakeBackend } from '../admin/fake-backend.ts';
import { inProcess } from './support.ts';

let data: string;
let backend: FakeBackend;
let server: AdminServer;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'sstpd-explain-'));
  backend = new FakeBackend();
  server = await startAdminServer({ socketPath: adminSocketPath(data), backend, log: new ErrorLog() });
});
afterEach(async () => {
  await server.close();
  rmSync(data, { recursive: true });
});

const ATTEMPT: AttemptView = {
  id: '013fa2b1',
  correlationId: '{48B82435-099A-4158-A987-052E7570CFAA}',
  peer: '192.0.2.7:50123',
  startedAt: '2026-01-01T10:15:02.000Z',
  endedAt: '2026-01-01T10:15:03.000Z',
  state: 'failed',
  user: 'a\x1b[2Jn\u202en',
  tls: 'TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384',
  sni: 'vpn.example.com',
  offered: { versions: 'TLSv1.2', ciphers: 'AES256-SHA', protocols: '' },
  alert: undefined,
  http: 'SSTP_DUPLEX_POST / HTTP/1.1\nhost: vpn.example.com\x07',
  stage: 'authentication',
  stages: [
    { stage: 'tls', ms: 3.2 },
    { stage: 'http', ms: 1 },
  ],
  options: [{ from: 'client', protocol: 'LCP', packet: 'Configure-Request', options: 'MRU 4091, Magic-Number' }],
  reason: 'auth-failed',
  explanation: { text: 'The password is wrong.', code: '691', fix: 'Type it again.' },
};

const run = (...words: string[]) => inProcess(['explain', ...words, '--data', data]);

test('a line for each attempt; what a peer chose cannot move the cursor', async () => {
  assert.equal((await run()).stdout, 'No attempts.\n');
  backend.known.push(ATTEMPT);
  assert.equal(
    (await run()).stdout,
    '10:15:02  013fa2b1  192.0.2.7:50123  a?[2Jn?n  failed at authentication: The password is wrong. (691) Type it again.\n',
  );
});

test('of many, the newest twenty', async () => {
  for (let i = 0; i < 25; i++) backend.known.push(ATTEMPT);
  const lines = (await run()).stdout.split('\n');
  assert.equal(lines[0], '5 older ones: --json has them all');
  assert.equal(lines.length, 22);
});

test('one in full: by id, or the newest', async () => {
  backend.known.push(ATTEMPT);
  const { stdout } = await run('013fa2b1');
  assert.equal(stdout, (await run('--last')).stdout);
  for (const line of [
    /^ {2}why +The password is wrong\.$/m,
    /^ {2}Windows shows +691$/m,
    /^ {2}what to do +Type it again\.$/m,
    /^ {2}stages +tls 3\.2 ms, http 1 ms$/m,
    /^ {4}host: vpn\.example\.com\?$/m,
    /^ {2}client +LCP Configure-Request +MRU 4091, Magic-Number$/m,
  ]) {
    assert.match(stdout, line);
  }
  assert.ok(!stdout.includes('\x1b') && !stdout.includes('\x07'));
  assert.deepEqual(await run('nothing'), { code: 1, stdout: '', stderr: 'sstpd: no attempt nothing is known\n' });
});

test('JSON is the record; the query is passed on', async () => {
  backend.known.push(ATTEMPT);
  const [view] = JSON.parse((await run('--json', '--user', 'ann')).stdout) as AttemptView[];
  const { alert: _, ...known } = ATTEMPT;
  assert.deepEqual(view, known);
  await run('--last');
  assert.deepEqual(
    backend.calls.filter(([name]) => name === 'attempts'),
    [
      ['attempts', { user: 'ann' }],
      ['attempts', { limit: 1 }],
    ],
  );
});

test('an ID goes with nothing else', async () => {
  const { code, stderr } = await run('013fa2b1', '--last');
  assert.equal(code, 2);
  assert.match(stderr, /an ID goes with none of/);
});

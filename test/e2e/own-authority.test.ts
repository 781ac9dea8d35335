/** The own authority: its key is out of reach of the server that runs, and it can be renewed while that goes on. */
// Needs: curl, openssl
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuthorityView, CertificateView } from '../../admin/index.ts';
import { ADMIN_PORT, AdminApi } from '../support/admin-api.ts';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { asUser, scriptOf } from '../support/other-user.ts';
import { runSstpd } from '../support/sstpd-server.ts';
import { SERVER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  return lab;
}

/** SHA-256 of the authority that a new connection is shown. */
async function shownCa(lab: VpnLab): Promise<string> {
  const script = `openssl s_client -showcerts -connect ${SERVER}:443 </dev/null 2>/dev/null`;
  const shown = await lab.client().run('sh', ['-c', script]);
  const [, ca = ''] = shown.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return new X509Certificate(ca).fingerprint256;
}

const fingerprint = (file: string): string => new X509Certificate(readFileSync(file)).fingerprint256;

interface CaView {
  readonly authority: AuthorityView;
  readonly certificate: CertificateView;
}

async function caShow(lab: VpnLab): Promise<CaView> {
  const { stdout, stderr, code } = await runSstpd(lab.server, lab.data, ['ca', 'show', '--json']);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as CaView;
}

/** Whether these bytes are anywhere in the memory of a process. */
function memoryHolds(pid: number, wanted: readonly Buffer[]): boolean {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
    const ranges = maps.flatMap((line) => /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line)?.slice(1) ?? []);
    const chunk = Buffer.alloc(1 << 20);
    for (let i = 0; i < ranges.length; i += 2) {
      const [from, to] = [BigInt(`0x${ranges[i]}`), BigInt(`0x${ranges[i + 1]}`)];
      // Chunks overlap by what is looked for.
      for (let at = from; at < to; at += BigInt(chunk.length - 512)) {
        const length = Number(to - at < BigInt(chunk.length) ? to - at : BigInt(chunk.length));
        let read = 0;
        try {
          read = readSync(memory, chunk, 0, length, at);
        } catch {
          break; // reserved, and nothing behind it
        }
        if (wanted.some((bytes) => chunk.subarray(0, read).includes(bytes))) return true;
      }
    }
    return false;
  } finally {
    closeSync(memory);
  }
}

/** A part of a key as PEM, and of the numbers in it. */
function traces(keyFile: string): Buffer[] {
  const pem = readFileSync(keyFile, 'utf8');
  const lines = pem.split('\n').slice(1, -2);
  const der = Buffer.from(lines.join(''), 'base64');
  return [Buffer.from(lines[10] ?? ''), der.subarray(der.length - 400, der.length - 300)];
}

test("the authority's key: root's alone, neither readable for the server's user nor in the memory of its processes", {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serve({ args: ['--workers', '2'] });
  const key = join(lab.data, 'ca.key');
  const { uid, gid, mode } = statSync(key);
  assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o600]);
  const [runUid = ''] = server.status('Uid').split('\t');
  assert.equal(String(statSync(lab.data).uid), runUid);
  const asServer = ['--reuid', runUid, '--regid', runUid, '--clear-groups', '--inh-caps=-all'];
  const read = await lab.server.exec('setpriv', [...asServer, 'cat', join(lab.data, 'server.key'), key]);
  assert.match(read.stdout, /^-----BEGIN PRIVATE KEY-----/, 'its own key it can read');
  assert.equal(read.stdout.match(/BEGIN/g)?.length, 1);
  assert.match(read.stderr, /ca\.key: Permission denied/);
  assert.ok(server.pids.length >= 3);
  assert.equal(memoryHolds(server.process.pid, traces(join(lab.data, 'server.key'))), true, 'it can be seen there');
  for (const pid of server.pids) assert.equal(memoryHolds(pid, traces(key)), false, `process ${pid}`);
  assert.equal((await caShow(lab)).authority.keyReader, 'root');
  assert.doesNotMatch(server.process.text, /own authority/);
  assert.equal((await server.stop()).status, 0);
});

test('ca renew while the server runs: new connections see the new authority, sessions stay, clients take it again', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn({ args: ['--workers', '2', '--admin', `${SERVER}:${ADMIN_PORT}`] });
  const oldFile = lab.file('old-ca.pem', readFileSync(server.caFile, 'utf8'));
  const session = lab.connect({ caFile: oldFile });
  await session.up();
  const shown = await shownCa(lab);
  for (const verb of ['issue', 'renew']) {
    const typo = await runSstpd(lab.server, lab.data, ['ca', verb, '--host', '198.18.0.9']);
    assert.equal(typo.code, 1, typo.stdout);
    assert.match(typo.stderr, /is for 198\.18\.0\.1, and this certificate would be for 198\.18\.0\.9: .*--force/);
    assert.match(await server.must(['ca', 'issue', '--host', SERVER]), /^Nothing is due\.$/m, 'the same name');
  }
  assert.equal(await shownCa(lab), shown);
  assert.deepEqual((await caShow(lab)).certificate.names, [SERVER]);
  const said = await server.must(['ca', 'renew']);
  assert.match(said, /^issues for: +198\.18\.0\.1$/m);
  assert.match(said, /^key: +root alone can read it$/m);
  const renewed = fingerprint(server.caFile);
  assert.notEqual(renewed, fingerprint(oldFile));
  assert.ok(said.includes(renewed));
  await eventually('the new authority', async () => (await shownCa(lab)) === renewed);
  await session.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', '10.86.0.1']);

  const refused = lab.connect({ caFile: oldFile });
  assert.equal((await refused.ended()).wasUp, false);
  const taken = lab.connect();
  await taken.up();
  await taken.stop();
  const profile = await server.must(['profile', 'ann', '--format', 'ps1']);
  for (const line of readFileSync(server.caFile, 'utf8').split('\n').slice(1, -2)) {
    assert.ok(profile.includes(line), `set-up files have the new one: ${line}`);
  }

  await server.must(['admin', 'add', 'boss', '--password-stdin'], 'correct horse battery');
  const api = await AdminApi.at(lab);
  assert.equal((await api.login('boss', 'correct horse battery')).status, 200);
  const [view] = (await api.ask('GET', '/v1/certificates')).body as CertificateView[];
  assert.equal(view?.authority?.sha256, renewed);
  assert.deepEqual([view?.authority?.within, view?.authority?.keyReader], ['198.18.0.1', 'root']);
  assert.equal((await session.stop()).wasUp, true);
  assert.equal((await server.stop()).status, 0);

  const again = await lab.serve();
  assert.equal(await shownCa(lab), renewed);
  assert.deepEqual(again.log('certificate.made'), []);
  assert.equal((await again.stop()).status, 0);
});

test('a new name inside of what the authority is bound to costs a restart; beyond it, ca renew comes first', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const first = await lab.serve({ args: ['--host', 'vpn.example.test'] });
  const before = fingerprint(first.caFile);
  assert.equal((await first.stop()).status, 0);
  const second = await lab.serve({ args: ['--host', 'vpn2.example.test'] });
  assert.equal(fingerprint(second.caFile), before);
  const curl = ['-s', '--cacert', second.caFile, '--resolve', `vpn2.example.test:443:${SERVER}`];
  await lab.client().run('curl', [...curl, '-o', '/dev/null', 'https://vpn2.example.test/']);
  assert.equal((await second.stop()).status, 0);

  const outside = ['--host', SERVER, '--host', 'vpn.example.org'];
  const beyond = lab.launch('exec "$@"', { args: ['--host', 'vpn.example.org'] });
  assert.equal((await beyond.end()).status, 1);
  assert.match(
    beyond.text,
    /^sstpd: the own authority may issue for example\.test and below, .*"sstpd ca renew --data \S+"/m,
  );
  const { code, stdout, stderr } = await runSstpd(lab.server, lab.data, ['ca', 'renew', ...outside]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^issues for: +example\.org and below, 198\.18\.0\.1$/m);
  assert.match(stdout, /The next start shows it/);
  const third = await lab.serve({ args: ['--host', 'vpn.example.org'] });
  assert.deepEqual(third.log('certificate.made'), []);
  assert.notEqual(fingerprint(third.caFile), before);
  assert.equal((await third.stop()).status, 0);
});

/** As a version before made it: the root is for every use and name, and its key the server's. */
async function oldDirectory(lab: VpnLab): Promise<void> {
  mkdirSync(lab.data, { mode: 0o700 });
  const usual = [
    '-nodes',
    '-days',
    '3650',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
    '-subj',
    '/CN=sstpd CA',
  ];
  const files = ['-keyout', join(lab.data, 'ca.key'), '-out', join(lab.data, 'ca.pem')];
  await lab.server.run('openssl', ['req', '-x509', '-newkey', 'rsa:3072', ...usual, ...files]);
  await lab.server.run('chown', ['-R', '88443:88443', lab.data]);
}

test('a data directory of before: the key becomes root’s, the authority stays in use, and doctor names ca renew', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  await oldDirectory(lab);
  const ca = fingerprint(join(lab.data, 'ca.pem'));
  const server = await lab.serveAnn();
  assert.equal(fingerprint(server.caFile), ca);
  assert.equal(statSync(join(lab.data, 'ca.key')).uid, 0);
  await server.logged('certificate.warning', { warning: /was the server's own \(user id 88443\), now it is root's/ });
  assert.match(
    server.process.text,
    /note +WARNING: own authority: .*every name and use; "sstpd ca renew --data \S+" as root/,
  );
  const client = lab.connect();
  await client.up();
  await client.stop();
  assert.match(await server.must(['ca', 'show']), /^issues for: +every name$/m);
  const doctor = await server.run(['doctor']);
  assert.match(doctor.stdout, /warning +own authority +made by an earlier version.*Fix: "sstpd ca renew --data \S+"/);
  assert.match(doctor.stdout, /ok +own authority's key +.*root alone/);
  await server.must(['ca', 'renew']);
  assert.match((await server.run(['doctor'])).stdout, /ok +own authority +it can issue for 198\.18\.0\.1, until/);
  assert.equal((await server.stop()).status, 0);
});

test('never root: the key has to be the server’s, and start and doctor say so; root issues for it from then on', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  mkdirSync(lab.data, { mode: 0o700 });
  chownSync(lab.data, 12_345, 12_345);
  const caps = '-all,+net_admin,+net_bind_service';
  const script = scriptOf(asUser(12_345, `--inh-caps=${caps}`, `--ambient-caps=${caps}`));
  const server = lab.launch(script);
  await server.printed(/^More users: /);
  assert.match(
    server.text,
    /note +WARNING: own authority's key: .*ca\.key can be read by the server.*"sstpd ca issue --data \S+"/,
  );
  assert.equal((await caShow(lab)).authority.keyReader, 'server');
  const ca = fingerprint(join(lab.data, 'ca.pem'));
  await server.stop();

  const issued = await runSstpd(lab.server, lab.data, ['ca', 'issue', '--host', SERVER]);
  assert.equal(issued.stdout, 'Nothing is due.\n', issued.stderr);
  assert.equal((await caShow(lab)).authority.keyReader, 'root');
  const again = lab.launch(script);
  await again.printed(/^More users: /);
  assert.doesNotMatch(again.text, /own authority's key/);
  assert.equal(fingerprint(join(lab.data, 'ca.pem')), ca);
  await again.stop();

  // It can't issue for another name; root does it for it.
  const other = ['--host', SERVER, '--host', '198.18.0.2'];
  const renewed = await runSstpd(lab.server, lab.data, ['ca', 'renew', ...other]);
  assert.equal(renewed.code, 0, renewed.stderr);
  const third = lab.launch(script);
  assert.equal((await third.end()).status, 1);
  assert.match(third.text, /ca\.key: root's alone, .*"sstpd ca issue --data \S+", as root/);
});

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { issueHere } from '../../../server/certificates/issue.ts';
import { CertificateKeeper, type Renewal } from '../../../server/certificates/keeper.ts';
import type { TlsMaterial } from '../../../server/certificates/material.ts';
import { loadConfig } from '../../../server/config/index.ts';
import { temporaryFolder } from '../../certs/support.ts';
import { RecordingLog } from '../support.ts';

const root = temporaryFolder();
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = Date.UTC(2026, 0, 1);
const user = { name: 'somebody', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

async function load(data: string, hosts: readonly string[] = ['vpn.test']) {
  const { config } = loadConfig({ flags: { data, ...(hosts.length > 0 ? { hosts } : {}) }, env: {} });
  const log = new RecordingLog();
  return { keeper: await CertificateKeeper.load(config, user, log), log };
}

async function ownKeeper(t: TestContext, hosts?: readonly string[]) {
  // Intervals and the date stand still until they are moved; files and keys are real.
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: START });
  const data = mkdtempSync(join(root, 'data-'));
  const { keeper, log } = await load(data, hosts);
  t.after(() => keeper.stop());
  const applied: TlsMaterial[] = [];
  const renewals: Renewal[] = [];
  assert.deepEqual(
    await keeper.begin(
      async (material) => {
        applied.push(material);
      },
      (renewal) => void renewals.push(renewal),
    ),
    [],
  );
  return { data, log, keeper, applied, renewals };
}

const endOf = ({ certificates }: TlsMaterial): number =>
  new X509Certificate(certificates[0].certificatePem).validToDate.getTime();

/** Two looks with a change before both: the first may have come in its middle. */
async function lookTwice(keeper: CertificateKeeper): Promise<void> {
  await keeper.look();
  await keeper.look();
}

test("the own authority's server certificate is renewed by a start from day 550 on, not while the server runs", async (t) => {
  const { data, keeper, applied } = await ownKeeper(t);
  const ca = readFileSync(join(data, 'ca.pem'), 'utf8');
  const firstEnd = endOf(keeper.material);
  t.mock.timers.setTime(firstEnd - 275 * DAY_MS);
  await lookTwice(keeper);
  assert.equal(applied.length, 0, 'it has no key');
  t.mock.timers.setTime(firstEnd - 275 * DAY_MS - 1);
  assert.equal(endOf((await load(data)).keeper.material), firstEnd);
  t.mock.timers.setTime(firstEnd - 275 * DAY_MS);
  const { keeper: next, log } = await load(data);
  const newEnd = firstEnd + 550 * DAY_MS - HOUR_MS;
  assert.equal(endOf(next.material), newEnd);
  assert.equal(readFileSync(join(data, 'ca.pem'), 'utf8'), ca);
  const [{ fields } = assert.fail()] = log.of('certificate.made');
  assert.deepEqual(fields, { made: ['server'], why: 'server.pem was 550 days old', names: ['vpn.test'] });

  // The server of before takes what that start has put there.
  await lookTwice(keeper);
  assert.equal(applied.length, 1);
  assert.equal(endOf(keeper.material), newEnd);
});

test('what is issued by hand is taken while the server runs: another certificate, or another authority', async (t) => {
  const { data, keeper, applied, renewals, log } = await ownKeeper(t);
  const { ticketKeys } = keeper.material;
  const before = keeper.ca;
  const request = { data, names: ['vpn.test'], isBound: true, isStopgap: false, now: Date.now(), owner: undefined };
  issueHere({ ...request, renews: true });
  await keeper.look();
  assert.equal(applied.length, 0, 'it may still be changing');
  await keeper.look();
  const [renewed = assert.fail()] = applied;
  assert.equal(applied.length, 1);
  assert.equal(renewed.certificates[0].isOwn, true);
  assert.notDeepEqual(renewed.ticketKeys, ticketKeys, 'no session resumes across the change');
  assert.equal(keeper.material, renewed);
  assert.equal(keeper.ca?.pem, readFileSync(join(data, 'ca.pem'), 'utf8'));
  assert.notEqual(keeper.ca?.fingerprint, before?.fingerprint);
  assert.ok(renewed.certificates[0].certificatePem.endsWith(keeper.ca?.pem ?? 'no authority'));
  assert.equal(log.of('certificate.renewed').length, 1);
  const leaf = new X509Certificate(renewed.certificates[0].certificatePem);
  assert.deepEqual(renewals, [
    { names: ['vpn.test'], until: leaf.validToDate.toISOString(), sha256: leaf.fingerprint256 },
  ]);
});

test('half of a change, and a certificate for other names, are not served, and said once', async (t) => {
  const { data, keeper, applied, log } = await ownKeeper(t);
  const ca = keeper.ca?.pem;
  renameSync(join(data, 'server.key'), join(data, 'server.key.old'));
  for (let i = 0; i < 4; i += 1) await keeper.look();
  const request = { data, names: ['other.test'], isBound: false, isStopgap: false, now: Date.now(), owner: undefined };
  issueHere({ ...request, renews: true });
  for (let i = 0; i < 4; i += 1) await keeper.look();
  assert.equal(applied.length, 0);
  assert.equal(keeper.ca?.pem, ca);
  const lines = log.of('certificate.not-renewed').map(({ fields }) => String(fields.error));
  assert.equal(lines.length, 2);
  assert.match(
    lines.join('\n'),
    /server\.key was missing: "sstpd ca issue".*\n.*was for other\.test: "sstpd ca issue"/,
  );
});

test('where nobody named any names, a certificate for those that the machine has by now is served', async (t) => {
  const { data, keeper, applied, log } = await ownKeeper(t, []);
  const names = ['192.0.2.99', 'moved.test'];
  const request = { data, names, isBound: false, isStopgap: false, now: Date.now(), owner: undefined };
  issueHere({ ...request, renews: false });
  await lookTwice(keeper);
  assert.deepEqual(log.of('certificate.not-renewed'), []);
  const [renewed = assert.fail()] = applied;
  const leaf = new X509Certificate(renewed.certificates[0].certificatePem);
  assert.equal(leaf.subjectAltName, 'DNS:moved.test, IP Address:192.0.2.99');
});

test('without the key of the authority a start serves the old certificate, and says so', async (t) => {
  const { data, keeper } = await ownKeeper(t);
  const end = endOf(keeper.material);
  renameSync(join(data, 'ca.key'), join(data, '..', 'ca.key.elsewhere'));
  t.mock.timers.setTime(end - 10 * DAY_MS);
  const { keeper: next, log } = await load(data);
  assert.equal(endOf(next.material), end);
  assert.match(
    JSON.stringify(log.of('certificate.warning')),
    /expires in 10 days, on 2028-\d\d-\d\d: \\"sstpd ca issue\\", as root/,
  );
  t.mock.timers.setTime(end + 1);
  await assert.rejects(load(data), /ca\.key: missing, but a server certificate must be issued/);
});

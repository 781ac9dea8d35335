import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CertificateKeeper, type Renewal } from '../../../server/certificates/keeper.ts';
import type { TlsMaterial } from '../../../server/certificates/material.ts';
import { loadConfig } from '../../../server/config.ts';
import { temporaryFolder } from '../../certs/support.ts';
import { eventually } from '../../support/eventually.ts';
import { RecordingLog } from '../support.ts';

const root = temporaryFolder();
const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const user = { name: 'somebody', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

async function ownKeeper(t: TestContext) {
  // Intervals and the date stand still until they are moved; files and keys are real.
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: START });
  const data = mkdtempSync(join(root, 'data-'));
  const { config } = loadConfig({ flags: { data, hosts: ['vpn.test'] }, env: {} });
  const log = new RecordingLog();
  const keeper = await CertificateKeeper.load(config, user, log);
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

test("the own authority's server certificate is renewed while the server runs, before it ends; the authority stays", async (t) => {
  const { data, keeper, applied, renewals, log } = await ownKeeper(t);
  const ca = readFileSync(join(data, 'ca.pem'), 'utf8');
  const firstEnd = endOf(keeper.material);
  const { ticketKeys } = keeper.material;
  const daysToRenewal = Math.floor((firstEnd - START) / DAY_MS) - 30;
  t.mock.timers.setTime(START + (daysToRenewal - 1) * DAY_MS);
  await keeper.look();
  assert.equal(applied.length, 0);
  for (let day = 0; day < 3; day += 1) {
    t.mock.timers.tick(DAY_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually('a renewed certificate', () => applied.length > 0);
  const [renewed = assert.fail()] = applied;
  assert.equal(applied.length, 1);
  assert.ok(endOf(renewed) > firstEnd + 700 * DAY_MS);
  assert.ok(Date.now() < firstEnd - 25 * DAY_MS, 'weeks before the end');
  assert.equal(readFileSync(join(data, 'ca.pem'), 'utf8'), ca);
  assert.equal(renewed.certificates[0].isOwn, true);
  assert.notDeepEqual(renewed.ticketKeys, ticketKeys, 'no session resumes across the change');
  assert.equal(keeper.material, renewed);
  assert.equal(log.of('certificate.renewed').length, 1);
  const [leaf = assert.fail()] = renewed.certificates.map(({ certificatePem }) => new X509Certificate(certificatePem));
  assert.deepEqual(renewals, [
    { names: ['vpn.test'], until: leaf.validToDate.toISOString(), sha256: leaf.fingerprint256 },
  ]);
});

test('without the key of the authority: an error a day, and the old certificate goes on', async (t) => {
  const { data, keeper, applied, log } = await ownKeeper(t);
  renameSync(join(data, 'ca.key'), join(data, '..', 'ca.key.elsewhere'));
  t.mock.timers.setTime(endOf(keeper.material) - 10 * DAY_MS);
  await keeper.look();
  assert.equal(applied.length, 0);
  const [line = assert.fail()] = log.of('certificate.not-renewed');
  assert.equal(line.level, 'error');
  assert.match(String(line.fields.error), /ca\.key: missing, but a server certificate must be issued/);
  renameSync(join(data, '..', 'ca.key.elsewhere'), join(data, 'ca.key'));
  await keeper.look();
  assert.equal(applied.length, 1);
  rmSync(data, { recursive: true });
});

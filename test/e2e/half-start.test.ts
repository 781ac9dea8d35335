/** A start that fails half-way, wherever that is, leaves the host as it was. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tunMissing } from '../support/netns.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import { POOL, SERVER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

const CHILD = join(import.meta.dirname, 'half-start-child.ts');
/** More than a start has. */
const NEVER = 100;
/** From the floods on, which are watched from the moment before the connections are carried. */
const LAST = 5;

interface TakenBack {
  readonly steps: number;
  readonly failure?: string;
  readonly left: readonly string[];
}

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  // Stays as it is afterwards, and has routes of its own.
  await lab.server.run('sysctl', ['-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  return lab;
}

/** Everything that a start puts up is wanted; it keeps what it made of its data directory only once it serves. */
async function startUntil(lab: VpnLab, step: number, workers: number): Promise<TakenBack> {
  const flags = {
    data: lab.data,
    hosts: [SERVER],
    listen: [`${SERVER}:443`],
    'pool.ipv4': POOL,
    'pool.ipv6': 'fd00:86::/48',
    'admin.listen': '127.0.0.1:8443',
    'metrics.listen': '127.0.0.1:9100',
    'run.workers': String(workers),
  };
  const child = new SstpdProcess(lab.server, [process.execPath, CHILD, String(step), JSON.stringify(flags)]);
  const exit = await child.end();
  assert.deepEqual(exit, { status: 0, signal: null }, child.text);
  const [line] = child.lines({ msg: 'taken-back' });
  assert.ok(line !== undefined, child.text);
  return line as unknown as TakenBack;
}

/** What a stop in order says as well, and what a user without rights can't: the folder lies in one of root's. */
const TOLD = /^(?:removed the nftables table \S+|EACCES: permission denied, rmdir '\S+')$/;

async function takesAllBack(lab: VpnLab, before: string, step: number, workers: number): Promise<TakenBack> {
  const said = await startUntil(lab, step, workers);
  const where = `step ${step} of ${said.steps}`;
  const isWhole = step > said.steps;
  assert.equal(said.failure, isWhole ? undefined : `broken off at step ${step}`, where);
  assert.deepEqual(
    said.left.filter((line) => !TOLD.test(line)),
    [],
    where,
  );
  assert.equal(await lab.state(), before, where);
  assert.deepEqual(await lab.serverPids(), [], where);
  if (isWhole) assert.ok(existsSync(join(lab.data, 'users.db')));
  else assert.deepEqual(existsSync(lab.data) ? readdirSync(lab.data) : [], [], where);
  rmSync(lab.data, { recursive: true, force: true });
  return said;
}

test('broken off after any of its steps, a start takes back all that it made', { skip }, async (t) => {
  const lab = await makeLab(t);
  const before = await lab.state();
  let steps = 1;
  for (let step = 1; step <= steps + 1; step += 1) ({ steps } = await takesAllBack(lab, before, step, 2));
  assert.ok(steps > 15, `${steps} steps`);
});

test('one process for all: broken off once it carries connections, a start takes back all that it made', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const before = await lab.state();
  const { steps } = await takesAllBack(lab, before, NEVER, 0);
  for (let step = steps; step > steps - LAST; step -= 1) await takesAllBack(lab, before, step, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../../server/config/index.ts';
import { planReach, reachRemarks, reachView } from '../../../../server/host/plan-reach.ts';
import { judgeReach } from '../../../../server/observe/doctor/reach.ts';

/** What is said of `network.deny`: by the doctor, and among the notes of a start. */
async function said(...deny: string[]): Promise<{
  readonly result: string;
  readonly fix: string | undefined;
  readonly notes: string[];
}> {
  const { config } = loadConfig({ flags: { 'network.deny': deny.length === 0 ? undefined : deny }, env: {} } as never);
  const settings = { get: async () => 'icmp', set: async () => undefined };
  const plan = await planReach(config, { dns: [] }, settings);
  const notes = (await reachRemarks(plan, settings)).filter((line) => line.includes('network.deny'));
  const view = { inbound: false, hostAccess: 'icmp', hostAccessFrom: 'new', deny: reachView(plan).deny } as const;
  const { result, fix } = judgeReach(view)[2] ?? assert.fail();
  return { result, fix, notes };
}

test('a list of denied networks that forgets where clouds tell secrets is warned of, with the flags to add', async () => {
  assert.deepEqual(await said(), { result: 'ok', fix: undefined, notes: [] });
  const own = await said('10.1.0.0/16', '169.254.169.254');
  const missing = '--deny 168.63.129.16 --deny 100.100.100.200 --deny fd00:ec2::254';
  assert.deepEqual([own.result, own.fix], ['warning', `add ${missing}, or leave --deny out`]);
  assert.equal(own.notes.length, 1);
  assert.match(own.notes[0] ?? '', /^WARNING: .*: add /);
  assert.ok(own.notes[0]?.endsWith(missing));
  assert.equal((await said('0.0.0.0/0', 'fd00::/8')).result, 'ok', 'wider networks hold them too');
  assert.deepEqual(await said('none'), { result: 'warning', fix: 'leave --deny out', notes: [] });
});

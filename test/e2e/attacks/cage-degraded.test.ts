/** A cage that this machine, or the operator, does not give in full: what is said of it, and what holds all the same. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { tunMissing } from '../../support/netns.ts';
import { INSIDE, VpnLab } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const WITHOUT_LANDLOCK = { SSTPD_CAGE_ABI: '0' };

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  return lab;
}

test('without Landlock: seccomp alone, said once by the start, by doctor, API and metrics, and clients get in', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn({ args: ['--workers', '1'], env: WITHOUT_LANDLOCK });
  const findings = server.log('doctor.finding', { check: 'cage' });
  assert.equal(findings.length, 1);
  assert.match(String(findings[0]?.text), /^missing for the workers' cage: Landlock beyond ABI 0 .*open no file/);
  const warned = server.process.text.split('\n').filter((line) => line.includes('WARNING: cage: '));
  assert.equal(warned.length, 1);
  const client = lab.connect();
  await client.up();
  await client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', INSIDE]);
  const [worker = 0] = server.pids.slice(1);
  const own = Number(server.status('Seccomp_filters'));
  assert.equal(server.status('Seccomp_filters', worker), String(own + 2));
  const { stdout } = await server.run(['doctor']);
  assert.match(stdout, /^warning +cage +missing for the workers' cage: Landlock /m);
  assert.match(await server.must(['metrics']), /^sstp_worker_cage\{layer="landlock"\} 0\n.*\{layer="seccomp"\} 1$/m);
});

test('a start that requires the cage is refused without, in one line', { skip }, async (t) => {
  const lab = await makeLab(t);
  const env = { ...WITHOUT_LANDLOCK, SSTPD_RUN_CAGE: 'require' };
  const refused = lab.launch('exec "$@"', { env });
  assert.equal((await refused.end()).status, 1);
  assert.match(refused.text, /^sstpd: run\.cage: missing for the workers' cage: Landlock [^\n]*docs\/security\.md$/m);
  // Nothing was made.
  assert.equal(await lab.server.run('ip', ['-o', 'link', 'show', 'type', 'tun']), '');
});

test('a start that requires the cage has it, and one that wants none has none and says so', { skip }, async (t) => {
  const lab = await makeLab(t);
  const caged = await lab.serve({ args: ['--workers', '1'], env: { SSTPD_RUN_CAGE: 'require' } });
  assert.deepEqual(caged.log('doctor.finding', { check: 'cage' }), []);
  const { stdout } = await caged.run(['doctor']);
  assert.match(stdout, /^ok +cage +workers are shut in by Landlock, ABI \d+[^\n]*, and seccomp/m);
  await caged.stop();
  const open = await lab.serve({ args: ['--workers', '1'], env: { SSTPD_RUN_CAGE: 'off' } });
  const [worker = 0] = open.pids.slice(1);
  assert.equal(open.status('Seccomp_filters', worker), open.status('Seccomp_filters'));
  assert.equal(open.log('doctor.finding', { check: 'cage' }).length, 1);
});

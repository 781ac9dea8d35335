/** Signals that Node answers by opening its debugger, which runs code for every user of the machine with our rights. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Netns, tunMissing } from '../support/netns.ts';
import { INSIDE, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  return lab;
}

const listeners = (netns: Netns): Promise<string> => netns.run('ss', ['-H', '-l', '-n', '-t', '-u', '-w']);

for (const { name, workers, env } of [
  { name: 'supervisor and workers', workers: 2, env: {} },
  { name: 'a server of one process', workers: 0, env: {} },
  // Such an environment is an operator's own wish, but for the process that was started.
  { name: 'workers of a debugged supervisor', workers: 2, env: { NODE_OPTIONS: '--inspect=127.0.0.1:9333' } },
]) {
  test(`SIGUSR1 and SIGUSR2 to all processes, ${name}: none listens, none ends, the tunnel stays`, {
    skip,
  }, async (t) => {
    const lab = await makeLab(t);
    const server = await lab.serveAnn({ args: ['--workers', String(workers)], env });
    const client = lab.connect();
    await client.up();
    const { pids } = server;
    assert.equal(pids.length, 1 + workers);
    const before = [await listeners(lab.server), await listeners(lab.client())];
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGUSR1'] as const) {
      for (const pid of [...pids, client.process.pid]) process.kill(pid, signal);
      // The answer has passed each of them, behind the signal.
      assert.equal((await server.sessions()).length, 1);
      await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
    }
    assert.deepEqual([await listeners(lab.server), await listeners(lab.client())], before);
    const opened = [...`${server.process.text}\n${client.process.text}`.matchAll(/^Debugger listening on (.*)$/gm)];
    assert.equal(opened.length, 'NODE_OPTIONS' in env ? 1 : 0, String(opened));
    assert.deepEqual(server.pids, pids);
    assert.equal((await client.stop()).exit.status, 0);
    assert.equal((await server.stop()).status, 0);
  });
}

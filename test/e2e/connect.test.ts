import assert from 'node:assert/strict';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { tunMissing } from '../support/netns.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({ args: ['--auth', 'mschapv2,chap,pap'] });
  },
  () => lab?.destroy(),
);

const STEPS = ['tcp', 'tls', 'http', 'sstp', 'lcp', 'authentication', 'binding', 'ipcp'];

for (const method of ['mschapv2', 'chap', 'pap']) {
  test(`connects with ${method}: address and DNS by IPCP, the server answers pings, an orderly end`, {
    skip,
  }, async () => {
    const from = server.mark;
    const client = lab.connect({ args: ['--auth', method] });
    const up = await client.up();
    assert.match(up.ipv4, /^10\.86\.0\.\d+$/);
    assert.equal(up.server, INSIDE);
    assert.deepEqual(up.dns, ['192.0.2.53', '192.0.2.54']);
    assert.deepEqual(
      Object.keys(up.timelineMs).filter((step) => step !== 'ipv6cp'),
      STEPS,
    );
    await client.netns.run('ping', ['-c', '3', '-i', '0.2', INSIDE]);

    const [session] = await server.sessions();
    assert.equal(session?.user, 'ann');
    assert.equal(session.method, method);
    assert.equal(session.ipv4, up.ipv4);
    assert.equal(session.stage, 'up');

    const { exit, wasUp } = await client.stop();
    assert.deepEqual({ exit: exit.status, wasUp }, { exit: 0, wasUp: true });
    const closed = await server.logged('connection.closed', {}, from);
    assert.equal(closed.stage, 'up');
    assert.equal(closed.user, 'ann');
    assert.equal(closed.ipv4, up.ipv4);
    assert.ok(Number(closed.bytesIn) >= 3 * 84 && Number(closed.bytesOut) >= 3 * 84, JSON.stringify(closed));
    assert.equal(closed.drops, undefined);
    assert.deepEqual(await server.sessions(), []);
  });
}

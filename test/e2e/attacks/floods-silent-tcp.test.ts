/** Somebody opens TCP connections and says nothing: he pushes out himself, and explain knows of it. */
// Needs: ping
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';
import { SstpdProcess } from '../../support/sstpd-process.ts';
import type { VpnLab } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const RECEIVER = join(import.meta.dirname, '../webhook-receiver.ts');
const SECRET = 'a secret of sixteen bytes and more';

test('silent TCP of 16 addresses: clean clients get in, a session goes on, and the flood is told of', {
  skip,
}, async (t) => {
  let receiver: SstpdProcess | undefined;
  const prepare = async (vpn: VpnLab): Promise<string[]> => {
    const secret = vpn.file('secret', `${SECRET}\n`);
    chmodSync(secret, 0o600);
    receiver = new SstpdProcess(vpn.server, [process.execPath, RECEIVER, '127.0.0.1', '8080', SECRET]);
    await receiver.printed(/^ready$/);
    return ['--webhook', 'http://127.0.0.1:8080/x', '--webhook-secret', secret];
  };
  const lab = await FloodLab.create({ args: ['--workers', '2'], prepare });
  t.after(() => lab.destroy());
  const { opened } = await lab.beside('silent TCP', '16 addresses', 100);
  assert.ok(opened > 200, `${opened} connections`);
  const { refused, pushedOut, networks } = await lab.server.logged('server.under-flood', {});
  assert.ok(Number(refused) + Number(pushedOut) >= 100);
  assert.match(String(networks), /^100\.80\.\d+\.0\/24 \(\d+\)/);
  const event = await receiver?.line({ event: 'server.under-flood' });
  assert.deepEqual([event?.isOurs, Array.isArray(event?.networks)], [true, true]);
  assert.match(await lab.server.must(['explain']), /There was no place for the connection|had to make room/);
  const metrics = await lab.server.must(['metrics']);
  assert.match(metrics, /^sstp_connections_refused_total\{limit="unauthenticated(PerAddress)?"\} [1-9]/m);
  assert.equal((await lab.server.stop()).status, 0);
});

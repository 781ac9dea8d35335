/** Somebody opens TCP connections and says nothing: he pushes out himself, and explain knows of it. */
// Needs: ping
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';

const skip = tunMissing() ?? false;

test('silent TCP of 16 addresses: clean clients get in, a session goes on, and the flood is told of', {
  skip,
}, async (t) => {
  const lab = await FloodLab.create({ args: ['--workers', '2'] });
  t.after(() => lab.destroy());
  const { opened } = await lab.beside('silent TCP', '16 addresses', 100);
  assert.ok(opened > 200, `${opened} connections`);
  const { refused, pushedOut, most } = await lab.server.logged('server.under-flood', {});
  assert.ok(Number(refused) + Number(pushedOut) >= 100);
  assert.match(String(most), /^100\.80\.\d+\.0\/24 \(\d+\)/);
  assert.match(await lab.server.must(['explain']), /There was no place for the connection|had to make room/);
  const metrics = await lab.server.must(['metrics']);
  assert.match(metrics, /^sstp_connections_refused_total\{limit="unauthenticated(PerAddress)?"\} [1-9]/m);
  assert.equal((await lab.server.stop()).status, 0);
});

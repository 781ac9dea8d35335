/** Somebody who has no password sends PPP protocols that nobody speaks, as fast as he can. */
// Needs: ping
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';

const skip = tunMissing() ?? false;

test('unknown PPP protocols before the login: 64 KiB, and then the end; honest clients offer theirs and get in', {
  skip,
}, async (t) => {
  const lab = await FloodLab.create();
  t.after(() => lab.destroy());
  const end = await lab.flood({ kind: 'unknown PPP protocols', shape: '16 addresses', rate: 10, seconds: 30 });
  await lab.server.logged('connection.closed', { reason: 'too-much-before-login' });
  const fresh = await lab.clean('new', 15, 5);
  await end();
  assert.deepEqual([fresh.failures, fresh.inAtFirst], [{}, 15]);
  assert.match(await lab.server.must(['explain']), /sent more than 64 KiB/);
});

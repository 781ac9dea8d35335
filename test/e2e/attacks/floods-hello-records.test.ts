/** Somebody sends his ClientHello in records of one byte, which cost a segment each. */
// Needs: ping
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';

const skip = tunMissing() ?? false;

test('one-byte ClientHello records: the connection ends at the seventeenth, and nobody else notices', {
  skip,
}, async (t) => {
  const lab = await FloodLab.create();
  t.after(() => lab.destroy());
  const session = lab.vpn.connect({ from: 1 });
  await session.up();
  const end = await lab.flood({ kind: 'one-byte ClientHello records', shape: '16 addresses', rate: 40, seconds: 30 });
  const fresh = await lab.clean('new', 15, 5);
  const { opened, ended } = await end();
  assert.deepEqual([fresh.failures, fresh.inAtFirst], [{}, 15]);
  // Those of the last half second may still be on their way to it.
  assert.ok(ended >= opened - 40 && opened > 40, `${ended} of ${opened} were ended`);
  await lab.server.logged('tls.failed', { error: /more records than any client needs/ });
  await session.stop();
});

/** Somebody makes TLS handshakes and says nothing more. */
// Needs: ping
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';

const skip = tunMissing() ?? false;

test('silent TLS of a thousand addresses in four networks: the networks pay, not who comes from elsewhere', {
  skip,
}, async (t) => {
  const lab = await FloodLab.create();
  t.after(() => lab.destroy());
  const { opened } = await lab.beside('silent TLS', '1,000 of four /24', 100);
  assert.ok(opened > 200, `${opened} connections`);
});

/** Somebody begins SSTP and leaves it at that, in one process and in several. */
// Needs: ping
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';

const skip = tunMissing() ?? false;

for (const workers of ['1', '2']) {
  test(`half-open SSTP of 16 addresses, ${workers} workers: clean clients get in, a session goes on`, {
    skip,
  }, async (t) => {
    const lab = await FloodLab.create({ args: ['--workers', workers] });
    t.after(() => lab.destroy());
    const { opened } = await lab.beside('half-open SSTP', '16 addresses', 100);
    assert.ok(opened > 200, `${opened} connections`);
  });
}

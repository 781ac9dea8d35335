/** Somebody has as many addresses of IPv6 as he likes: what counts is the network that they are in. */
// Needs: ping
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { FloodLab } from '../../support/flood-lab.ts';
import { tunMissing } from '../../support/netns.ts';

const skip = tunMissing() ?? false;

/** So that it is the limit of one network that is reached, and not that of all. */
const PER_ADDRESS = 8;
const WIDE = {
  SSTPD_LIMITS_UNAUTHENTICATED: '400',
  SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: String(PER_ADDRESS),
};
const SAMPLES = 10;

/** Connections that have a place and have not logged in. */
async function held(lab: FloodLab): Promise<number> {
  const metrics = await lab.server.must(['metrics']);
  return Number(/^sstp_connections\{state="unauthenticated"\} (\d+)$/m.exec(metrics)?.[1]);
}

test('of a thousand addresses a /64 has what one address has, the /56 around it twice, the /48 four times as much', {
  skip,
}, async (t) => {
  const lab = await FloodLab.create({ ipv6: true, env: WIDE });
  t.after(() => lab.destroy());
  assert.deepEqual((await lab.clean('known', 10, 10)).failures, {});
  for (const [shape, most] of [
    ['an IPv6 /64', PER_ADDRESS],
    ['an IPv6 /56', 2 * PER_ADDRESS],
    ['an IPv6 /48', 4 * PER_ADDRESS],
  ] as const) {
    await eventually('the flood before has left', async () => ((await held(lab)) === 0 ? true : undefined));
    const end = await lab.flood({ kind: 'silent TCP', shape, rate: 50, seconds: 60 });
    await eventually(`${most} of ${shape}`, async () => ((await held(lab)) === most ? true : undefined));
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const now = await held(lab);
      assert.ok(now <= most, `${now} of ${shape}`);
    }
    const [fresh, known] = [await lab.clean('new', 5, 5), await lab.clean('known', 5, 5)];
    await end();
    assert.deepEqual([fresh.failures, fresh.inAtFirst], [{}, 5], `${shape}: from elsewhere`);
    assert.deepEqual([known.failures, known.inAtFirst], [{}, 5], `${shape}: known, from inside the /48`);
  }
  const metrics = await lab.server.must(['metrics']);
  assert.match(metrics, /^sstp_connections_refused_total\{limit="unauthenticatedPerAddress"\} [1-9]/m);
  const { networks } = await lab.server.logged('server.under-flood', {});
  assert.match(String(networks), /^2001:db8:f00d::\/48 \(\d+\)$/);
});

test('half-open SSTP of a /48 at the limit of all: who comes from elsewhere gets in, and who is known in the midst of it', {
  skip,
}, async (t) => {
  const lab = await FloodLab.create({ ipv6: true });
  t.after(() => lab.destroy());
  const { opened } = await lab.beside('half-open SSTP', 'an IPv6 /48', 100);
  assert.ok(opened > 200, `${opened} connections`);
});

/** What is larger than the client's MRU and may be cut arrives in fragments, which the client's kernel puts together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tunMissing } from '../support/netns.ts';
import { FAR, INSIDE, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

test('IPv4 without DF above the MRU, from the server itself and from a host behind it (RFC 791 3.2)', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create({ far: true });
  t.after(() => lab.destroy());
  // The client's MRU is 1400, as its device's MTU is.
  await lab.serveAnn({ args: ['--mtu', '1500'] });
  const client = lab.connect({ args: ['--route', `${FAR}/32`] });
  await client.up();
  for (const address of [INSIDE, FAR]) {
    // 28 bytes of headers: one byte more than fits, and as much as the server's device carries.
    for (const bytes of [1373, 1472]) {
      const words = ['-M', 'dont', '-c', '2', '-i', '0.2', '-W', '5', '-s', String(bytes), address];
      const { code, stdout } = await client.netns.exec('ping', words);
      assert.equal(code, 0, stdout);
    }
  }
});

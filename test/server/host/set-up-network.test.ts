import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { formatIpv4, formatIpv4Cidr, formatIpv6Cidr, parseIpv4, parseIpv4Cidr } from '../../../core/index.ts';
import { type Config, type FlagValues, loadConfig } from '../../../server/config/index.ts';
import { HostNetwork } from '../../../server/host/network/index.ts';
import { planAddresses } from '../../../server/host/set-up-network.ts';

const configOf = (flags: FlagValues): Config => loadConfig({ flags, env: {} }).config;

/** A host with these networks and resolvers. */
function hostWith(t: TestContext, networks: readonly string[], resolvers: readonly string[] = []): void {
  const cidrs = networks.map((text) => parseIpv4Cidr(text) ?? assert.fail(text));
  t.mock.method(HostNetwork, 'localNetworks', async () => cidrs);
  t.mock.method(HostNetwork, 'resolvers', async () => resolvers.map((text) => parseIpv4(text) ?? assert.fail(text)));
}

test('the pool that was asked for, with its first host address as ours', async (t) => {
  hostWith(t, ['192.168.1.0/24']);
  const plan = await planAddresses(configOf({ 'pool.ipv4': '10.7.0.0/22' }));
  assert.equal(formatIpv4Cidr(plan.cidr), '10.7.0.0/22');
  assert.equal(formatIpv4(plan.serverAddress), '10.7.0.1');
  assert.equal(plan.prefixes, undefined);
});

for (const taken of ['10.7.0.0/24', '10.0.0.0/8', '10.7.3.128/25']) {
  test(`a pool that overlaps ${taken} of this host is refused in one line that names both`, async (t) => {
    hostWith(t, ['192.168.1.0/24', taken]);
    await assert.rejects(planAddresses(configOf({ 'pool.ipv4': '10.7.0.0/22' })), {
      code: 'ERR_START',
      message: `pool.ipv4: 10.7.0.0/22 overlaps ${taken}, which this host uses: choose another with --pool CIDR`,
    });
  });
}

test('without a pool a free private /24 is taken that overlaps nothing', async (t) => {
  hostWith(t, ['10.0.0.0/8', '192.168.0.0/16']);
  const { cidr } = await planAddresses(configOf({}));
  assert.equal(cidr.prefixLength, 24);
  assert.match(formatIpv4Cidr(cidr), /^172\.(1[6-9]|2\d|3[01])\./);
});

test('all private networks taken: one line with the remedy', async (t) => {
  hostWith(t, ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']);
  await assert.rejects(planAddresses(configOf({})), {
    code: 'ERR_START',
    message: 'no private /24 is free on this host: choose the addresses of clients with --pool CIDR',
  });
});

test('the resolvers of the host, unless others are named', async (t) => {
  hostWith(t, [], ['192.0.2.53']);
  const own = await planAddresses(configOf({}));
  assert.deepEqual(own.dns.map(formatIpv4), ['192.0.2.53']);
  const named = await planAddresses(configOf({ dns: ['9.9.9.9'] }));
  assert.deepEqual(named.dns.map(formatIpv4), ['9.9.9.9']);
});

test('an IPv6 pool is cut into /64s, of which the first is ours', async (t) => {
  hostWith(t, []);
  const { prefixes } = await planAddresses(configOf({ 'pool.ipv6': '2001:db8:7::/48' }));
  assert.equal(formatIpv6Cidr(prefixes?.serverPrefix ?? assert.fail()), '2001:db8:7::/64');
  assert.equal(prefixes?.size, 65_535);
});

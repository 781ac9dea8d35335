import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4, parseIpv4Cidr, parseIpv6Cidr } from '../../../core/index.ts';
import type { Lease } from '../../../server/control/lease-desk.ts';
import { HostRoutes } from '../../../server/host/client-routes.ts';
import type { IpPrefix } from '../../../tun/index.ts';
import { RecordingLog } from '../support.ts';

const leaseOf = (ipv4: string, ipv6?: string): Lease => ({
  ipv4: { address: parseIpv4(ipv4) ?? assert.fail(), serverAddress: 0, dns: [], wins: [] },
  ipv6: ipv6 === undefined ? undefined : (parseIpv6Cidr(ipv6) ?? assert.fail()),
  interfaceId: new Uint8Array(8),
  linkLocal: new Uint8Array(16),
});

function newRoutes(perClient: boolean) {
  const told: string[] = [];
  const log = new RecordingLog();
  const text = ({ address, prefixLength }: IpPrefix) =>
    `${address.length === 4 ? address.join('.') : Buffer.from(address).toString('hex', 0, 8)}/${prefixLength}`;
  const state = { isBroken: false };
  const tell = (word: string) => (device: string, destination: IpPrefix) => {
    if (state.isBroken) throw new Error('ENETDOWN');
    told.push(`${word} ${text(destination)} ${device}`);
  };
  const routes = new HostRoutes({
    table: { replace: tell('replace'), remove: tell('remove') },
    translations: {
      add: (address) => void told.push(`translate ${address & 0xff}`),
      settled: () => Promise.resolve(),
      remove: (address) => void told.push(`leave ${address & 0xff}`),
    },
    pool: parseIpv4Cidr('10.9.0.0/24') ?? assert.fail(),
    perClient,
    log,
  });
  return { routes, told, log, state };
}

test('one device: the pool has its route, only addresses outside of it need one', () => {
  const { routes, told } = newRoutes(false);
  routes.add(leaseOf('10.9.0.7', '2001:db8:0:7::/64'), 'sstp0');
  routes.remove(leaseOf('10.9.0.7', '2001:db8:0:7::/64'), 'sstp0');
  assert.deepEqual(told, []);
  routes.add(leaseOf('198.51.100.7'), 'sstp0');
  routes.remove(leaseOf('198.51.100.7'), 'sstp0');
  assert.deepEqual(told, ['replace 198.51.100.7/32 sstp0', 'translate 7', 'remove 198.51.100.7/32 sstp0', 'leave 7']);
});

test('several devices: each client has a route per address to the device of its worker', () => {
  const { routes, told } = newRoutes(true);
  const lease = leaseOf('10.9.0.7', '2001:db8:0:7::/64');
  routes.add(lease, 'sstp1');
  routes.remove(lease, 'sstp1');
  assert.deepEqual(told, [
    'replace 10.9.0.7/32 sstp1',
    'replace 20010db800000007/64 sstp1',
    'remove 10.9.0.7/32 sstp1',
    'remove 20010db800000007/64 sstp1',
  ]);
});

test('an address that moves to another worker follows its newest session, in whatever order the calls come', () => {
  const lease = leaseOf('10.9.0.7');
  const before = newRoutes(true);
  before.routes.add(lease, 'sstp0');
  before.routes.add(lease, 'sstp1');
  before.routes.remove(lease, 'sstp0');
  assert.deepEqual(before.told, ['replace 10.9.0.7/32 sstp0', 'replace 10.9.0.7/32 sstp1']);
  const back = newRoutes(true);
  back.routes.add(lease, 'sstp0');
  back.routes.add(lease, 'sstp1');
  back.routes.remove(lease, 'sstp1');
  assert.equal(back.told.at(-1), 'replace 10.9.0.7/32 sstp0');
  back.routes.remove(lease, 'sstp1');
  assert.equal(back.told.length, 3, 'taken back already');
});

test('a route that the kernel refuses is an error for the operator, and costs nobody else anything', () => {
  const { routes, told, log, state } = newRoutes(true);
  state.isBroken = true;
  routes.add(leaseOf('10.9.0.7'), 'sstp0');
  assert.deepEqual(log.of('network.route-failed')[0]?.fields, {
    destination: '10.9.0.7/32',
    error: 'Error: ENETDOWN',
  });
  state.isBroken = false;
  routes.add(leaseOf('10.9.0.8'), 'sstp0');
  assert.deepEqual(told, ['replace 10.9.0.8/32 sstp0']);
});

/**
 * Runs inside a network namespace that translates what comes from `t0` and goes to `up0`. Gives out leases, has each
 * client begin flows, ends all sessions at once, and prints what that took as JSON. Arguments: clients, flows of each.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { User } from '../../auth/index.ts';
import { ipv4Bytes, type Log, parseIpv4Cidr } from '../../core/index.ts';
import { AddressPool } from '../../ip/index.ts';
import { LeaseDesk, type LeaseHolder } from '../../server/control/lease-desk.ts';
import { HostRoutes } from '../../server/host/client-routes.ts';
import { FlowCleaner } from '../../server/host/flow-cleaner.ts';
import { forgetFlows, openTun, removeRoute, replaceRoute } from '../../tun/index.ts';

const [clients = 0, flowsEach = 0] = process.argv.slice(2).map(Number);
const faults: unknown[] = [];
const log: Log = {
  ...{ debug() {}, info() {}, warn() {}, child: () => log },
  error: (event, fields) => void faults.push([event, fields]),
};
const device = openTun({ name: 't0', mtu: 1400 });
execFileSync('ip', ['link', 'set', 't0', 'up']);
device.start(() => {});

const cidr = parseIpv4Cidr('10.64.0.0/16') ?? process.exit(2);
const pool = new AddressPool({ cidr, serverAddress: cidr.address + 1 });
const translations = { add() {}, remove() {}, settled: () => Promise.resolve() };
const routes = new HostRoutes({
  ...{ table: { replace: replaceRoute, remove: removeRoute }, translations, pool: cidr, perClient: true, log },
});
const flows = new FlowCleaner({ forget: forgetFlows, log });
const desk = new LeaseDesk({
  ...{
    pool,
    prefixes: undefined,
    book: { remember: async () => undefined },
    log,
    routes,
    flows,
    serverAddress: cidr.address + 1,
  },
  ...{ dns: [], wins: [], maxPerUser: 5 },
});
const count = (): number => Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));

const holders: LeaseHolder[] = [];
for (let i = 0; i < clients; i++) {
  const holder: LeaseHolder = { id: String(i), device: 't0', replace() {} };
  const user = { name: `user${i}` } as User;
  const lease = desk.lease(user, holder) ?? process.exit(3);
  holders.push(holder);
  begin(ipv4Bytes(lease.ipv4.address));
}
device.flush();
const before = count();

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const startedAt = performance.now();
for (let i = 0; i < holders.length; i += 50) {
  for (const holder of holders.slice(i, i + 50)) desk.release(holder);
  await new Promise(setImmediate);
}
await flows.settled();
await new Promise((resolve) => setTimeout(resolve, 1)); // the last delay is counted
const ms = performance.now() - startedAt;
delay.disable();
const { used } = desk.addresses;
console.log(JSON.stringify({ before, after: count(), ms, p99: delay.percentile(99) / 1e6, used, faults }));
device.close();

/** A datagram to each of so many ports, without a checksum (RFC 768). */
function begin(source: Uint8Array): void {
  const packet = Buffer.from('4500001c0000400040110000000000000000000010000000000800000000', 'hex').subarray(0, 28);
  packet.set(source, 12);
  packet.set([198, 51, 100, 9], 16);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += packet.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.writeUInt16BE(~sum & 0xffff, 10);
  packet.writeUInt16BE(8, 24);
  for (let i = 0; i < flowsEach; i++) {
    packet.writeUInt16BE(1_000 + i, 22);
    device.write(packet, 0, packet.length);
  }
}

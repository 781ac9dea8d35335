import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Finding } from '../../../../core/index.ts';
import { type LoadedConfig, loadConfig } from '../../../../server/config/index.ts';
import { judgeFlowTable } from '../../../../server/observe/doctor/flow-table.ts';

const configOf = (flags: Record<string, string> = {}): LoadedConfig['config'] => loadConfig({ flags, env: {} }).config;

/** What Linux takes with so much memory (nf_conntrack_init_start), and what large machines are set to. */
const KERNELS: readonly (readonly [memory: string, size: number])[] = [
  ['more than 1 GiB', 65_536],
  ['more than 4 GiB', 262_144],
  ['a large machine, by hand', 1_048_576],
];

for (const [memory, size] of KERNELS) {
  for (const flags of [{}, { 'pool.ipv6': 'fd00:1::/48' }]) {
    const also = 'pool.ipv6' in flags ? ', IPv6 too' : '';
    test(`the defaults with the table of a kernel with ${memory}${also}: nothing to warn of`, () => {
      const [finding, ...others] = judgeFlowTable(configOf(flags), size);
      assert.deepEqual([finding?.result, finding?.fix, others], ['ok', undefined, []], finding?.text);
      const clients = size / 4096 / (also === '' ? 1 : 2);
      assert.equal(finding?.text, `${size} flows, those of ${clients} clients that have as many as they may`);
    });
  }
}

for (const [name, flags, size, text, fix] of [
  [
    'the defaults on a machine with 512 MiB, and a kernel from 5.15 on',
    {},
    4_096,
    /^it holds 4096 flows, so one client can fill it/,
    'sysctl -w net.netfilter.nf_conntrack_max=16384 (of a container: on its host), or limits.flowsPerClient 1024',
  ],
  [
    'with IPv6 a client has twice as many',
    { 'pool.ipv6': 'fd00:1::/48' },
    32_767,
    /so 4 clients can fill it/,
    'sysctl -w net.netfilter.nf_conntrack_max=32768 (of a container: on its host), or limits.flowsPerClient 4095',
  ],
  [
    'a limit that is none',
    { 'limits.flowsPerClient': '1000000' },
    262_144,
    /so one client can fill it, and then nobody on this machine gets a new connection$/,
    'sysctl -w net.netfilter.nf_conntrack_max=4194304 (of a container: on its host), or limits.flowsPerClient 65536',
  ],
  [
    'a table so small that no limit helps',
    {},
    3,
    /it holds 3 flows/,
    'sysctl -w net.netfilter.nf_conntrack_max=16384 (of a container: on its host)',
  ],
] as const) {
  test(`${name}: a warning, and both ways to mend it`, () => {
    const [finding, ...others] = judgeFlowTable(configOf(flags), size);
    assert.deepEqual([finding?.check, finding?.result, others], ['flow table', 'warning', []]);
    assert.match(finding?.text ?? '', text);
    assert.equal(finding?.fix, fix);
  });
}

for (const [name, flags, size, text] of [
  ['no limit in the kernel', {}, 0, /no limit \(net\.netfilter\.nf_conntrack_max\)/],
  ['no table yet', {}, undefined, /first rule of NAT/],
  ['an operator who wants no limit', { 'limits.flowsPerClient': '0' }, 65_536, /limits\.flowsPerClient is 0$/],
] as const) {
  test(`${name}: said, and not warned of`, () => {
    const [finding] = judgeFlowTable(configOf(flags), size);
    assert.deepEqual([finding?.result, finding?.fix], ['ok', undefined]);
    assert.match(finding?.text ?? '', text);
  });
}

test('without NAT the server has nothing tracked, and there is nothing to compare', () => {
  assert.deepEqual(judgeFlowTable(configOf({ 'network.nat': 'false' }), 1), []);
});

test('whatever the numbers, either fix mends it', () => {
  const judge = (limit: number, ipv6: boolean, size: number): Finding | undefined =>
    judgeFlowTable(
      configOf({ 'limits.flowsPerClient': String(limit), ...(ipv6 ? { 'pool.ipv6': 'fd00:1::/48' } : {}) }),
      size,
    )[0];
  const limits = fc.integer({ min: 1, max: 1_000_000 });
  fc.assert(
    fc.property(limits, fc.boolean(), fc.integer({ min: 1, max: 2 ** 22 }), (limit, ipv6, size) => {
      const fix = judge(limit, ipv6, size)?.fix;
      if (fix === undefined) return;
      assert.equal(judge(limit, ipv6, Number(/=(\d+) /.exec(fix)?.[1]))?.result, 'ok', fix);
      const lower = /flowsPerClient (\d+)$/.exec(fix)?.[1];
      if (lower !== undefined) assert.equal(judge(Number(lower), ipv6, size)?.result, 'ok', fix);
    }),
    { numRuns: 50 },
  );
});

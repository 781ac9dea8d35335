import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../../server/config/index.ts';
import { judgeClientsIpv6, uniqueLocalPrefix } from '../../../../server/observe/doctor/clients-ipv6.ts';

test('all traffic without an IPv6 pool is warned of, with a pool that mends it', () => {
  const { config } = loadConfig({ flags: {}, env: {} });
  const { result, fix = '' } = judgeClientsIpv6(config);
  assert.equal(result, 'warning');
  const pool = /--pool6 (\S+)/.exec(fix)?.[1];
  const mended = loadConfig({ flags: { 'pool.ipv6': pool }, env: {} }).config;
  assert.deepEqual(judgeClientsIpv6(mended), {
    check: 'IPv6 of clients',
    result: 'ok',
    text: `addresses of ${pool}`,
  });
});

test('networks of the profile alone are nothing to warn of', () => {
  const { config } = loadConfig({ flags: { 'profile.routes': ['10.0.0.0/8'] }, env: {} });
  assert.equal(judgeClientsIpv6(config).result, 'ok');
});

test('each host is told a Unique Local prefix of its own that is a pool (RFC 4193 3.1)', () => {
  for (let i = 0; i < 500; i += 1) {
    const prefix = uniqueLocalPrefix(`host${i}`);
    assert.equal(uniqueLocalPrefix(`host${i}`), prefix);
    const { config } = loadConfig({ flags: { 'pool.ipv6': prefix }, env: {} });
    assert.equal(judgeClientsIpv6(config).text, `addresses of ${prefix}`);
  }
});

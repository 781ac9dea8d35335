import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../../core/index.ts';
import {
  judgeCongestion,
  judgeDetour,
  judgeForeign,
  judgeForwarding,
  judgeForwardPolicy,
  judgeMtu,
  judgeNat,
} from '../../../../server/observe/doctor/host.ts';

const POOL = { address: 0x0a560000, prefixLength: 24 };
const chain = { name: 'chain FORWARD of table ip filter (Docker)', remedy: 'iptables -I DOCKER-USER' };

for (const { name, finding, result, says } of [
  { name: 'forwarding on', finding: judgeForwarding('IPv4', 'on', true), result: 'ok', says: /on/ },
  {
    name: 'off before a start',
    finding: judgeForwarding('IPv4', 'off', false),
    result: 'ok',
    says: /start turns it on/,
  },
  { name: 'off under a server', finding: judgeForwarding('IPv4', 'off', true), result: 'problem', says: /turned off/ },
  {
    name: 'not ours to turn on',
    finding: judgeForwarding('IPv6', 'closed', false),
    result: 'problem',
    says: /can't be/,
  },
  { name: 'no such setting', finding: judgeForwarding('IPv6', 'absent', false), result: 'problem', says: /kernel/ },
  { name: 'NAT that nft takes', finding: judgeNat(true, false, undefined), result: 'ok', says: /takes the rules/ },
  {
    name: 'NAT without nft',
    finding: judgeNat(true, false, 'nft is not installed'),
    result: 'problem',
    says: /nft is/,
  },
  { name: 'no NAT wanted', finding: judgeNat(false, false, undefined), result: 'ok', says: /not wanted/ },
  { name: 'no NAT, no nft', finding: judgeNat(false, false, 'nft is not installed'), result: 'warning', says: /guard/ },
  { name: 'nobody on the way', finding: one(judgeForeign({ chains: [] }, ['sstp0'])), result: 'ok', says: /no chain/ },
  {
    name: 'a chain that drops',
    finding: one(judgeForeign({ chains: [chain] }, ['sstp0'])),
    result: 'problem',
    says: /Docker.* drops what sstp0/,
  },
  {
    name: 'chains that can not be listed',
    finding: one(judgeForeign({ chains: [], unseen: 'nft is not installed' }, ['sstp0'])),
    result: 'warning',
    says: /nft is not installed/,
  },
  { name: 'no detour', finding: judgeDetour(POOL, undefined), result: 'ok', says: /10\.86\.0\.0\/24/ },
  {
    name: 'a detour with strict rp_filter',
    finding: judgeDetour(POOL, { device: 'wg0', isStrict: true, address: '10.86.0.254' }),
    result: 'problem',
    says: /wg0.*rp_filter/,
  },
  {
    name: 'a detour without it',
    finding: judgeDetour(POOL, { device: 'wg0', isStrict: false, address: '10.86.0.254' }),
    result: 'problem',
    says: /to wg0$/,
  },
  {
    name: 'an uplink that is wide enough',
    finding: judgeMtu(1400, { device: 'eth0', mtu: 1500 }),
    result: 'ok',
    says: /1500/,
  },
  {
    name: 'a narrow one',
    finding: judgeMtu(1400, { device: 'ppp0', mtu: 1280 }),
    result: 'warning',
    says: /ppp0.*1280/,
  },
  { name: 'no uplink', finding: judgeMtu(1400, undefined), result: 'ok', says: /no default route/ },
  { name: 'BBR', finding: judgeCongestion('auto', ['reno', 'bbr']), result: 'ok', says: /bbr/ },
  { name: 'no BBR', finding: judgeCongestion('auto', ['reno', 'cubic']), result: 'warning', says: /no BBR/ },
  { name: 'one that is wanted', finding: judgeCongestion('cubic', ['cubic']), result: 'ok', says: /cubic/ },
  {
    name: 'one that is wanted and not there',
    finding: judgeCongestion('westwood', ['cubic']),
    result: 'warning',
    says: /westwood/,
  },
  { name: "the system's", finding: judgeCongestion('system', ['cubic']), result: 'ok', says: /system/ },
] as const) {
  test(`${name}: ${result}`, () => {
    assert.equal(finding.result, result, finding.text);
    assert.match(finding.text, says);
    assert.equal(finding.fix === undefined, result === 'ok', finding.fix);
  });
}

function one(findings: readonly Finding[]): Finding {
  assert.equal(findings.length, 1);
  return findings[0] as Finding;
}

test('firewalls that can not be listed: the fix is what is missing', () => {
  const fix = (unseen: string): string | undefined => one(judgeForeign({ chains: [], unseen }, ['sstp0'])).fix;
  assert.equal(fix('nft is not installed'), 'apt install nftables');
  assert.match(fix('nft: Operation not permitted (you must be root)') ?? '', /^run this as root/);
  assert.match(fix('nft: syntax error') ?? '', /^see: nft list ruleset$/);
});

test('several networks and no forward policy: what passes between them is said', () => {
  assert.equal(one(judgeForwardPolicy(['eth0'], false)).result, 'ok');
  assert.equal(one(judgeForwardPolicy(['eth0', 'eth1'], true)).result, 'ok');
  const { result, text, fix } = one(judgeForwardPolicy(['eth0', 'eth1'], false));
  assert.equal(result, 'warning');
  assert.match(text, /everything between eth0, eth1/);
  assert.match(fix ?? '', /policy drop/);
  assert.deepEqual(judgeForwardPolicy(['eth0', 'eth1'], undefined), []);
});

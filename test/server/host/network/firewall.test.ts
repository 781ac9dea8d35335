import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4Cidr, parseIpv6Cidr } from '../../../../core/index.ts';
import { firewallRules, isUniqueLocal, removeTable } from '../../../../server/host/network/firewall.ts';
import type { Reach } from '../../../../server/host/network/index.ts';

const ipv4 = parseIpv4Cidr('192.168.217.0/24') ?? assert.fail();
const cidr6 = (text: string) => parseIpv6Cidr(text) ?? assert.fail();
const OPEN: Reach = {
  inbound: true,
  hostAccess: 'all',
  own: [],
  admin: undefined,
  metrics: undefined,
  dns: [],
  dns6: [],
  deny: [],
};
const rules = (ipv6: string | undefined, nat: boolean, flowsPerClient = 4096, reach: Partial<Reach> = {}) =>
  firewallRules({
    inside: { ipv4: ipv4.address + 1, ipv6: undefined },
    reach: { ...OPEN, ...reach },
    table: 'sstpd_a',
    tuns: ['sstp0'],
    isolate: false,
    ipv4,
    ipv6: ipv6 === undefined ? undefined : cidr6(ipv6),
    nat,
    flowsPerClient,
  });

test('the table is replaced in one transaction, whether it was there or not', () => {
  assert.equal(removeTable('sstpd_a'), 'table inet sstpd_a\ndelete table inet sstpd_a\n');
  assert.ok(rules(undefined, true).startsWith(removeTable('sstpd_a')));
});

test('masquerade for pool sources that leave by another device than the tunnel or lo', () => {
  const text = rules(undefined, true);
  assert.match(text, /elements = \{ 192\.168\.217\.0\/24 \}/);
  assert.match(text, /set inside \{ type ifname; elements = \{ "sstp0", "lo" \}; \}/);
  assert.match(text, /ip saddr @clients4 oifname != @inside masquerade/);
  assert.doesNotMatch(text, /ip6 saddr .*masquerade/);
});

test('NAT66 for unique local prefixes only', () => {
  assert.match(rules('fd00:1::/48', true), /ip6 saddr fd00:1::\/48 oifname != @inside masquerade/);
  assert.doesNotMatch(rules('2001:db8::/48', true), /ip6 saddr .*masquerade/);
  for (const [text, expected] of [
    ['fc00::/48', true],
    ['fdff::/48', true],
    ['fe00::/48', false],
    ['fb00::/48', false],
  ] as const) {
    assert.equal(isUniqueLocal(cidr6(text)), expected, text);
  }
});

test('without NAT only the loopback addresses are guarded', () => {
  const text = rules('fd00:1::/48', false);
  assert.doesNotMatch(text, /masquerade/);
  assert.match(text, /iifname "sstp0" ip daddr 127\.0\.0\.0\/8 drop/);
  assert.match(text, /iifname "sstp0" ip6 daddr ::1 drop/);
  assert.doesNotMatch(text, /\bct\b/, 'nothing that turns connection tracking on');
  const listed = rules('fd00:1::/48', false, 4096, {
    hostAccess: [{ protocol: 'tcp', port: 22 }],
    deny: [{ family: 'ipv4', address: 0xa9fe0000, prefixLength: 16 }],
  });
  assert.doesNotMatch(listed, /\bct\b/, 'nor does what clients reach on this host');
  assert.match(
    rules(undefined, false, 4096, { inbound: false }),
    /ct count over 4096/,
    'but where flows are told apart, they are limited',
  );
});

test('with NAT a client has so many flows, by address and by /64; what is in no flow does not leave untranslated', () => {
  const text = rules('fd00:1::/48', true, 7);
  assert.match(text, /iifname "sstp0" ct state new add @flows4 \{ ip saddr ct count over 7 \} goto refuse_flow/);
  assert.match(text, /add @flows6 \{ ip6 saddr and ffff:ffff:ffff:ffff:: ct count over 7 \} goto refuse_flow/);
  for (const those of ['ip saddr @clients4', 'ip6 saddr fd00:1::/48']) {
    const rule = `ct state invalid iifname "sstp0" ${those} oifname != @inside drop`;
    assert.ok(text.includes(rule), rule);
  }
  assert.doesNotMatch(rules('2001:db8::/48', true), /ct state invalid .* ip6/, 'an untranslated prefix may be routed');
  assert.doesNotMatch(rules(undefined, true, 0), /ct count/);
});

test('protocols are numbers: their names are in /etc/protocols, which a container may lack', () => {
  const text = rules('fd00:1::/48', true, 4096, { hostAccess: [{ protocol: 'icmp', port: undefined }] });
  assert.match(text, /meta l4proto 1 accept\s+meta l4proto 58 accept/);
  assert.doesNotMatch(text, /(?:l4proto|ip protocol|nexthdr) (?!\d|\{ \d)/);
});

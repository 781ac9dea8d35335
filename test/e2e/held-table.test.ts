/** A table that nft made, read and handed to the kernel once more: what nft shows is the same, whatever is in it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseIpv4 } from '../../core/index.ts';
import { Netns, tunMissing } from '../support/netns.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';

const skip = tunMissing() ?? false;

/** Bodies of a table, for each kind of statement and set that firewalls of ours have or may come to have. */
const TABLES: readonly string[] = [
  'chain only { }',
  'chain guard { type filter hook forward priority filter; policy drop; ct state invalid drop; accept; }',
  'chain nat { type nat hook postrouting priority srcnat; ip saddr 10.86.0.0/24 masquerade; ip6 saddr fd00::/8 masquerade; }',
  'chain mangle { type filter hook forward priority mangle - 1; tcp flags syn tcp option maxseg size set rt mtu; }',
  `counter seen { }; counter other { };
   chain guard { type filter hook input priority -5; iifname "sstp*" counter name seen; meta mark 7 counter name other drop; }`,
  `set names { type ifname; elements = { "one", "two" }; }
   set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.1, 255.255.255.255 }; }
   set nets6 { type ipv6_addr; flags interval; elements = { fd00::/8, 2001:db8::1 }; }
   set pairs { type ipv4_addr . inet_service; elements = { 192.0.2.1 . 80, 192.0.2.2 . 443 }; }
   chain guard { iifname @names ip daddr @nets drop; ip6 daddr @nets6 reject; ip daddr . tcp dport @pairs accept; }`,
  `chain guard { type filter hook forward priority filter; ip daddr { 192.0.2.1, 192.0.2.7 } accept;
     tcp dport { 22, 80-90, 443 } drop; iifname { "one", "two" } oifname != { "three" } accept; }`,
  `map to { type inet_service : ipv4_addr; elements = { 80 : 192.0.2.1, 443 : 192.0.2.2 }; }
   chain nat { type nat hook prerouting priority dstnat; dnat ip to tcp dport map @to; }`,
  `chain a { accept; }
   chain b { drop; }
   chain guard { type filter hook forward priority filter; ip saddr vmap { 192.0.2.1 : jump a, 192.0.2.2 : goto b, 192.0.2.3 : drop }; jump a; }`,
  `set flows { type ipv4_addr; size 1000; flags dynamic; }
   chain guard { type filter hook forward priority filter; ct state new add @flows { ip saddr ct count over 10 } drop; }`,
  `set slow { type ipv4_addr; size 1000; flags dynamic, timeout; timeout 1m; }
   chain guard { type filter hook forward priority filter; update @slow { ip saddr limit rate over 5/second burst 9 packets } drop; }`,
  `chain guard { type filter hook forward priority filter; limit rate 10/minute burst 3 packets log prefix "x: " level debug; reject with icmpx admin-prohibited;
     ip protocol icmp icmp type { echo-request, destination-unreachable } accept comment "why: 'so'"; ct mark set 0x5; meta mark set ct mark; }`,
  'chain guard { type filter hook prerouting priority raw; fib daddr type local accept; fib saddr . iif oif missing drop; notrack; }',
  `set many { type ipv4_addr; elements = { ${Array.from({ length: 3_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`)} }; }
   chain guard { ip daddr @many drop; }`,
  `chain guard { type filter hook forward priority filter; ${Array.from({ length: 400 }, (_, i) => `tcp dport ${i + 1} counter drop;`).join(' ')} }`,
];

const ADDRESSES = (
  [
    ['add', '192.0.2.7'],
    ['add', '192.0.2.8'],
    ['add', '172.31.9.9'],
    ['delete', '192.0.2.7'],
    ['add', '192.0.2.7'],
    ['delete', '192.0.2.8'],
    ['add', '255.255.255.255'],
    ['add', '0.0.0.1'],
    ['add', '127.255.255.255'],
    ['add', '128.0.0.0'],
    ['delete', '255.255.255.255'],
    ['delete', '128.0.0.0'],
    ['delete', '172.31.9.9'],
  ] as const
).map(([change, text]) => ({ change, text, number: parseIpv4(text) ?? assert.fail(text) }));

test('what nft made and what is put in its place are one to nft, and to the kernel byte by byte', {
  skip,
}, async (t) => {
  const netns = await Netns.create('held');
  t.after(() => netns.destroy());
  const tasks = JSON.stringify({ tables: TABLES, addresses: ADDRESSES });
  const child = new SstpdProcess(netns, [process.execPath, join(import.meta.dirname, 'held-table-child.ts'), tasks]);
  await child.line({ msg: 'done' });
  for (const number of TABLES.keys()) {
    for (const removes of [false, true]) {
      const { before, after } = child.lines({ number, removes })[0] ?? assert.fail(TABLES[number]);
      assert.deepEqual(after, before, TABLES[number]);
    }
  }
  for (const { change, text } of ADDRESSES) {
    for (const { byNft, byUs } of child.lines({ change, text })) assert.equal(byUs, byNft, `${change} ${text}`);
  }
});

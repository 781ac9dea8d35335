import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  droppingChains,
  droppingLegacyChain,
  refusesForwarded,
} from '../../../../server/host/network/foreign-chains.ts';

// Entries in the form of libnftables-json(5), cut down to what matters.
const chain = (family: string, table: string, name: string, more: object = {}) => ({
  chain: { family, table, name, ...more },
});
const base = (policy: string) => ({ type: 'filter', hook: 'forward', prio: 0, policy });
const rule = (family: string, table: string, name: string, ...expr: object[]) => ({
  rule: { family, table, chain: name, expr },
});
const iifname = (name: string) => ({ match: { op: '==', left: { meta: { key: 'iifname' } }, right: name } });
const counter = { counter: { packets: 0, bytes: 0 } };
const accept = { accept: null };
const drop = { drop: null };

const options = { ownTable: 'sstpd_a', tuns: ['sstp0'], families: ['ip', 'inet'] };
const found = (...entries: object[]) => droppingChains({ nftables: [{ metainfo: {} }, ...entries] }, options);

test('no chain, no forward chain, or one that lets everything through: nothing to say', () => {
  assert.deepEqual(found(), []);
  assert.deepEqual(found(chain('ip', 'filter', 'INPUT', { ...base('drop'), hook: 'input' })), []);
  assert.deepEqual(found(chain('ip', 'filter', 'FORWARD', base('accept'))), []);
  assert.deepEqual(found(chain('inet', 'mine', 'unused', {}), rule('inet', 'mine', 'unused', drop)), []);
});

test('what is no ruleset at all finds nothing', () => {
  for (const ruleset of [
    undefined,
    null,
    'x',
    [],
    {},
    { nftables: 5 },
    { nftables: [null, 5, { rule: 5 }, { chain: {} }] },
  ]) {
    assert.deepEqual(droppingChains(ruleset, options), []);
  }
});

test('Docker: policy drop, remedy in DOCKER-USER', () => {
  const [chainFound, ...rest] = found(
    chain('ip', 'filter', 'DOCKER-USER'),
    chain('ip', 'filter', 'FORWARD', base('drop')),
    rule('ip', 'filter', 'FORWARD', counter, { jump: { target: 'DOCKER-USER' } }),
  );
  assert.deepEqual(rest, []);
  assert.deepEqual(chainFound, {
    name: 'chain FORWARD of table ip filter (Docker)',
    remedy:
      'iptables -I DOCKER-USER -i sstp0 -j ACCEPT; iptables -I DOCKER-USER -o sstp0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  });
});

test('ufw: its own command, also where Docker is there too', () => {
  const [chainFound] = found(
    chain('ip', 'filter', 'DOCKER-USER'),
    chain('ip', 'filter', 'ufw-user-forward'),
    chain('ip', 'filter', 'FORWARD', base('drop')),
  );
  assert.equal(chainFound?.remedy, 'ufw route allow in on sstp0');
});

test('firewalld: the last rule rejects', () => {
  const [chainFound] = found(
    chain('inet', 'firewalld', 'filter_FORWARD', base('accept')),
    rule(
      'inet',
      'firewalld',
      'filter_FORWARD',
      { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established'] } },
      accept,
    ),
    rule('inet', 'firewalld', 'filter_FORWARD', { reject: { type: 'icmpx', expr: 'admin-prohibited' } }),
  );
  assert.equal(chainFound?.name, 'chain filter_FORWARD of table inet firewalld (firewalld)');
  assert.equal(chainFound?.remedy, 'firewall-cmd --zone=trusted --add-interface=sstp0');
});

test('anybody else: rules to insert', () => {
  const [chainFound] = found(
    chain('inet', 'mine', 'forward', base('accept')),
    rule('inet', 'mine', 'forward', counter, { log: null }, drop),
  );
  assert.deepEqual(chainFound, {
    name: 'chain forward of table inet mine',
    remedy:
      'nft insert rule inet mine forward iifname sstp0 accept; nft insert rule inet mine forward oifname sstp0 ct state established,related accept',
  });
});

test('REJECT as iptables-nft stores it is a reject', () => {
  const reject = { xt: { type: 'target', name: 'REJECT' } };
  const comment = { xt: { type: 'match', name: 'comment' } };
  assert.equal(
    found(chain('ip', 'filter', 'FORWARD', base('accept')), rule('ip', 'filter', 'FORWARD', counter, reject)).length,
    1,
  );
  assert.equal(
    found(chain('ip', 'filter', 'FORWARD', base('accept')), rule('ip', 'filter', 'FORWARD', comment, counter, reject))
      .length,
    0,
    'with a match that cannot be read it is not certain',
  );
});

test('a drop with a condition, or one that others follow, is no verdict on all', () => {
  const invalid = { match: { op: 'in', left: { ct: { key: 'state' } }, right: 'invalid' } };
  assert.deepEqual(
    found(chain('inet', 'mine', 'forward', base('accept')), rule('inet', 'mine', 'forward', invalid, drop)),
    [],
  );
  assert.deepEqual(
    found(
      chain('inet', 'mine', 'forward', base('accept')),
      rule('inet', 'mine', 'forward', iifname('eth9'), drop),
      rule('inet', 'mine', 'forward', accept),
    ),
    [],
  );
});

test('a rule in the same table that names our device and does not refuse: the operator has seen to it', () => {
  const dropping = chain('ip', 'filter', 'FORWARD', base('drop'));
  assert.deepEqual(
    found(
      dropping,
      chain('ip', 'filter', 'DOCKER-USER'),
      rule('ip', 'filter', 'DOCKER-USER', iifname('sstp0'), counter, accept),
    ),
    [],
  );
  assert.equal(found(dropping, rule('ip', 'filter', 'FORWARD', iifname('sstp0'), drop)).length, 1, 'refused');
  assert.equal(found(dropping, rule('ip', 'filter', 'FORWARD', iifname('sstp01'), accept)).length, 1, 'another device');
  assert.equal(found(dropping, rule('ip', 'other', 'FORWARD', iifname('sstp0'), accept)).length, 1, 'another table');
  const vmap = {
    vmap: { key: { meta: { key: 'iifname' } }, data: { set: [['sstp0', { goto: { target: 'trusted' } }]] } },
  };
  assert.deepEqual(found(dropping, rule('ip', 'filter', 'FORWARD', vmap)), []);
});

test('our own table is not foreign; ip6 tables count only when asked for', () => {
  assert.deepEqual(found(chain('inet', 'sstpd_a', 'x', base('drop'))), []);
  const ip6 = [chain('ip6', 'filter', 'DOCKER-USER'), chain('ip6', 'filter', 'FORWARD', base('drop'))];
  assert.deepEqual(found(...ip6), []);
  const [chainFound] = droppingChains({ nftables: ip6 }, { ...options, families: ['ip6'] });
  assert.match(chainFound?.remedy ?? '', /^ip6tables -I DOCKER-USER/);
});

test('iptables-legacy: policy or last rule, unless the device is let through', () => {
  const listing = (...lines: string[]) =>
    droppingLegacyChain(`-P INPUT ACCEPT\n${lines.join('\n')}\n-P OUTPUT ACCEPT\n`, ['sstp0']);
  assert.equal(listing('-P FORWARD ACCEPT'), undefined);
  assert.equal(listing('-P FORWARD ACCEPT', '-A FORWARD -j DROP', '-A FORWARD -i br0 -j ACCEPT'), undefined);
  assert.equal(listing('-P FORWARD ACCEPT', '-A FORWARD -i br0 -j DROP'), undefined);
  assert.equal(listing('-P FORWARD DROP', '-A FORWARD -i sstp0 -j ACCEPT'), undefined);
  assert.equal(listing('-P FORWARD DROP')?.name, 'chain FORWARD of iptables-legacy');
  assert.match(
    listing('-P FORWARD DROP', '-A FORWARD -i sstp01 -j ACCEPT')?.remedy ?? '',
    /^iptables-legacy -I FORWARD -i sstp0 /,
  );
  assert.match(
    listing('-P FORWARD ACCEPT', '-A FORWARD -j REJECT --reject-with x')?.remedy ?? '',
    /^iptables-legacy -I FORWARD/,
  );
  assert.match(listing('-P FORWARD DROP', '-N DOCKER-USER')?.remedy ?? '', /-I DOCKER-USER -i sstp0/);
  assert.match(listing('-P FORWARD DROP', '-N ufw-user-forward')?.remedy ?? '', /^ufw route allow in on sstp0/);
});

test('a policy of what is forwarded is any rule of others that refuses on that hook', () => {
  const has = (...entries: object[]) => refusesForwarded({ nftables: [{ metainfo: {} }, ...entries] });
  assert.equal(has(), false);
  assert.equal(has(chain('ip', 'filter', 'FORWARD', base('accept'))), false);
  assert.equal(has(chain('ip', 'filter', 'FORWARD', base('drop'))), true);
  assert.equal(has(chain('inet', 'a', 'f', base('accept')), rule('inet', 'a', 'sub', iifname('eth1'), drop)), true);
  assert.equal(has(chain('inet', 'a', 'i', { ...base('drop'), hook: 'input' })), false);
  assert.equal(has(chain('inet', 'sstpd_0123abcd', 'forwarded', base('drop'))), false, 'ours is about clients alone');
  assert.equal(refusesForwarded(undefined), false);
});

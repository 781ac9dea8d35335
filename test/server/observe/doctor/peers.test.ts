import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from '../../../../core/index.ts';
import { examinePeers } from '../../../../server/observe/doctor/peers.ts';

const from = (peer: string, ...users: string[]): { peer: string; user: string }[] =>
  users.map((user) => ({ peer, user }));
const FIVE = ['ann', 'bob', 'carol', 'dave', 'eve'];

test('all users from one address: a proxy without the PROXY header', () => {
  for (const peer of ['127.0.0.1:5000', '10.0.0.1:5000', '[::1]:5000']) {
    const { result, text, fix } = examinePeers(from(peer, ...FIVE), false);
    assert.equal(result, 'warning');
    assert.match(text, /all 5 users/);
    assert.match(fix ?? '', /proxy\.from/);
  }
});

test('a peer without its port is the same peer, and a name has one form', () => {
  const v6 = ['[2001:db8::1]:5000', '2001:db8::1', '[2001:db8::1]', '[2001:db8::1]:6000', '2001:db8::1'];
  const v4 = ['192.0.2.1:5000', '192.0.2.1', '192.0.2.1:443', '192.0.2.1', '192.0.2.1:1'];
  for (const peers of [v4, v6]) {
    const attempts = peers.map((peer, index) => ({ peer, user: FIVE[index] }));
    assert.match(examinePeers(attempts, false).text, new RegExp(`came from ${addressOf(peers[0] ?? '')},`));
  }
  // Five ways to write it, one user.
  const zoe = ['zoë', 'ZOË', 'zoe\u0308', 'Zoe\u0308', 'ZOE\u0308'];
  assert.equal(examinePeers(from('192.0.2.1:5000', ...zoe), false).result, 'ok');
  // Addresses that begin alike are not one.
  const alike = FIVE.map((user, index) => ({ peer: `192.0.2.1${index}`, user }));
  assert.equal(examinePeers(alike, false).result, 'ok');
  const alike6 = FIVE.map((user, index) => ({ peer: `2001:db8::${index}`, user }));
  assert.equal(examinePeers(alike6, false).result, 'ok');
});

test('a family, one user of many devices, several addresses, nobody: nothing to warn of', () => {
  for (const attempts of [
    from('192.0.2.1:5000', 'ann', 'bob', 'carol', 'dave'),
    from('192.0.2.1:5000', ...Array<string>(50).fill('ann'), 'Ann', 'ANN'),
    [...from('192.0.2.1:5000', ...FIVE), ...from('192.0.2.2:5000', 'ann')],
    [],
    [{ peer: '192.0.2.1:5000', user: undefined }],
  ]) {
    assert.equal(examinePeers(attempts, false).result, 'ok');
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examinePeers } from '../../../server/doctor/peers.ts';

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

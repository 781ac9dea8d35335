import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeDialled } from '../../../../server/observe/doctor/dialled.ts';

const PRIVATE = [
  ['10.1.2.3'],
  ['172.16.0.1'],
  ['172.31.255.255'],
  ['192.168.1.5', 'box'],
  ['100.64.0.1'],
  ['100.127.255.254'],
  ['169.254.10.10'],
  ['127.0.0.1', '::1'],
  ['fd12:3456::1'],
  ['fe80::1'],
  ['localhost'],
  ['ip-10-0-0-5.ec2.internal', '10.0.0.5'],
  ['box.local', 'box.lan', 'box.home.arpa', 'box.localdomain.'],
];

const PUBLIC = [
  ['203.0.113.7'],
  ['172.15.255.255'],
  ['172.32.0.1'],
  ['100.63.255.255'],
  ['100.128.0.1'],
  ['9.255.255.255', '10.0.0.1'],
  ['2001:db8::1'],
  ['10.0.0.5', '2a01:4f8::1'],
  ['vpn.example.com', '10.0.0.5'],
  ['local.example'],
];

test('a server that was told no name and has private addresses alone: a warning that says what clients need', () => {
  for (const names of PRIVATE) {
    const { result, text, fix } = judgeDialled([], names);
    assert.equal(result, 'warning', names.join());
    assert.match(text, /^private addresses \(.*\); clients outside need --host NAME$/);
    assert.match(fix ?? '', /^--host /);
  }
});

test('no warning where one of the names is public, or the operator has named them', () => {
  for (const names of PUBLIC) assert.equal(judgeDialled([], names).result, 'ok', names.join());
  for (const names of PRIVATE) {
    const { result, text } = judgeDialled(names, names);
    assert.deepEqual([result, /private/.test(text)], ['ok', true]);
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { LastLease } from '../../client/last-lease.ts';

const SERVER = { host: 'vpn.example', port: 443, user: 'ann' };
const IPV4 = { address: 0x0a090008, dns: [0x09090909, 0x01010101] };
const INTERFACE_ID = Buffer.from('0000000000000002', 'hex');
const GIVEN = {
  ipv4: { ...IPV4, serverAddress: 0x0a090001 },
  linkLocal: Buffer.concat([Buffer.from('fe80000000000000', 'hex'), INTERFACE_ID]),
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-lease-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const fileOf = (): string => join(folder, readdirSync(folder)[0] ?? '');

test('what was written is read again, for that server and user alone', () => {
  const lease = new LastLease(folder, SERVER);
  assert.equal(lease.read(), undefined);
  lease.write(GIVEN);
  const wish = new LastLease(folder, SERVER).read();
  assert.deepEqual(wish?.ipv4Wish, IPV4);
  assert.ok(INTERFACE_ID.equals(wish.interfaceIdWish ?? Buffer.alloc(0)));
  for (const other of [{ host: 'vpn2.example' }, { port: 8443 }, { user: 'bob' }]) {
    assert.equal(new LastLease(folder, { ...SERVER, ...other }).read(), undefined);
  }
  assert.equal(statSync(fileOf()).mode & 0o777, 0o600);
  assert.ok(!`${fileOf()}${readFileSync(fileOf(), 'utf8')}`.includes('ann'));
});

test('after a day it is forgotten: the server may have more to give by then', () => {
  const lease = new LastLease(folder, SERVER);
  lease.write(GIVEN);
  const yesterday = Date.now() / 1000 - 25 * 3600;
  utimesSync(fileOf(), yesterday, yesterday);
  assert.equal(lease.read(), undefined);
});

test('a file that makes no sense is as good as none', () => {
  const lease = new LastLease(folder, SERVER);
  lease.write(GIVEN);
  const address = '10.9.0.8';
  const faults: unknown[] = [null, [], 'x', { address }, { address: 7, dns: [] }, { address: '0.0.0.0', dns: [] }];
  faults.push({ address, dns: ['1.1.1.1', '1.1.1.2', '1.1.1.3'] });
  for (const text of ['', '{', ...faults.map((fault) => JSON.stringify(fault))]) {
    writeFileSync(fileOf(), text);
    assert.equal(lease.read(), undefined, text);
  }
  for (const linkLocal of [undefined, 7, 'x', 'fe80::']) {
    writeFileSync(fileOf(), JSON.stringify({ address, dns: 'x', linkLocal }));
    assert.deepEqual(lease.read(), { ipv4Wish: { address: 0x0a090008, dns: [0, 0] }, interfaceIdWish: undefined });
  }
});

test('two resolvers are asked for also where there was one', () => {
  const lease = new LastLease(folder, SERVER);
  lease.write({ ...GIVEN, ipv4: { ...GIVEN.ipv4, dns: [0x01010101] } });
  assert.deepEqual(lease.read()?.ipv4Wish.dns, [0x01010101, 0]);
});

test('a folder that is gone costs time, not the connection', () => {
  const lease = new LastLease(join(folder, 'gone'), SERVER);
  lease.write(GIVEN);
  assert.equal(lease.read(), undefined);
});

test('without an IPv4 address nothing is kept', () => {
  new LastLease(folder, SERVER).write({ ipv4: undefined, linkLocal: GIVEN.linkLocal });
  assert.deepEqual(readdirSync(folder), []);
});

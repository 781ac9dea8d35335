import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Capability, dropPrivileges, effectiveCapabilities, hasCapability, lockFile } from '../../tun/index.ts';

test('a lock is held by one descriptor and ends with it (flock(2))', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [first, second] = [openSync(join(folder, 'lock'), 'w'), openSync(join(folder, 'lock'), 'w')];
  assert.equal(lockFile(first), true);
  assert.equal(lockFile(first), true);
  assert.equal(lockFile(second), false);
  closeSync(first);
  assert.equal(lockFile(second), true);
  closeSync(second);
});

test('a descriptor that is not open fails like a system call of Node', () => {
  assert.throws(() => lockFile(2 ** 31 - 1), { code: 'EBADF', syscall: 'flock', errno: -9 });
});

test('effective capabilities are those of /proc/self/status', () => {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  assert.equal(effectiveCapabilities(), BigInt(`0x${line}`));
  const hasNetAdmin = ((BigInt(`0x${line}`) >> 12n) & 1n) === 1n;
  assert.equal(hasCapability(Capability.NetAdmin), hasNetAdmin);
});

test('a number that is no capability is refused', () => {
  for (const capability of [-1, 64, 1.5, Number.NaN]) {
    assert.throws(() => hasCapability(capability), RangeError);
    assert.throws(() => dropPrivileges({ uid: 1, gid: 1, keepCapabilities: [capability] }), RangeError);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNative } from '../../tun/native.ts';

test('a missing addon is one line that says what to run', () => {
  assert.throws(() => loadNative('/nonexistent/tun.node'), {
    message: 'the TUN addon is not built for this machine: run "npm ci", or "npm run install" to see why',
  });
});

test('a handle that is not open fails with EBADF, it does not crash', () => {
  const native = loadNative();
  const table = new Int32Array(2);
  const calls = [
    () => native.readBatch(77, Buffer.alloc(10), table),
    () => native.writeBatch(77, Buffer.alloc(10), table, 0),
    () => native.watch(77, () => {}),
    () => native.close(77),
  ];
  for (const call of calls) assert.throws(call, { code: 'EBADF', syscall: 'tun' });
});

test('wrong arguments are refused one by one', () => {
  const native = loadNative() as unknown as Record<string, (...values: unknown[]) => unknown>;
  const slab = Buffer.alloc(10);
  const table = new Int32Array(2);
  const calls: readonly (readonly [string, ...unknown[]])[] = [
    ['open'],
    ['open', 'x'],
    ['open', 'x', 1400],
    ['open', 'x', '1400', 0],
    ['open', 'x', -1, 0],
    ['open', 'x', 1.5, 0],
    ['open', '', 1400, 0],
    ['open', 'sixteen-bytes-xx', 1400, 0],
    ['open', 'a\0b', 1400, 0],
    ['open', 'x'.repeat(300), 1400, 0],
    ['open', 5, 1400, 0],
    ['open', 'x', 1400, 2],
    ['open', 'x', 1400, true],
    ['openPair', 1400],
    ['openPair', 1400, -1],
    ['watch', 1, undefined],
    ['watch', '1', () => {}],
    ['readBatch', 1, new Array(10), table],
    ['readBatch', 1, slab, new Float64Array(2)],
    ['readBatch', 1, slab, new Uint32Array(2)],
    ['readBatch', 1, slab, undefined],
    ['readBatch', 2 ** 32 + 1, slab, table],
    ['writeBatch', 1, slab, table],
    ['writeBatch', 1, slab, table, -1],
    ['writeBatch', 1, slab, table, Number.NaN],
    ['close', undefined],
    ['close'],
    ['lockFile', -1],
    ['lockFile', '0'],
    ['effectiveCapabilities', 1],
    ['dropPrivileges', 1000, 1000],
    ['dropPrivileges', 2 ** 32 - 1, 1000, 0n],
    ['dropPrivileges', 1000, 2 ** 32 - 1, 0n],
    ['dropPrivileges', -1, 1000, 0n],
    ['dropPrivileges', 1000, 1000, 0],
    ['dropPrivileges', 1000, 1000, -1n],
    ['dropPrivileges', 1000, 1000, 1n << 64n],
  ];
  for (const [name, ...values] of calls) {
    assert.throws(() => native[name]?.(...values), { code: 'ERR_INVALID_ARG_VALUE' }, `${name} ${String(values)}`);
  }
});

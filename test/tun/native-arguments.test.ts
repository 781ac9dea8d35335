/**
 * Every function of the addon refuses what it can't take, with an exception and without an effect. The table below has
 * one line for each export; what is wrong in each place follows from its kind.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { loadNative } from '../../tun/native.ts';

type Addon = Record<string, (...values: unknown[]) => unknown>;

/** What may stand in one place of a call. */
interface Kind {
  readonly good: (lab: Lab) => unknown;
  /** Each must be refused while all other places hold good values. */
  readonly bad: (lab: Lab) => readonly unknown[];
}

interface Lab {
  /** An open device with a path, and a slot of it. */
  readonly path: number;
  readonly slot: number;
  /** An open device without a path. */
  readonly device: number;
  readonly closedDevice: number;
  readonly detachedSlot: number;
}

const NO_NUMBERS = [undefined, null, '1', true, {}, [], () => 1, 1n, Symbol('1')];
const NO_OBJECTS = [undefined, null, 1, 'text', true, 1n, Symbol('1'), () => 1, {}];
const NO_WHOLE_NUMBERS = [...NO_NUMBERS, Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 2 ** 53];

function kind(good: unknown, bad: readonly unknown[]): Kind {
  return { good: () => good, bad: () => bad };
}

const int = kind(1400, [...NO_WHOLE_NUMBERS, 2 ** 31, 2 ** 32 + 1]);
const uint = kind(1, [...NO_WHOLE_NUMBERS, 2 ** 32]);
const flag = kind(0, [...NO_WHOLE_NUMBERS, 2, 2 ** 32]);
const id = kind(65_534, [...NO_WHOLE_NUMBERS, 2 ** 32 - 1, 2 ** 32]);
const mask = kind(0n, [undefined, null, 0, '0', -1n, 1n << 64n, {}]);
const callback = kind(() => {}, [undefined, null, 1, 'f', {}]);
const buffer: Kind = { good: () => Buffer.alloc(8192), bad: () => [...NO_OBJECTS, [1, 2], new ArrayBuffer(8)] };
const address: Kind = {
  good: () => Buffer.alloc(16),
  bad: () => [...NO_OBJECTS, Buffer.alloc(15), Buffer.alloc(17), Buffer.alloc(0)],
};
const ints: Kind = {
  good: () => new Int32Array(8),
  bad: () => [...NO_OBJECTS, [1, 2], Buffer.alloc(32), new Uint32Array(8), new Float64Array(8), new ArrayBuffer(32)],
};
const floats: Kind = {
  good: () => new Float64Array(32),
  bad: () => [...NO_OBJECTS, [1, 2], Buffer.alloc(32), new Float32Array(8), new Int32Array(8)],
};
const chunks: Kind = {
  good: () => [Buffer.alloc(0)],
  bad: () => [...NO_OBJECTS, ['text'], [undefined], [Buffer.alloc(0), 5], new Array(3), new Array(5000).fill(buffer)],
};
/** At least so many elements, or bytes. */
function withRoom(of: Kind, tooSmall: unknown): Kind {
  return { good: of.good, bad: (lab) => [...of.bad(lab), tooSmall] };
}
const slot: Kind = { good: (lab) => lab.slot, bad: (lab) => [...NO_WHOLE_NUMBERS, lab.detachedSlot, 2 ** 31 - 1] };
/** A device; `path` is one with pathOpen behind it. */
const device: Kind = { good: (lab) => lab.device, bad: (lab) => [...NO_WHOLE_NUMBERS, lab.closedDevice, 2 ** 31 - 1] };
const path: Kind = { good: (lab) => lab.path, bad: (lab) => [...device.bad(lab), lab.device] };

const NO_TEXT = [...NO_OBJECTS.filter((one) => one !== 'text'), 'a\0b', 'x'.repeat(300)];
const text = kind('', NO_TEXT);
const deviceName = kind('bad%d', [...NO_TEXT, '', 'sixteen-bytes-xx']);
/** A number of bits, or a port. */
const upTo = (most: number): Kind => kind(most, [...NO_WHOLE_NUMBERS, most + 1]);
/** 4 or 16 bytes. */
const destination: Kind = { good: () => Buffer.alloc(4), bad: () => [...NO_OBJECTS, Buffer.alloc(5), Buffer.alloc(0)] };

/** Whole records of so many bytes; none is right too. */
const records = (bytes: number): Kind => ({
  good: () => Buffer.alloc(0),
  bad: () => [...NO_OBJECTS, Buffer.alloc(bytes - 1), Buffer.alloc(bytes + 1)],
});

const SIGNATURES: Readonly<Record<string, readonly Kind[]>> = {
  open: [deviceName, int, flag],
  openDescriptor: [deviceName, int, flag],
  adopt: [int, int, int],
  openPair: [int, kind(0, [...NO_WHOLE_NUMBERS, 2])],
  watch: [device, callback],
  readBatch: [device, buffer, ints],
  writeBatch: [device, buffer, ints, kind(0, [...NO_WHOLE_NUMBERS, 5])],
  close: [device],
  pathOpen: [device, flag, int, ints, callback],
  pathAttach: [path, flag, int, address],
  pathSocket: [path, slot, int, text],
  pathDetach: [path, slot],
  pathDefault: [path, slot],
  pathIpv4: [path, slot, flag, uint],
  pathIpv6: [path, slot, flag, flag, address, address],
  pathMru: [path, slot, int],
  pathRoute: [path, slot, kind(4, [...NO_WHOLE_NUMBERS, 5, 0]), address, flag],
  pathNetwork: [path, kind(4, [...NO_WHOLE_NUMBERS, 5]), address, upTo(32), address, upTo(32)],
  pathPending: [path, slot],
  pathTake: [path, slot, withRoom(buffer, Buffer.alloc(4094)), kind(0, [...NO_WHOLE_NUMBERS, 8192, 2 ** 31 - 1])],
  pathReceive: [path, slot, chunks, withRoom(ints, new Int32Array(4)), withRoom(buffer, Buffer.alloc(4094))],
  pathInject: [path, slot, buffer],
  pathWrite: [path, buffer],
  pathEvent: [path, buffer, withRoom(ints, new Int32Array(1))],
  pathStats: [path, slot, floats],
  pathTotals: [path, floats],
  pathClock: [path, kind(0, [...NO_NUMBERS, -1, 0.5, Number.NaN])],
  pipeRun: [floats, floats],
  pacerRun: [ints, ints],
  lockFile: [int],
  effectiveCapabilities: [],
  setAmbient: [mask],
  routeReplace: [kind('lo', NO_TEXT), destination, upTo(32)],
  routeRemove: [kind('lo', NO_TEXT), destination, upTo(32)],
  confine: [flag],
  netfilterOpen: [],
  netfilterAsk: [int, withRoom(buffer, Buffer.alloc(15))],
  netfilterClose: [int],
  networkWatch: [callback],
  networkUnwatch: [],
  conntrackForget: [records(4), records(8), records(8), records(16), callback],
  bindSocket: [kind('127.0.0.1', NO_TEXT), upTo(65_535), text],
  acceptWaiting: [int, upTo(4096)],
  dropPrivileges: [id, id, mask],
  'engine.segment': [buffer, uint, uint],
  'engine.describe': [buffer, uint],
  'engine.coalesce': [buffer, uint, uint],
  'engine.judgeIpv4': [buffer, uint, uint],
  'engine.judgeIpv6': [buffer, uint, withRoom({ ...buffer, good: () => Buffer.alloc(32) }, Buffer.alloc(33))],
  'engine.clampMss': [buffer, uint],
  'engine.split': [buffer, withRoom(ints, Int32Array.of(8193)), uint],
  'engine.checksum': [buffer],
  'engine.readAcknowledgement': [buffer],
  'engine.endsDump': [buffer],
  'engine.readDump': [buffer, buffer],
};

/** Every function that the addon exports, those of objects as `object.function`. */
function exportsOf(addon: Addon, prefix = ''): Map<string, (...values: unknown[]) => unknown> {
  const found = new Map<string, (...values: unknown[]) => unknown>();
  for (const [name, value] of Object.entries(addon)) {
    if (typeof value === 'function') found.set(`${prefix}${name}`, value);
    else for (const [inner, one] of exportsOf(value, `${prefix}${name}.`)) found.set(inner, one);
  }
  return found;
}

const addon = loadNative() as unknown as Addon;

function makeLab(t: TestContext): Lab {
  const native = loadNative();
  const [path, device] = native.openPair(1400, 0);
  const [closedDevice, other] = native.openPair(1400, 0);
  for (const handle of [closedDevice, other]) native.close(handle);
  native.pathOpen(path, 0, 1 << 20, new Int32Array(8), () => {});
  const detachedSlot = native.pathAttach(path, 0, 1 << 20, Buffer.alloc(16));
  native.pathDetach(path, detachedSlot);
  const slot = native.pathAttach(path, 0, 1 << 20, Buffer.alloc(16));
  t.after(() => {
    for (const handle of [path, device]) native.close(handle);
  });
  return { path, slot, device, closedDevice, detachedSlot };
}

/** One line, also for values that have no text. */
function show(values: readonly unknown[]): string {
  const one = (value: unknown): string =>
    typeof value === 'object' && value !== null
      ? `${value.constructor.name}(${'length' in value ? value.length : ''})`
      : String(value);
  return values.map(one).join(', ').slice(0, 200);
}

test('the table knows each export of the addon, and no other', () => {
  const known = Object.keys(SIGNATURES);
  for (const name of exportsOf(addon).keys()) {
    assert.ok(
      known.includes(name),
      `the addon exports ${name}: add it to SIGNATURES in ${import.meta.filename} with the kind of each argument`,
    );
  }
  for (const name of known) assert.ok(exportsOf(addon).has(name), `${name} is in SIGNATURES, but the addon has it not`);
});

for (const [name, kinds] of Object.entries(SIGNATURES)) {
  test(`${name} refuses what it can't take`, (t) => {
    const call = exportsOf(addon).get(name) ?? assert.fail(`no export ${name}`);
    const lab = makeLab(t);
    const refuse = (values: readonly unknown[]): void =>
      assert.throws(
        () => call(...values),
        (error) => ['ERR_INVALID_ARG_VALUE', 'EBADF'].includes((error as { code?: string }).code ?? ''),
        `${name}(${show(values)})`,
      );
    const good = kinds.map((one) => one.good(lab));
    refuse([...good, 0]);
    for (let count = 0; count < kinds.length; count++) refuse(good.slice(0, count));
    for (const [place, one] of kinds.entries()) {
      for (const wrong of one.bad(lab)) refuse(good.with(place, wrong));
    }
  });
}

test('a closed device and a detached slot are told apart from wrong arguments, also when their numbers are used anew', (t) => {
  const lab = makeLab(t);
  const native = loadNative();
  assert.throws(() => native.close(lab.closedDevice), { code: 'EBADF', syscall: 'tun' });
  assert.throws(() => native.pathPending(lab.device, lab.slot), { code: 'EBADF', syscall: 'tun' });
  assert.throws(() => native.pathPending(lab.path, lab.detachedSlot), { code: 'EBADF', syscall: 'slot' });
  assert.throws(() => native.pathOpen(lab.path, 0, 1, new Int32Array(2), () => {}), { code: 'EALREADY' });
  assert.throws(() => native.watch(lab.path, () => {}), { code: 'EALREADY' });
});

test('arrays whose memory has been given away have no elements, and are no way out of bounds', (t) => {
  const lab = makeLab(t);
  const native = loadNative();
  const away = <T extends { readonly buffer: ArrayBufferLike }>(array: T): T => {
    structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
    return array;
  };
  const gone = (): Buffer => away(Buffer.from(new ArrayBuffer(8192)));
  assert.throws(() => native.pathTake(lab.path, lab.slot, gone(), 0), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.throws(() => native.pathEvent(lab.path, Buffer.alloc(9), away(new Int32Array(8))), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  const position = away(new Int32Array(8));
  assert.throws(() => native.pathReceive(lab.path, lab.slot, [], position, Buffer.alloc(4095)), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  native.pathInject(lab.path, lab.slot, gone());
  native.pathWrite(lab.path, gone());
  assert.throws(() => native.pathStats(lab.path, lab.slot, away(new Float64Array(32))), {
    code: 'ERR_INVALID_ARG_VALUE',
  });
  assert.equal(native.readBatch(lab.device, gone(), new Int32Array(8)), 0);
  assert.equal(native.pathReceive(lab.path, lab.slot, [gone()], new Int32Array(5), Buffer.alloc(4095)), 0);
});

test('an element of an array that is a getter cannot pull the slot away in the middle of a call', (t) => {
  const lab = makeLab(t);
  const chunks: Buffer[] = [Buffer.alloc(8192), Buffer.alloc(8192)];
  Object.defineProperty(chunks, 1, {
    get: () => {
      loadNative().pathDetach(lab.path, lab.slot);
      return Buffer.alloc(8192);
    },
  });
  assert.throws(() => loadNative().pathReceive(lab.path, lab.slot, chunks, new Int32Array(5), Buffer.alloc(4095)), {
    code: 'EBADF',
  });
});

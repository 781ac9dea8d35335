import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError } from '../../../server/config/error.ts';
import { parseConfig as parse, readConfigFile as read } from '../../../server/config/read-file.ts';
import { KEYS } from '../../../server/config/schema.ts';

const parseConfig = (text: string, file: string) => parse(text, file, KEYS);
const readConfigFile = (file: string) => read(file, KEYS);

function refusal(text: string): string {
  try {
    parseConfig(text, 'f.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  throw new assert.AssertionError({ message: `not refused: ${text}` });
}

test('values come by key path; empty values, empty groups and comments set nothing', () => {
  const text = '# ours\ndata: /x\nlisten: [443, 8443]\nnetwork:\n  mtu: 1300\n  nat:\ntls:\n# end\n';
  assert.deepEqual(
    [...parseConfig(text, 'f.yaml')],
    [
      ['data', '/x'],
      ['listen', [443, 8443]],
      ['network.mtu', 1300],
    ],
  );
  for (const empty of ['', '\n', '# only this', '\uFEFF# bom\n\n', '---\n', '~', '{}']) {
    assert.equal(parseConfig(empty, 'f.yaml').size, 0, JSON.stringify(empty));
  }
});

test('unknown keys are refused and the nearest named', () => {
  for (const [text, message] of [
    ['dat: /x', 'dat: unknown key, the nearest is data (file f.yaml)'],
    ['mtu: 1400', 'mtu: unknown key, the nearest is network.mtu (file f.yaml)'],
    ['network: { mtuu: 1400 }', 'network.mtuu: unknown key, the nearest is network.mtu (file f.yaml)'],
    ['tls: { preambleMs: 1 }', 'tls.preambleMs: unknown key, the nearest is http.preambleMs (file f.yaml)'],
    ['pol: { ipv4: auto }', 'pol: unknown key, the nearest is pool (file f.yaml)'],
    ['limit: { connections: 5 }', 'limit: unknown key, the nearest is limits (file f.yaml)'],
    ['log: { logg: info }', 'log.logg: unknown key, the nearest is log.level (file f.yaml)'],
    ['network.mtu: 1400', 'network.mtu: must be written as "network:" with "mtu:" below it (file f.yaml)'],
  ] as const) {
    assert.equal(refusal(text), message);
  }
  for (const name of ['__proto__', 'constructor', 'toString', '"a\\nb"']) {
    assert.match(refusal(`${name}: { x: 1 }`), /: unknown key, the nearest is [\w.]+ \(file f\.yaml\)$/);
  }
});

test('what is no mapping, or a mapping where a value belongs, is refused', () => {
  assert.equal(refusal('- 1'), 'the file: [ 1 ] must be keys and values, "name: value" (file f.yaml)');
  assert.equal(refusal('network: 5'), 'network: 5 must be keys and values, "name: value" (file f.yaml)');
  assert.match(refusal('network: [mtu]'), /^network: /);
  assert.match(refusal('data: { a: 1 }'), /^data: .* must be one value or a plain list \(file f\.yaml\)$/);
  assert.match(refusal('dns: [[1.1.1.1]]'), /^dns: /);
  assert.match(refusal('dns: &a [*a]'), /^dns: /);
});

test('aliases that would unfold to millions of values cost nothing', () => {
  const levels = Array.from({ length: 40 }, (_, i) => `  - &l${i + 1} [*l${i}, *l${i}]`).join('\n');
  assert.match(refusal(`dns:\n  - &l0 x\n${levels}\n`), /^dns: .{1,100} must be one value or a plain list/);
});

test('YAML that cannot be parsed names its line', () => {
  assert.equal(refusal('data: /x\ndata: /y'), 'config file f.yaml line 2: duplicated mapping key');
  assert.match(refusal('data: [\n'), /^config file f\.yaml line \d: /);
  assert.match(refusal('--- {}\n--- {}'), /^config file f\.yaml: expected a single document/);
  assert.match(refusal('data: !!js/function x'), /^config file f\.yaml line 1: unknown scalar tag/);
});

test('files that cannot be read say why', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-config-file-'));
  try {
    const path = join(folder, 'c.yaml');
    assert.throws(() => readConfigFile(path), { message: `config file ${path} cannot be read: it does not exist` });
    assert.throws(() => readConfigFile(folder), { message: `config file ${folder} cannot be read: it is a directory` });
    writeFileSync(path, Buffer.from([0x64, 0xff, 0xfe]));
    assert.throws(() => readConfigFile(path), { message: `config file ${path} cannot be read: it is not UTF-8` });
    writeFileSync(path, '# '.padEnd(1_048_577));
    assert.throws(() => readConfigFile(path), { message: `config file ${path} is larger than 1 MiB` });
    writeFileSync(path, '# '.padEnd(1_048_576));
    assert.equal(readConfigFile(path).size, 0);
    assert.throws(() => readConfigFile('/dev/zero'), { message: 'config file /dev/zero is larger than 1 MiB' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('no text crashes the reader, and each refusal is one short line (property)', () => {
  const yamlish = fc.string({
    unit: fc.constantFrom(
      'data',
      'network',
      'mtu',
      'dns',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&a ',
      '*a',
      '!!',
      '!!binary ',
      '!!set ',
      '"',
      "'",
      '|',
      '>',
      '#',
      '%',
      '?',
      '\t',
      '\0',
      '\x1b[2J',
      '\u2028',
      '\r',
      '---',
      '...',
      '<<',
      '1',
      '.nan',
      '~',
      ',',
      '😀',
    ),
    maxLength: 30,
  });
  fc.assert(
    fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary' })), (text) => {
      try {
        parseConfig(text, 'f.yaml');
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u);
      }
    }),
    { numRuns: 300 },
  );
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { CORE_SCHEMA, dump } from 'js-yaml';
import { configTable } from '../../../docs/config-table.ts';
import { ConfigError } from '../../../server/config/error.ts';
import type { Schema } from '../../../server/config/kinds.ts';
import { type ConfigInput, loadKeys, loadShownKeys } from '../../../server/config/load.ts';
import { describedRows, shownKeys } from '../../../server/config/show.ts';
import { SCHEMA, TABLE, type Tried } from './tried-schema.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-config-kinds-'));
});
after(() => rmSync(folder, { recursive: true }));

const FILE = 'c.yaml';

function load(yaml: string, more: Partial<ConfigInput> = {}): ReturnType<typeof loadKeys<Tried>> {
  const file = join(folder, FILE);
  writeFileSync(file, yaml);
  return loadKeys(TABLE, { flags: {}, env: {}, file, ...more });
}

function refusal(yaml: string, more: Partial<ConfigInput> = {}): string {
  try {
    load(yaml, more);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u);
    assert.ok(error.message.length < 600, error.message);
    return error.message.replaceAll(join(folder, FILE), FILE);
  }
  throw new assert.AssertionError({ message: `not refused: ${yaml} ${JSON.stringify(more)}` });
}

const TWO = `
radius:
  servers:
    - host: one.example
      secretFile: one.secret
    - { host: two.example, port: 1645, secret: s3cret, networks: [10.1.0.0/16, 10.2.0.0/16] }
pools:
  office: { network: 10.9.0.0/24 }
  a.b: { network: 10.8.0.0/24, nat: false }
`;

test('objects in a list and with names are read from the file, with defaults, and frozen', () => {
  const { config } = load(TWO);
  assert.deepEqual(config.radius.servers, [
    { host: 'one.example', port: 1812, secretFile: join(folder, 'one.secret'), secret: undefined, networks: [] },
    {
      ...{ host: 'two.example', port: 1645, secretFile: undefined, secret: 's3cret' },
      networks: [
        { address: 0x0a010000, prefixLength: 16 },
        { address: 0x0a020000, prefixLength: 16 },
      ],
    },
  ]);
  assert.deepEqual([...config.pools.keys()], ['office', 'a.b']);
  assert.equal(config.pools.get('office')?.nat, true);
  assert.equal(config.pools.get('a.b')?.nat, false);
  for (const part of [config.radius.servers, config.radius.servers[1]?.networks, config.pools.get('office')]) {
    assert.ok(part !== undefined && Object.isFrozen(part));
  }
});

test('the type of each value is that of the configuration', () => {
  const { config } = load(TWO);
  const port: number | undefined = config.radius.servers[0]?.port;
  // @ts-expect-error: a port is a number
  const wrong: string | undefined = config.radius.servers[0]?.port;
  // @ts-expect-error: there is no such field
  assert.equal(config.pools.get('office')?.nett, undefined);
  assert.equal(wrong, port);
  const { servers, ...rest } = SCHEMA.radius as unknown as Record<string, never>;
  // @ts-expect-error: a key without a node does not compile
  const incomplete: Schema<Tried> = { ...SCHEMA, radius: rest };
  assert.ok(servers !== undefined && incomplete !== undefined);
});

test('origins name each field, and the whole', () => {
  const { origins } = load(TWO, { env: { SSTPD_NETWORK_MTU: '1300' }, flags: { data: '/x' } });
  const from = `file ${join(folder, FILE)}`;
  assert.deepEqual(Object.fromEntries(origins), {
    data: 'flag --data',
    'network.mtu': 'environment SSTPD_NETWORK_MTU',
    'radius.nasId': 'default',
    'radius.servers': from,
    'radius.servers[0].host': from,
    'radius.servers[0].port': 'default',
    'radius.servers[0].secretFile': from,
    'radius.servers[0].secret': 'default',
    'radius.servers[0].networks': 'default',
    'radius.servers[1].host': from,
    'radius.servers[1].port': from,
    'radius.servers[1].secretFile': 'default',
    'radius.servers[1].secret': from,
    'radius.servers[1].networks': from,
    pools: from,
    'pools.office.network': from,
    'pools.office.nat': 'default',
    'pools["a.b"].network': from,
    'pools["a.b"].nat': from,
  });
});

test('they are shown by field, without secrets; empty ones in one row; all of that can be loaded', () => {
  const { config, origins } = load(TWO);
  const rows = shownKeys(TABLE, config, origins);
  const value = (key: string): unknown => rows.find((row) => row.key === key)?.value;
  assert.equal(value('network.mtu'), 1400);
  assert.equal(value('radius.servers[1].secret'), '(a secret)');
  assert.equal(value('radius.servers[0].secret'), 'none');
  assert.equal(value('radius.servers[0].secretFile'), join(folder, 'one.secret'));
  assert.deepEqual(value('radius.servers[1].networks'), ['10.1.0.0/16', '10.2.0.0/16']);
  assert.equal(value('pools["a.b"].nat'), false);
  assert.doesNotMatch(JSON.stringify(rows), /s3cret/);
  const again = loadShownKeys(TABLE, rows, {});
  const [one, two] = config.radius.servers;
  assert.deepEqual(again.config, {
    ...config,
    radius: { ...config.radius, servers: [one, { ...two, secret: '(a secret)' }] },
  });
  const empty = load('');
  const shown = shownKeys(TABLE, empty.config, empty.origins);
  assert.deepEqual(
    shown.filter(({ key }) => key === 'radius.servers' || key === 'pools'),
    [
      { key: 'radius.servers', value: [], origin: 'default' },
      { key: 'pools', value: {}, origin: 'default' },
    ],
  );
  assert.deepEqual(loadShownKeys(TABLE, shown, {}).config, empty.config);
});

test('in the environment the whole is JSON, and takes the place of all that the file has', () => {
  const env = {
    SSTPD_RADIUS_SERVERS: '[{"host":"three","port":"1","secretFile":"x"}]',
    SSTPD_POOLS: '{"constructor":{"network":"10.7.0.0/24"},"__proto__":{"network":"10.6.0.0/24"}}',
  };
  const { config, origins } = load(TWO, { env });
  assert.deepEqual(config.radius.servers, [
    { host: 'three', port: 1, secretFile: resolve('x'), secret: undefined, networks: [] },
  ]);
  assert.deepEqual([...config.pools.keys()], ['constructor', '__proto__']);
  assert.equal(config.pools.get('toString'), undefined);
  assert.equal(origins.get('radius.servers[0].host'), 'environment SSTPD_RADIUS_SERVERS');
  assert.equal(origins.get('radius.servers'), 'environment SSTPD_RADIUS_SERVERS');
  const again = loadShownKeys(TABLE, shownKeys(TABLE, config, origins), {}).config;
  assert.deepEqual([...again.pools], [...config.pools]);
  for (const none of ['none', '[]']) {
    assert.deepEqual(load(TWO, { env: { SSTPD_RADIUS_SERVERS: none } }).config.radius.servers, []);
  }
  for (const none of ['none', '{}']) assert.equal(load(TWO, { env: { SSTPD_POOLS: none } }).config.pools.size, 0);
  assert.equal(load(TWO, { env: { SSTPD_RADIUS_SERVERS: '' } }).config.radius.servers.length, 2);
});

test('JSON in a variable may be set out in lines, however those are indented', () => {
  for (const [json, names] of [
    ['\n {\n}', []],
    ['\r {\t\n}\r', []],
    ['\n {"a": {"network": "10.7.0.0/24"}\n}', ['a']],
    ['\n  {"a":\n{\n"network":"10.7.0.0/24"}\n}\n', ['a']],
    ['{\n\t"a": {\n"network": "10.7.0.0/24"}}', ['a']],
  ] as const) {
    assert.deepEqual([...load('', { env: { SSTPD_POOLS: json } }).config.pools.keys()], names);
  }
});

test('a variable that is no JSON, or another thing, is refused in one line without a piece of it', () => {
  const wanted = "'none' or a list of 0..16 objects, none twice with the same host and port";
  for (const [json, says] of [
    ['[{"secret":"s3cret"', `must be ${wanted}, as JSON: it is none`],
    ['[{"secret":"s3cret"}]x', `must be ${wanted}, as JSON: it is none, from character 22 on`],
    ['s3cret', `must be ${wanted}, as JSON: it is none`],
    ['[{host: s3cret}]', `must be ${wanted}, as JSON: it is none`],
    ['[{"host":"a","host":"s3cret"}]', `must be ${wanted}, as JSON: a key stands in it twice`],
    ['"s3cret"', `a value that is not shown here must be ${wanted}`],
    ['{"host":"s3cret"}', `a value that is not shown here must be ${wanted}`],
    ['null', `a value that is not shown here must be ${wanted}`],
    ['7', `a value that is not shown here must be ${wanted}`],
  ] as const) {
    const message = refusal('', { env: { SSTPD_RADIUS_SERVERS: json } });
    assert.ok(message.startsWith(`radius.servers: ${says}`), message);
    assert.ok(message.endsWith('(environment SSTPD_RADIUS_SERVERS)'), message);
    assert.doesNotMatch(message, /s3cret/);
  }
  const item = refusal('', { env: { SSTPD_RADIUS_SERVERS: '["s3cret"]' } });
  assert.match(item, /^radius\.servers\[0\]: a value that is not shown here must be keys and values, /);
  assert.match(
    refusal('', { env: { SSTPD_POOLS: '[1]' } }),
    /^pools: \[ 1 \] must be 'none' or 0\.\.8 objects by name/,
  );
});

test('an unknown field names the nearest, of its own object or of the whole configuration', () => {
  for (const [yaml, typed, meant] of [
    ['radius: { servers: [{ hsot: a }] }', 'radius.servers[0].hsot', 'radius.servers[0].host'],
    ['radius: { servers: [{ host: a }, { prot: 1 }] }', 'radius.servers[1].prot', 'radius.servers[1].port'],
    ['radius: { servers: [{ mtu: 1 }] }', 'radius.servers[0].mtu', 'network.mtu'],
    ['radius: { server: [{ host: a }] }', 'radius.server', 'radius.servers'],
    ['servers: [{ host: a }]', 'servers', 'radius.servers'],
    ['pools: { office: { netwrk: a } }', 'pools.office.netwrk', 'pools.office.network'],
    ['pools: { "a.b": { natt: a } }', 'pools["a.b"].natt', 'pools["a.b"].nat'],
    ['pools: { a: { __proto__: { nat: true } } }', 'pools.a.__proto__', undefined],
    ['pools: { a: { constructor: { prototype: 1 } } }', 'pools.a.constructor', undefined],
    ['radius: { servers: [{ "host.x": 1 }] }', 'radius.servers[0].host.x', undefined],
    ['radius: { servers: [{ toString: 1 }] }', 'radius.servers[0].toString', undefined],
    ['network: { mtuu: 1 }', 'network.mtuu', 'network.mtu'],
    ['inside: { mtu: 1400 }', 'inside', undefined],
    ['__proto__: { pools: {} }', '__proto__', undefined],
  ] as const) {
    const message = refusal(yaml);
    assert.ok(message.startsWith(`${typed}: unknown key, the nearest is ${meant ?? ''}`), message);
    if (meant !== undefined) assert.ok(message.endsWith(`is ${meant} (file ${FILE})`), message);
  }
  assert.equal(
    refusal('', { env: { SSTPD_RADIUS_SERVERS: '[{"hsot":"a"}]' } }),
    'radius.servers[0].hsot: unknown key, the nearest is radius.servers[0].host (environment SSTPD_RADIUS_SERVERS)',
  );
  assert.equal(
    refusal('', { env: { SSTPD_RADIUS_SERVERS_0_HOST: 'a' } }),
    'SSTPD_RADIUS_SERVERS_0_HOST: unknown environment variable, the nearest is SSTPD_RADIUS_SERVERS, which has all of radius.servers as JSON',
  );
  assert.match(refusal('', { env: { SSTPD_POOL: 'a' } }), /the nearest is SSTPD_POOLS$/);
});

test('a bad value names the way to it; a wrong shape is refused at each level', () => {
  for (const [yaml, says] of [
    ['radius: { servers: [{ host: a, port: 0 }] }', 'radius.servers[0].port: 0 must be a whole number from 1 to 65535'],
    ['radius: { servers: [{ port: 1 }] }', 'radius.servers[0].host: is missing, it must be a host'],
    ['radius: { servers: [{ host: }] }', 'radius.servers[0].host: is missing, it must be a host'],
    [
      'radius: { servers: [{ host: a, secret: abc }] }',
      'radius.servers[0].secret: a value that is not shown here must',
    ],
    ['radius: { servers: [{ host: { a: 1 } }] }', 'radius.servers[0].host: { a: 1 } must be one value or a plain list'],
    ['radius: { servers: [{ host: a, secret: { x: abc } }] }', 'radius.servers[0].secret: a value that is not shown'],
    ['radius: { servers: [null] }', 'radius.servers[0]: a value that is not shown here must be keys and values'],
    ['radius: { servers: [[]] }', 'radius.servers[0]: a value that is not shown here must be keys and values'],
    ['radius: { servers: "[]" }', "radius.servers: a value that is not shown here must be 'none' or a list of 0..16"],
    [
      'radius: { servers: { 0: { host: a } } }',
      "radius.servers: a value that is not shown here must be 'none' or a list",
    ],
    ['radius: []', 'radius: [] must be keys and values'],
    [
      'pools: [{ network: 10.0.0.0/24 }]',
      "pools: [ [Object] ] must be 'none' or 0..8 objects by name, which is 1 to 32",
    ],
    ['pools: { a: 5 }', 'pools.a: 5 must be keys and values, "name: value"'],
    ['pools: { a: [] }', 'pools.a: [] must be keys and values'],
    ['pools: { a: }', 'pools.a.network: is missing, it must be an IPv4 network such as'],
    [
      'pools: { "a b": { network: 10.0.0.0/24 } }',
      'pools: the name "a b" must be 1 to 32 of A-Z, a-z, 0-9, dot, _ and -',
    ],
    ['pools: { "": { network: 10.0.0.0/24 } }', 'pools: the name "" must be 1 to 32'],
    [`pools: { ${'x'.repeat(33)}: {} }`, `pools: the name "${'x'.repeat(33)}" must be 1 to 32`],
    ['pools: { a: {}, a: {} }', `config file ${FILE} line 1: duplicated mapping key`],
    ['network: { mtu: { a: { b: 1 } } }', 'network.mtu: { a: [Object] } must be one value or a plain list'],
  ] as const) {
    const message = refusal(yaml);
    assert.ok(message.startsWith(says), message);
    assert.ok(message.endsWith(`(file ${FILE})`) || message.startsWith('config file'), message);
  }
});

test('what must be unique is so by the values that are meant, not by how they are written', () => {
  for (const [second, isTwin] of [
    ['{ host: a }', true],
    ['{ host: a, port: 1812 }', true],
    ['{ host: a, port: "1812" }', true],
    ['{ host: a, port: 1813 }', false],
    ['{ host: b }', false],
  ] as const) {
    const yaml = `radius: { servers: [{ host: c }, { host: a }, ${second}] }`;
    if (!isTwin) assert.equal(load(yaml).config.radius.servers.length, 3);
    else {
      const says = `radius.servers[2]: has the same host and port as radius.servers[1] (file ${FILE})`;
      assert.equal(refusal(yaml), says);
    }
  }
});

test('how many there may be is bounded, whatever the file has', () => {
  const servers = (count: number): string =>
    `radius: { servers: [${Array.from({ length: count }, (_, i) => `{ host: h${i} }`).join(', ')}] }`;
  assert.equal(load(servers(16)).config.radius.servers.length, 16);
  assert.match(refusal(servers(17)), /^radius\.servers: 17 of them must be 'none' or a list of 0\.\.16 objects/);
  assert.match(refusal(servers(40_000)), /^radius\.servers: 40000 of them must be/);
  const pools = (count: number): string =>
    `pools: { ${Array.from({ length: count }, (_, i) => `p${i}: { network: 10.${i}.0.0/24 }`).join(', ')} }`;
  assert.equal(load(pools(8)).config.pools.size, 8);
  assert.match(refusal(pools(9)), /^pools: 9 of them must be 'none' or 0\.\.8 objects by name/);
  const levels = Array.from({ length: 40 }, (_, i) => `    - &l${i + 1} [*l${i}, *l${i}]`).join('\n');
  assert.match(refusal(`radius:\n  servers:\n    - &l0 x\n${levels}\n`), /^radius\.servers: 41 of them must be/);
  for (const deep of ['['.repeat(50_000), `${'['.repeat(50_000)}${']'.repeat(50_000)}`]) {
    assert.match(refusal('', { env: { SSTPD_RADIUS_SERVERS: deep } }), /^radius\.servers/);
    assert.match(refusal(`radius: { servers: ${deep} }`), /^(?:radius\.servers|config file)/);
  }
});

test('table and rows describe the whole and each field', () => {
  const rows = describedRows(TABLE);
  const all = rows.map(({ key, env, default: initial, applies }) => [key, env, initial, applies]);
  assert.deepEqual(all, [
    ['data', 'SSTPD_DATA', '/data', 'start'],
    ['network.mtu', 'SSTPD_NETWORK_MTU', '1400', 'now'],
    ['radius.nasId', 'SSTPD_RADIUS_NAS_ID', 'sstpd', 'now'],
    ['radius.servers', 'SSTPD_RADIUS_SERVERS', 'none', 'new-connections'],
    ['radius.servers[].host', undefined, undefined, 'new-connections'],
    ['radius.servers[].port', undefined, '1812', 'new-connections'],
    ['radius.servers[].secretFile', undefined, 'none', 'new-connections'],
    ['radius.servers[].secret', undefined, 'none', 'new-connections'],
    ['radius.servers[].networks', undefined, 'none', 'new-connections'],
    ['pools', 'SSTPD_POOLS', 'none', 'now'],
    ['pools.NAME.network', undefined, undefined, 'now'],
    ['pools.NAME.nat', undefined, 'true', 'now'],
  ]);
  const table = configTable(rows);
  assert.match(
    table,
    /\| `radius\.servers` \| `none` \| Whom to ask, .* in SSTPD\\_RADIUS\\_SERVERS as JSON \| for new connections \|/,
  );
  assert.match(
    table,
    /\| `radius\.servers\[\]\.host` \| must be given \| Where it is\. \| a host \| for new connections \|/,
  );
  assert.match(table, /\| `pools\.NAME\.nat` \| `true` \| Masquerade\. \| true or false \| at once \|/);
  assert.match(table, /\| `data`<br>`--data DIR` \| `\/data` \| Directory\. \| a path \| at start \|/);
});

const name = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abzAZ09._-'), minLength: 1, maxLength: 32 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'NAME', '0', 'none'),
);
const given = fc.record({
  servers: fc.uniqueArray(
    fc.record(
      {
        host: fc.string({ unit: fc.constantFrom(...'abz09.'), minLength: 1, maxLength: 32 }),
        port: fc.integer({ min: 1, max: 65_535 }),
        secretFile: fc.constantFrom('none', '/a', '/b c,d'),
        networks: fc.constantFrom('none', '10.1.0.0/16', ['10.1.0.0/16', '10.2.0.0/16']),
      },
      { requiredKeys: ['host'] },
    ),
    { selector: ({ host }) => host, maxLength: 16 },
  ),
  pools: fc.uniqueArray(
    fc.tuple(
      name,
      fc.record({ network: fc.constant('10.9.0.0/24'), nat: fc.boolean() }, { requiredKeys: ['network'] }),
    ),
    { selector: ([key]) => key, maxLength: 8 },
  ),
});

test('file, variable and what is shown make the same of the same (property)', () => {
  fc.assert(
    fc.property(given, ({ servers, pools }) => {
      const named = Object.fromEntries(pools);
      const yaml = dump({ radius: { servers }, pools: named }, { schema: CORE_SCHEMA });
      const fromFile = load(yaml);
      const env = { SSTPD_RADIUS_SERVERS: JSON.stringify(servers), SSTPD_POOLS: JSON.stringify(named) };
      const fromVariable = load('', { env });
      assert.deepEqual(fromVariable.config, fromFile.config);
      assert.deepEqual(new Set([...fromVariable.config.pools.keys()]), new Set(pools.map(([key]) => key)));
      const shown = shownKeys(TABLE, fromFile.config, fromFile.origins);
      assert.deepEqual(loadShownKeys(TABLE, shown, {}).config, fromFile.config);
      assert.deepEqual(
        shown.filter(({ key }) => fromFile.origins.get(key) === undefined),
        [],
      );
    }),
    { numRuns: 100 },
  );
});

test('whatever JSON a variable holds, it loads or ends in one line (property)', () => {
  const key = fc.oneof(
    fc.constantFrom('host', 'port', 'secret', 'network', 'nat', '__proto__', 'constructor'),
    fc.string(),
  );
  const json = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(key, tie('node')),
      fc.array(tie('node')),
    ),
  })).node;
  fc.assert(
    fc.property(
      json,
      fc.constantFrom('SSTPD_RADIUS_SERVERS', 'SSTPD_POOLS', 'SSTPD_NETWORK_MTU'),
      (value, variable) => {
        const value_ = JSON.stringify(value);
        try {
          load('', { env: { [variable]: value_ } });
          load(`pools: ${value_}`);
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u);
          assert.ok(error.message.length < 600, error.message);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('of file, variable and flag the last that is there wins, and is the origin (property)', () => {
  const maybe = fc.option(fc.integer({ min: 576, max: 1500 }), { nil: undefined });
  fc.assert(
    fc.property(maybe, maybe, maybe, fc.boolean(), (inFile, inVariable, inFlag, isText) => {
      const text = isText ? `"${inFile}"` : `${inFile}`;
      const { config, origins } = load(inFile === undefined ? '' : `network: { mtu: ${text} }`, {
        env: inVariable === undefined ? {} : { SSTPD_NETWORK_MTU: `${inVariable}` },
        flags: inFlag === undefined ? {} : { 'network.mtu': `${inFlag}` },
      });
      assert.equal(config.inside.mtu, inFlag ?? inVariable ?? inFile ?? 1400);
      const of = (value: unknown, origin: string): string | undefined => (value === undefined ? undefined : origin);
      assert.equal(
        origins.get('network.mtu'),
        of(inFlag, 'flag --mtu') ??
          of(inVariable, 'environment SSTPD_NETWORK_MTU') ??
          of(inFile, `file ${join(folder, FILE)}`) ??
          'default',
      );
    }),
    { numRuns: 60 },
  );
});

test('of several mistakes the first in the order of the schema is told, wherever it is', () => {
  const env = { SSTPD_NETWORK_MTU: '9' };
  assert.match(refusal('radius: { nasId: 7, servers: 5 }\npools: 7', { env }), /^network\.mtu: "9" must be/);
  assert.match(refusal('radius: { nasId: 7, servers: 5 }\npools: 7'), /^radius\.nasId: 7 must be/);
  assert.match(refusal('pools: 7\nradius: { servers: 5 }'), /^radius\.servers: /);
});

test('a flag has no way to a list of objects or to objects by name', () => {
  const flags = { 'radius.servers': '[{"host":"a"}]', pools: '{}' };
  assert.equal(load(TWO, { flags }).config.radius.servers.length, 2);
});

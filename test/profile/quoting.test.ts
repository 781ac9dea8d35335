/** Values come back from each format as they were, and none becomes a line, a key or a word of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { profileFile, routerosCommands, storePasswordCommand } from '../../profile/index.ts';
import { FULL, PLAIN, userNames } from './facts.ts';

/** Any text, for formats that could hold more than what the store allows. */
const texts = fc.oneof(
  userNames,
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => text.isWellFormed()),
);

/** Groups of keys, as g_key_file_load_from_data reads them. */
function keyFile(text: string): Map<string, Map<string, string>> {
  const groups = new Map<string, Map<string, string>>();
  let group: Map<string, string> | undefined;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const name = /^\[([^[\]]+)\]$/.exec(line)?.[1];
    if (name !== undefined) {
      assert.ok(!groups.has(name), name);
      group = new Map();
      groups.set(name, group);
      continue;
    }
    const [, key = '', value = ''] = /^([A-Za-z0-9-]+)=(.*)$/s.exec(line) ?? assert.fail(`no key: ${line}`);
    assert.ok(group !== undefined && !group.has(key), key);
    group.set(key, unescaped(value.replace(/^[ \t\v\f\r]+|[ \t\v\f\r]+$/g, '')));
  }
  return groups;
}

function unescaped(value: string): string {
  const signs: Readonly<Record<string, string>> = { s: ' ', n: '\n', t: '\t', r: '\r', '\\': '\\' };
  return value.replace(/\\(.)/gs, (_, sign: string) => signs[sign] ?? assert.fail(`\\${sign}`));
}

test('NetworkManager: user and connection come back; groups and keys are always the same', () => {
  const keysOf = (file: Map<string, Map<string, string>>): string[] =>
    [...file].flatMap(([group, keys]) => [...keys.keys()].map((key) => `${group}.${key}`));
  const usual = keysOf(keyFile(profileFile('nm', PLAIN).text));
  const values = texts.filter((text) => !/\0|^[\v\f]|[\v\f]$/.test(text));
  fc.assert(
    fc.property(values, values, (user, connection) => {
      const file = keyFile(profileFile('nm', { ...PLAIN, user, connection }).text);
      assert.deepEqual(keysOf(file), usual);
      assert.equal(file.get('vpn')?.get('user'), user);
      assert.equal(file.get('connection')?.get('id'), connection);
    }),
  );
});

test('NetworkManager: the same connection of the same user keeps its UUID, another has another one', () => {
  const uuid = (facts: typeof PLAIN): string | undefined =>
    keyFile(profileFile('nm', facts).text).get('connection')?.get('uuid');
  assert.match(uuid(PLAIN) ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(uuid(PLAIN), uuid({ ...PLAIN, routes: ['10.0.0.0/8'] }));
  assert.notEqual(uuid(PLAIN), uuid({ ...PLAIN, user: 'bob' }));
});

test('NetworkManager: [ipv6] is method=ignore and nothing else, whatever is configured', () => {
  for (const routes of [[], ['10.0.0.0/8'], ['fd00::/8'], ['10.0.0.0/8', 'fd00::/8']]) {
    for (const dnsSuffix of [undefined, 'corp.example.com']) {
      const file = keyFile(profileFile('nm', { ...PLAIN, routes, dnsSuffix }).text);
      assert.deepEqual([...(file.get('ipv6') ?? [])], [['method', 'ignore']]);
      const ipv4 = [...(file.get('ipv4') ?? [])].filter(([key]) => key.startsWith('route')).map(([, route]) => route);
      assert.deepEqual(
        ipv4,
        routes.filter((route) => !route.includes(':')),
      );
    }
  }
});

test('NetworkManager: the password that is asked for comes back from the file, on no command line, and replaces one', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sstpd-nm-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const place = join(folder, 'sstpd.nmconnection');
  writeFileSync(place, profileFile('nm', FULL).text, { mode: 0o600 });
  const usual = [...keyFile(readFileSync(place, 'utf8')).keys()];
  // Each program that runs says with which words.
  let usualRun: number | undefined;
  const programs = { sudo: 'shift; exec /bin/sh "$@"', stty: '', nmcli: '', sed: 'exec /bin/sed "$@"' };
  for (const [name, rest] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho ${name} "$@" >> ${folder}/ran\n${rest}\n`, { mode: 0o755 });
  }
  const passwords = fc.string({
    unit: fc.oneof(fc.constantFrom(...' \\\'"$`;=[]#%-n'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })),
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(
      passwords.filter((text) => !/[\p{Cc}\u2028\u2029]/u.test(text)),
      (password) => {
        const { status, stderr } = spawnSync('/bin/sh', ['-c', storePasswordCommand(place)], {
          ...{ input: `${password}\n`, encoding: 'utf8', env: { PATH: folder } },
        });
        assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
        const file = keyFile(readFileSync(place, 'utf8'));
        assert.deepEqual([...file.keys()], [...usual, 'vpn-secrets']);
        assert.deepEqual([...(file.get('vpn-secrets') ?? [])], [['password', password]]);
        assert.equal(file.get('vpn')?.get('password-flags'), '0');
        usualRun ??= new Set(readFileSync(join(folder, 'ran'), 'utf8').split('\n')).size;
      },
    ),
    { numRuns: 60 },
  );
  assert.equal(statSync(place).mode & 0o777, 0o600);
  const ran = new Set(readFileSync(join(folder, 'ran'), 'utf8').split('\n'));
  assert.ok(ran.has('nmcli connection reload') && ran.has('stty -echo') && ran.has('stty echo'));
  assert.equal(ran.size, usualRun, 'each run has the same words: no password is among them');
});

test('the lines that store a password are the same in docs/clients.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/clients.md'), 'utf8');
  assert.ok(page.includes(`${storePasswordCommand()}\nsudo nmcli connection up sstpd\n`));
});

test('phone book: name and host come back; a line end or a bracket is refused', () => {
  const read = (text: string): { readonly name: string | undefined; readonly keys: Map<string, string> } => {
    const [first = '', ...lines] = text.trimEnd().split('\r\n');
    const pairs = lines.filter(Boolean).map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    });
    return { name: /^\[([^\]]*)\]$/.exec(first)?.[1], keys: new Map(pairs) };
  };
  const usual = [...read(profileFile('pbk', PLAIN).text).keys.keys()];
  fc.assert(
    fc.property(userNames, (connection) => {
      const { name, keys } = read(profileFile('pbk', { ...PLAIN, connection }).text);
      assert.equal(name, connection);
      assert.deepEqual([...keys.keys()], usual);
      assert.equal(keys.get('PhoneNumber'), PLAIN.host);
    }),
  );
  for (const connection of ['a\r\nType=1', 'a\nb', 'a]b', '[a', 'a\u2028b', 'a\0b']) {
    assert.throws(() => profileFile('pbk', { ...PLAIN, connection }), RangeError);
  }
});

test('RouterOS: user and name come back, and the number of lines and quotes stays', () => {
  const unquoted = (text: string): string =>
    Buffer.from(
      text.replace(/\\([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ).toString();
  const usual = routerosCommands(PLAIN);
  fc.assert(
    fc.property(texts, texts, (user, connection) => {
      const text = routerosCommands({ ...PLAIN, user, connection });
      assert.equal(text.split('\n').length, usual.split('\n').length);
      assert.equal(text.split('"').length, usual.split('"').length);
      assert.match(text, /^[\n -~]*$/);
      const [, name = '', login = ''] = / add name="([^"]*)" .* user="([^"]*)" /.exec(text) ?? [];
      assert.equal(unquoted(name), connection);
      assert.equal(unquoted(login), user);
    }),
  );
});

test('Android: a name stays within its line', () => {
  fc.assert(
    fc.property(userNames, (user) => {
      const lines = profileFile('android', { ...PLAIN, user }).text.split('\n');
      assert.equal(lines.length, profileFile('android', PLAIN).text.split('\n').length);
      assert.ok(lines.some((line) => /^Username {2,}/.test(line) && line.endsWith(`  ${user}`)));
    }),
  );
});

test('host and DNS suffix come back from each format that has them', () => {
  const name = fc.stringMatching(
    /^[a-z0-9_](?:[a-z0-9_-]{0,8}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?){0,3}$/,
  );
  fc.assert(
    fc.property(name, name, (host, dnsSuffix) => {
      const facts = { ...PLAIN, host, dnsSuffix, port: 8443 };
      const nm = keyFile(profileFile('nm', facts).text);
      assert.equal(nm.get('vpn')?.get('gateway'), `${host}:8443`);
      assert.equal(nm.get('ipv4')?.get('dns-search'), `${dnsSuffix};`);
      assert.match(nm.get('vpn')?.get('ca-cert') ?? '', /^[\w./-]+$/);
      const lines = (format: 'ps1' | 'pbk'): string[] => profileFile(format, facts).text.split('\r\n');
      assert.ok(lines('pbk').includes(`PhoneNumber=${host}:8443`));
      assert.ok(lines('pbk').includes(`IpDnsSuffix=${dnsSuffix}`));
      assert.ok(lines('ps1').includes(`$ServerName = '${host}'`));
      assert.ok(profileFile('ps1', facts).text.includes(` -DnsSuffix '${dnsSuffix}' `));
      assert.ok(profileFile('sstpc', facts).text.includes(`\nserver=${host}:8443\nhost=${host}\n`));
    }),
  );
});

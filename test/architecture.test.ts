/** The folder map of ARCHITECTURE.md, enforced: who may import whom, and what a pure folder must not touch. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const BELOW_SERVER = ['core', 'sstp', 'ppp', 'ip', 'tun', 'tls', 'certs', 'auth', 'datapath', 'admin', 'profile'];

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  sstp: ['core'],
  ppp: ['core'],
  ip: ['core'],
  tun: ['core'],
  tls: ['core'],
  certs: ['core'],
  auth: ['core', 'ppp (types)'],
  profile: ['core'],
  admin: ['core', 'profile'],
  datapath: ['core', 'sstp', 'ppp', 'ip', 'tun'],
  client: ['core', 'sstp', 'ppp', 'auth', 'ip', 'tun', 'datapath'],
  server: BELOW_SERVER,
  cli: [...BELOW_SERVER, 'server', 'client', 'bench'],
  bench: [...BELOW_SERVER, 'server', 'client', 'cli', 'packaging'],
};

/**
 * Every command needs the configuration's schema; the rest of server/ would cost each of them half a second. The first
 * packets of `connect` leave before the rest of client/ is loaded, and that is no more than it uses: each file takes
 * half a millisecond. Of certs/, workers read certificates only; the library for OCSP takes 60 ms to load.
 */
const BESIDE_INDEX: Readonly<Record<string, readonly string[]>> = {
  cli: [
    'core/builtins.ts',
    'core/secret-text.ts',
    'ppp/client-link.ts',
    'datapath/native-path.ts',
    'client/dial.ts',
    'client/connect.ts',
    'server/attempts/remedies.ts',
    'server/command-place.ts',
    'server/config.ts',
    'server/config-error.ts',
  ],
  server: ['certs/ocsp.ts'],
  bench: ['packaging/debian-packages.mjs'],
  client: [
    'core/system-clock.ts',
    'auth/mschapv2.ts',
    'datapath/native-path.ts',
    'datapath/socket-options.ts',
    'ppp/client-link.ts',
  ],
};

const PURE = ['sstp', 'ppp', 'ip', 'profile'];

const folders = Object.keys(MAY_IMPORT);
const files = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { exclude: ['**/node_modules/**'] }));

interface Import {
  readonly file: string;
  readonly statement: string;
  readonly isTypeOnly: boolean;
  readonly specifier: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(
    /^(?:import|export)\s[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|^import\s+'([^']+)'/gm,
  )) {
    const specifier = match[1] ?? match[2] ?? match[3] ?? '';
    const isTypeOnly =
      /^(import|export) type\s/.test(match[0]) || /typeof\s+$/.test(text.slice(0, match.index).slice(-9));
    found.push({ file, statement: match[0], isTypeOnly, specifier });
  }
  return found;
}

const folderOf = (file: string): string => file.split('/')[0] ?? '';

test('there is something to look at', () => {
  assert.ok(files.length > 40, `only ${files.length} files`);
});

test('imports between folders go one way, and only through index.ts', () => {
  const faults: string[] = [];
  for (const file of files) {
    for (const { specifier, isTypeOnly } of importsOf(file)) {
      if (!specifier.startsWith('.')) continue;
      const target = normalize(join(dirname(file), specifier));
      const from = folderOf(file);
      const to = folderOf(target);
      if (from === to) continue;
      const allowed = MAY_IMPORT[from] ?? [];
      if (!allowed.includes(to) && !(isTypeOnly && allowed.includes(`${to} (types)`)))
        faults.push(`${file} imports ${to}`);
      if (target !== `${to}/index.ts` && !BESIDE_INDEX[from]?.includes(target))
        faults.push(`${file} imports ${target} instead of ${to}/index.ts`);
    }
  }
  assert.deepEqual(faults, []);
});

test('each folder has an index.ts that opens with what the folder is for', () => {
  for (const folder of folders.filter((name) => files.some((file) => file.startsWith(`${name}/`)))) {
    if (folder === 'cli' || folder === 'bench') continue; // programs, not libraries
    const text = readFileSync(`${folder}/index.ts`, 'utf8');
    assert.match(text, /^\/\*\*/, `${folder}/index.ts`);
  }
});

test('pure folders touch no clock, timer, randomness, process or log, and of Node only Buffer and hashes', () => {
  const faults: string[] = [];
  for (const file of files.filter((name) => PURE.includes(folderOf(name)))) {
    const code = readFileSync(file, 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/\/\/.*$/gm, '');
    for (const word of [
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'Date.now',
      'performance.',
      'Math.random',
      'process.',
      'randomBytes',
      'console.',
    ]) {
      if (code.includes(word)) faults.push(`${file}: ${word}`);
    }
    for (const { specifier, statement } of importsOf(file)) {
      if (specifier.startsWith('.')) continue;
      const isHash =
        specifier === 'node:crypto' && /\{\s*((create(Hash|Hmac)|timingSafeEqual|hash)(,\s*)?)+\s*\}/.test(statement);
      if (!isHash && specifier !== 'node:buffer') faults.push(`${file} imports ${specifier}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('no file speaks to the console but the command line', () => {
  const loud = files.filter((file) => !/^(cli|bench)\//.test(file) && /\bconsole\./.test(readFileSync(file, 'utf8')));
  assert.deepEqual(loud, []);
});

/**
 * Programs that give rights up, and whatever they import at their top, load nothing later but what stands here: they may
 * lie in a folder that is closed to the user that they become, as a clone in /root is.
 */
const LOADED_BEFORE_RIGHTS_GO: Readonly<Record<string, readonly string[]>> = {
  // A command that a running server carries out stays who it is.
  'cli/options.ts': ['../admin/index.ts'],
  'cli/user-access.ts': ['../admin/index.ts', '../server/index.ts'],
  // With the certificates, which are loaded while the start is still root.
  'server/certificates/acme-order.ts': ['acme-client'],
};
const PROGRAMS_THAT_GIVE_RIGHTS_UP = [
  'cli/admin.ts',
  'cli/token.ts',
  'cli/user.ts',
  'server/index.ts',
  'server/workers/worker-main.ts',
];

test('nothing is loaded after rights were given up', () => {
  const reached = new Set<string>();
  const late: Record<string, string[]> = {};
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { statement, specifier, isTypeOnly } of importsOf(file)) {
      if (isTypeOnly) continue;
      if (statement.startsWith('import(')) late[file] = [...(late[file] ?? []), specifier];
      else if (specifier.startsWith('.')) visit(normalize(join(dirname(file), specifier)));
    }
  };
  for (const file of PROGRAMS_THAT_GIVE_RIGHTS_UP) visit(file);
  assert.ok(reached.has('auth/user-store.ts') && reached.has('cli/data-owner.ts'), 'the imports are followed');
  assert.deepEqual(late, LOADED_BEFORE_RIGHTS_GO);
});

test('a command becomes the owner of the data directory in one place', () => {
  const own = files.filter((file) => /\bbecomeEffectively\(/.test(readFileSync(file, 'utf8')));
  assert.deepEqual(own.sort(), ['cli/data-owner.ts', 'core/effective-user.ts']);
});

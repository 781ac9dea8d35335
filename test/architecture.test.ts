/** The folder map of ARCHITECTURE.md, enforced: who may import whom, and what a pure folder must not touch. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** What a worker loads of wings that are else the supervisor's. */
const FOR_WORKERS = [
  'server/config/derived.ts',
  'server/config/proxy-sources.ts',
  'server/certificates/material.ts',
  'server/control/end-reason.ts',
  'server/control/policy.ts',
  'server/observe/reported.ts',
];

const LIBRARIES = ['core', 'sstp', 'ppp', 'ip', 'tun', 'tls', 'certs', 'auth', 'store', 'datapath', 'admin', 'profile'];

/**
 * The wings of `server/` are folders as any other; `server` itself is what lies directly in it. `(types)`: nothing that runs.
 * A row names rows above it alone, so there is no circle.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  sstp: ['core'],
  ppp: ['core'],
  ip: ['core'],
  tun: ['core'],
  tls: ['core'],
  certs: ['core'],
  profile: ['core'],
  auth: ['core', 'ppp (types)'],
  store: ['core', 'auth'],
  admin: ['core', 'profile (types)'],
  datapath: ['core', 'sstp', 'ppp', 'ip', 'tun'],
  'server/site': ['core', 'profile'],
  'server/config': ['core', 'auth (types)', 'server/site (types)'],
  'server/log': ['core', 'server/config (types)'],
  'server/admission': ['core', 'admin (types)'],
  'server/host': ['core', 'ip', 'tun', 'certs', 'admin (types)', 'store (types)', 'server/config'],
  'server/certificates': ['core', 'tls', 'certs', 'admin (types)', 'server/config (types)', 'server/host'],
  'server/control': [
    ...['core', 'ip', 'auth', 'ppp (types)', 'sstp (types)', 'profile (types)', 'admin (types)'],
    ...['store (types)', 'server/config (types)', 'server/host', 'server/site'],
  ],
  'server/observe': [
    ...[
      'core',
      'ppp',
      'ip',
      'tun',
      'tls',
      'certs',
      'auth',
      'datapath',
      'profile',
      'admin',
      'sstp (types)',
      'store (types)',
    ],
    ...[
      'server/config',
      'server/log (types)',
      'server/admission',
      'server/host',
      'server/certificates',
      'server/control',
    ],
  ],
  'server/connections': [
    ...['core', 'sstp', 'ppp', 'ip', 'tun', 'tls', 'auth', 'datapath', 'admin (types)', 'server/control (types)'],
    ...['server/config', 'server/admission', 'server/certificates', 'server/observe', 'server/site'],
  ],
  'server/workers': [
    ...['core', 'tun', 'tls', 'ppp (types)', 'auth (types)', 'admin (types)', 'server/admission (types)'],
    ...['server/certificates (types)', 'server/control', 'server/site (types)'],
    ...['server/config', 'server/host', 'server/log', 'server/observe', 'server/connections'],
  ],
  server: [
    ...LIBRARIES,
    ...['server/config', 'server/log', 'server/admission', 'server/host', 'server/certificates', 'server/control'],
    ...['server/observe', 'server/connections', 'server/workers'],
  ],
  client: ['core', 'sstp', 'ppp', 'auth', 'ip', 'tun', 'datapath'],
  cli: [...LIBRARIES, 'server', 'server/config', 'server/certificates (types)', 'client', 'bench'],
  bench: [...LIBRARIES, 'server', 'client', 'cli', 'packaging'],
};

/**
 * What others import beside an index.ts, which would load more than they need. Every command needs the configuration; the
 * rest of server/ would cost each of them half a second. The first packets of `connect` leave before the rest of client/ is
 * loaded, and that is no more than it uses: each file takes half a millisecond. Of certs/, workers read certificates only;
 * the library for OCSP takes 60 ms to load.
 */
const BESIDE_INDEX: Readonly<Record<string, readonly string[]>> = {
  cli: [
    'core/builtins.ts',
    'core/secret-text.ts',
    'ppp/client-link.ts',
    'datapath/native-path.ts',
    'client/dial.ts',
    'client/connect.ts',
    'server/config/error.ts',
  ],
  'server/certificates': ['certs/ocsp.ts'],
  'server/control': ['auth/throttle/hold-text.ts'],
  'server/observe': ['auth/throttle/hold-text.ts', ...FOR_WORKERS],
  'server/connections': ['auth/throttle/hold-text.ts', ...FOR_WORKERS],
  'server/workers': FOR_WORKERS,
  server: FOR_WORKERS,
  bench: ['packaging/debian-packages.mjs'],
  client: [
    'core/system-clock.ts',
    'auth/mschapv2.ts',
    'datapath/call-shell.ts',
    'datapath/native-path.ts',
    'datapath/socket-options.ts',
    'ip/link-local.ts',
    'ppp/client-link.ts',
  ],
};

const PURE = ['sstp', 'ppp', 'ip', 'profile'];
/** Single files of other folders. */
const PURE_FILES = ['server/control/policy.ts'];

const folders = Object.keys(MAY_IMPORT);
const files = folders
  .filter((folder) => !folder.includes('/'))
  .flatMap((folder) => globSync(`${folder}/**/*.ts`, { exclude: ['**/node_modules/**'] }));

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

const folderOf = (file: string): string => {
  const [top = '', wing = '', ...rest] = file.split('/');
  return top === 'server' && rest.length > 0 ? `${top}/${wing}` : top;
};

test('there is something to look at', () => {
  assert.ok(files.length > 40, `only ${files.length} files`);
});

/** Loaded when its line is come to, not with the file. */
function isLate({ statement, isTypeOnly }: Import): boolean {
  return statement.startsWith('import(') && !isTypeOnly;
}

/** What a file loads by being loaded, itself included. */
function reachedFrom(start: string): Set<string> {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { statement, specifier, isTypeOnly } of importsOf(file)) {
      if (isTypeOnly || !specifier.startsWith('.') || statement.startsWith('import(')) continue;
      visit(normalize(join(dirname(file), specifier)));
    }
  };
  visit(start);
  return reached;
}

test('every folder has a row, and a row names rows above it alone', () => {
  assert.deepEqual([...new Set(files.map(folderOf))].sort(), [...folders].sort());
  for (const [at, folder] of folders.entries()) {
    const below = (MAY_IMPORT[folder] ?? []).map((name) => name.replace(' (types)', ''));
    const above = ['packaging', 'bench', ...folders.slice(0, at)]; // cli finds the benchmark by its name
    assert.deepEqual(
      below.filter((name) => !above.includes(name)),
      [],
      folder,
    );
  }
});

test('no file imports itself by way of others, not even for a type', () => {
  const done = new Set<string>();
  const path: string[] = [];
  const circles: string[] = [];
  const visit = (file: string): void => {
    const from = path.indexOf(file);
    if (from !== -1) circles.push([...path.slice(from), file].join(' -> '));
    if (from !== -1 || done.has(file)) return;
    path.push(file);
    for (const { statement, specifier } of importsOf(file)) {
      if (specifier.startsWith('.') && !statement.startsWith('import('))
        visit(normalize(join(dirname(file), specifier)));
    }
    path.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
  assert.deepEqual(circles, []);
});

test('a worker loads nothing that changes the host, judges a login or administers, and of onlookers what it reports', () => {
  const reached = [...reachedFrom('server/workers/worker-main.ts')];
  assert.ok(reached.includes('server/connections/tunnel.ts'), 'the imports are followed');
  const wrong = reached.filter((file) =>
    /^(?:admin|store|server\/host|server\/control)\/(?!end-reason|policy)|^auth\/(?!throttle\/hold-text)|^server\/observe\/(?:doctor|hooks)\/|^server\/[^/]+$/.test(
      file,
    ),
  );
  assert.deepEqual(wrong, []);
});

test('what begins to connect, and so each command, loads a few single files before all else', () => {
  const reached = [...reachedFrom('cli/main.ts')];
  assert.ok(reached.includes('client/dial.ts'), 'the imports are followed');
  assert.deepEqual(
    reached.filter((file) => file.endsWith('/index.ts')),
    [],
  );
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

test('only the engine knows its database, and whoever opens a store sees what any engine has', () => {
  const knowing = files.filter((file) => importsOf(file).some(({ specifier }) => specifier === 'node:sqlite'));
  assert.deepEqual(
    knowing.filter((file) => !file.startsWith('store/sqlite/')),
    [],
  );
  const naming = files.flatMap((file) =>
    importsOf(file)
      .filter(({ specifier }) => normalize(join(dirname(file), specifier)).startsWith('store/sqlite/'))
      .filter(() => !file.startsWith('store/sqlite/'))
      .map(({ statement }) => `${file}: ${statement.replace(/\s+/g, ' ')}`),
  );
  assert.deepEqual(naming, ["store/index.ts: export { openStore } from './sqlite/sqlite-store.ts'"]);
});

test('each folder has an index.ts that opens with what the folder is for', () => {
  for (const folder of folders) {
    if (folder === 'cli' || folder === 'bench') continue; // programs, not libraries
    const text = readFileSync(`${folder}/index.ts`, 'utf8');
    assert.match(text, /^\/\*\*/, `${folder}/index.ts`);
  }
});

test('pure folders touch no clock, timer, randomness, process or log, and of Node only Buffer and hashes', () => {
  const faults: string[] = [];
  for (const file of files.filter((name) => PURE.includes(folderOf(name)) || PURE_FILES.includes(name))) {
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
  const reached = new Set(PROGRAMS_THAT_GIVE_RIGHTS_UP.flatMap((program) => [...reachedFrom(program)]));
  const late: Record<string, string[]> = {};
  for (const { file, specifier } of [...reached].flatMap(importsOf).filter(isLate)) {
    late[file] = [...(late[file] ?? []), specifier];
  }
  assert.ok(reached.has('store/sqlite/user-store.ts') && reached.has('cli/data-owner.ts'), 'the imports are followed');
  assert.deepEqual(late, LOADED_BEFORE_RIGHTS_GO);
});

test('a command becomes the owner of the data directory in one place', () => {
  const own = files.filter((file) => /\bbecomeEffectively\(/.test(readFileSync(file, 'utf8')));
  assert.deepEqual(own.sort(), ['cli/data-owner.ts', 'core/effective-user.ts']);
});

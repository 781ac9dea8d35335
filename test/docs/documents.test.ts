/** What README.md and ARCHITECTURE.md say about commands, packages, files and folders, held against the tree. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GROUPS, packagesOf } from '../../packaging/debian-packages.mjs';

const PROGRAM = fileURLToPath(new URL('../../bin/sstpd.js', import.meta.url));
const DOCUMENTS = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'test/interop/README.md'],
  ...globSync('docs/*.md'),
];

const readme = readFileSync('README.md', 'utf8');
const architecture = readFileSync('ARCHITECTURE.md', 'utf8');

function helpOf(words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...words, '--help'], { encoding: 'utf8' });
  assert.equal(status, 0, `sstpd ${words.join(' ')} --help: ${stderr}`);
  return stdout;
}

test('the README names the packages that build and server need, and .ci/run and the Dockerfile read the list', () => {
  const line = `apt-get install -y --no-install-recommends ${packagesOf(['build', 'run']).join(' ')}\n`;
  assert.ok(readme.includes(line), line);
  assert.match(readFileSync('.ci/run', 'utf8'), /\$\(node packaging\/debian-packages\.mjs --all\)/);
  const image = readFileSync('docker/Dockerfile', 'utf8');
  for (const group of ['build', 'run'])
    assert.ok(image.includes(`$(node packaging/debian-packages.mjs ${group})`), group);
});

test('each Debian package that a program or a page tells to install is in the list', () => {
  const files = globSync('{README.md,{admin,bench,cli,client,docs,profile,server,tun}/**/*.{ts,mjs,md}}', {
    exclude: (name) => name === 'build' || name === 'performance.md', // the page tells of rivals that only a bench needs
  });
  const named = files.flatMap((file) => {
    const commands = readFileSync(file, 'utf8').matchAll(/apt(?:-get)? install((?: -\S+)*(?: [a-z0-9][a-z0-9+.-]*)+)/g);
    return [...commands].flatMap(([, words = '']) => {
      const [names = ''] = words.split(/ (?:and|or) /);
      return names.split(' ').filter((word) => word !== '' && !word.startsWith('-'));
    });
  });
  assert.ok(named.length >= 15, `only ${named}`);
  const listed = packagesOf(Object.keys(GROUPS));
  assert.deepEqual(
    named.filter((name) => !listed.includes(name)),
    [],
  );
});

test('.ci/run runs each check that the README names, and each script that it calls exists', () => {
  const ci = readFileSync('.ci/run', 'utf8');
  for (const name of [
    'test',
    'run test:interop',
    'run test:container',
    'run test:fresh -- --quick',
    'run test:asan',
    'run fuzz',
    'run check:arm',
    'run check:libc',
  ]) {
    assert.match(ci, new RegExp(`^step npm ${name}\\b`, 'm'));
  }
  assert.match(ci, /^step npm run bench -- --quick$/m);
});

test('each command and flag that README and docs/ show exists', () => {
  const commands = new Map<string, Set<string>>();
  const text = [readme, ...globSync('docs/*.md').map((page) => readFileSync(page, 'utf8'))]
    .join('\n')
    .replaceAll('\\\n', '');
  const started = [...text.matchAll(/\bnpm start -- (.+)/g)].map((match) => `sstpd serve ${match[1]}`);
  for (const match of [text, ...started]
    .join('\n')
    .matchAll(
      /\bsstpd ((?:serve|user|admin|token|profile|sessions|explain|doctor|metrics|config|connect|demo|build-addon)\b(?: [a-z]+\b)?)([^`\n]*)/g,
    )) {
    const [first = '', second] = match[1]?.split(' ') ?? [];
    const hasSubcommands = ['user', 'admin', 'token', 'sessions'].includes(first) && second !== undefined;
    const words = hasSubcommands ? `${first} ${second}` : first;
    const flags = commands.get(words) ?? new Set();
    for (const [flag] of (match[2] ?? '').matchAll(/--[a-z][a-z0-9-]*/g)) flags.add(flag);
    commands.set(words, flags);
  }
  assert.ok(commands.size >= 20, `only ${[...commands.keys()]}`);
  for (const [words, flags] of commands) {
    const help = helpOf(words.split(' '));
    for (const flag of flags) assert.match(help, new RegExp(`${flag}\\b`), `sstpd ${words} ${flag}`);
  }
});

test('each npm script that the README names exists', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const named = [...readme.matchAll(/\bnpm (?:run ([a-z:]+)|(start|test))\b/g)].map((match) => match[1] ?? match[2]);
  assert.ok(named.length >= 6, `only ${named}`);
  for (const name of named) assert.ok(Object.hasOwn(scripts, name ?? ''), `npm run ${name}`);
});

test('each link inside the repository leads to a file and a heading', () => {
  for (const document of DOCUMENTS) {
    const links = readFileSync(document, 'utf8').matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g);
    for (const [, path = '', heading] of links) {
      const target = path === '' ? document : join(dirname(document), path);
      assert.ok(existsSync(target), `${document}: ${target}`);
      if (heading === undefined) continue;
      const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.+)$/gm)].map((match) =>
        anchorOf(match[1] ?? ''),
      );
      assert.ok(headings.includes(heading), `${document}: ${path}#${heading}`);
    }
  }
});

test('the README leads to each page of docs/', () => {
  for (const page of globSync('docs/*.md')) assert.ok(readme.includes(`](${page}`), page);
});

test('each file and folder that ARCHITECTURE.md names exists', () => {
  const named = [...architecture.matchAll(/`([a-z0-9-]+\/[a-z0-9/.-]*)`/g)].map((match) => match[1] ?? '');
  assert.ok(named.length >= 30, `only ${named.length} names`);
  for (const path of named) assert.ok(existsSync(path), path);
});

test('the folder table of ARCHITECTURE.md has the folders that test/architecture.test.ts watches', () => {
  const rows = [...architecture.matchAll(/^\| `([a-z]+(?:\/[a-z]+)?)\/` \|/gm)].map((match) => match[1]);
  const map = /MAY_IMPORT[^=]*= \{(.+?)\n\};/s.exec(readFileSync('test/architecture.test.ts', 'utf8'))?.[1] ?? '';
  const watched = [...map.matchAll(/^ {2}'?([\w/]+)'?:/gm)].map((match) => match[1]);
  assert.deepEqual(rows.toSorted(), watched.toSorted());
});

test('each reason and event that explain.md names as text in the log is in the code', () => {
  const code = globSync('{server,tls,sstp,ppp,auth,datapath}/**/*.ts')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const [, log = ''] = /^## In the log\n(.+)/ms.exec(readFileSync('docs/explain.md', 'utf8')) ?? [];
  const words = [...log.matchAll(/`([a-z]+(?:[.-][a-z-]+)+|drops[A-Z]\w+)`/g)].map((match) => match[1] ?? '');
  const events = words.filter((word) => !word.endsWith('.pem') && !word.startsWith('tls.ciphers'));
  assert.ok(events.length >= 25, `only ${events.length} words`);
  for (const word of events) assert.ok(new RegExp(`\\b${word}\\b`).test(code), word);
});

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replace(/\s/g, '-');
}

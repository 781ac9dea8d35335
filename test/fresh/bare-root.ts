/**
 * A file system as a newcomer's server has it: Debian 12 of the smallest kind with git and certificates, Node 20 or newer
 * with npm, and nothing else: no compiler, no `ip`, no `nft`, no package lists.
 *
 * How this machine gets at packages (mirrors and proxies of apt and npm, certificate authorities) is taken over.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const RELEASE = 'bookworm';
const OLDEST_NODE = 20;
const APT = ['apt.conf', 'apt.conf.d', 'auth.conf', 'auth.conf.d', 'preferences', 'preferences.d'];
const SOURCES = ['sources.list', 'sources.list.d', 'trusted.gpg', 'trusted.gpg.d', 'keyrings'];
/** Variables that say how to reach a registry, or whom to trust. */
const ACCESS =
  /^(?:npm_config_(?:registry|cafile|proxy|https[-_]proxy|noproxy)|NODE_EXTRA_CA_CERTS|(?:https?|no)_proxy)$/i;
const CERTIFICATES = ['/etc/ssl/certs', '/usr/local/share/ca-certificates'];

/** What each command in such a machine has of this one's environment. */
export function accessVariables(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      ACCESS.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  );
}

/** Makes one as an archive, which roots are unpacked from. @param folder that it goes to */
export function makeArchive(folder: string): string {
  const archive = join(folder, 'debian.tar');
  const packages = '--include=ca-certificates,git';
  execFileSync('mmdebstrap', ['--quiet', '--variant=minbase', packages, RELEASE, archive], { stdio: 'pipe' });
  return archive;
}

/**
 * @param root folder that becomes the file system
 * @throws {Error} if something that must not be there is there
 */
export function unpack(archive: string, root: string): void {
  mkdirSync(root, { recursive: true });
  execFileSync('tar', ['--extract', '--file', archive, '--directory', root, '--numeric-owner'], { stdio: 'pipe' });
  takeOver(root);
  addNode(root);
  rmSync(join(root, 'var/lib/apt/lists'), { recursive: true, force: true });
  mkdirSync(join(root, 'var/lib/apt/lists/partial'), { recursive: true });
  for (const name of ['g++', 'gcc', 'cc', 'make', 'ip', 'nft', 'python3', 'curl']) {
    for (const bin of ['bin', 'sbin']) {
      if (existsSync(join(root, 'usr', bin, name))) throw new Error(`the bare machine has ${name}`);
    }
  }
}

function takeOver(root: string): void {
  const isSameRelease = readFileSync('/etc/os-release', 'utf8').includes(`VERSION_CODENAME=${RELEASE}`);
  for (const name of [...APT, ...(isSameRelease ? SOURCES : [])]) {
    copy(join('/etc/apt', name), join(root, 'etc/apt', name));
  }
  for (const path of CERTIFICATES) copy(path, join(root, path));
  copy(join(homedir(), '.npmrc'), join(root, 'root/.npmrc'));
  // Of npm's settings for the whole machine, only how to reach the registry: another Node is at another place there.
  const settings = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy'].flatMap((key) => {
    const value = execFileSync('npm', ['config', 'get', key], { encoding: 'utf8' }).trim();
    return ['', 'null', 'undefined'].includes(value) ? [] : [`${key}=${value}`];
  });
  mkdirSync(join(root, 'usr/local/etc'), { recursive: true });
  writeFileSync(join(root, 'usr/local/etc/npmrc'), `${settings.join('\n')}\n`);
}

function copy(from: string, to: string): void {
  if (!existsSync(from)) return;
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, dereference: true, filter: existsSync });
}

/** As an operator would have it in /usr/local: the machine's own Node where it is new enough, else that of npm's package. */
function addNode(root: string): void {
  const { node, npm } = machineNode() ?? fetchedNode(root);
  const modules = join(root, 'usr/local/lib/node_modules');
  mkdirSync(modules, { recursive: true });
  cpSync(node, join(root, 'usr/local/bin/node'), { dereference: true });
  cpSync(npm, join(modules, 'npm'), { recursive: true, dereference: true });
  for (const name of ['npm', 'npx']) {
    const link = join(root, 'usr/local/bin', name);
    execFileSync('ln', ['-s', `../lib/node_modules/npm/bin/${name}-cli.js`, link]);
    execFileSync('chmod', ['755', join(modules, 'npm/bin', `${name}-cli.js`)]);
  }
}

interface NodeFiles {
  readonly node: string;
  readonly npm: string;
}

/** Of PATH without the folders of packages, which have the Node of the tests. */
function machineNode(): NodeFiles | undefined {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    if (folder.includes('node_modules')) continue;
    const node = join(folder, 'node');
    const npm = resolve(folder, '../lib/node_modules/npm');
    if (!existsSync(node) || !existsSync(join(npm, 'bin/npm-cli.js'))) continue;
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' });
    if (Number(/^v(\d+)/.exec(version)?.[1]) >= OLDEST_NODE) return { node, npm };
  }
  return undefined;
}

function fetchedNode(root: string): NodeFiles {
  const folder = mkdtempSync(join(dirname(root), 'node-'));
  const install = ['install', '--prefix', folder, '--no-audit', '--no-fund', `node@${OLDEST_NODE}`, 'npm@10'];
  execFileSync('npm', install, { stdio: 'pipe' });
  const [nested = ''] = readdirSync(join(folder, 'node_modules/node/node_modules'), { encoding: 'utf8' });
  return {
    node: join(folder, 'node_modules/node/node_modules', nested, 'bin/node'),
    npm: join(folder, 'node_modules/npm'),
  };
}

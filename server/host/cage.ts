/** The cage of the workers: what can be had of it on this machine, and what a worker may still do in it. */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { packageFolder } from '../../core/index.ts';
import { type CageLayers, cageProgram, NO_CAGE } from '../../tun/index.ts';

/** What can be had here. */
export interface CageProbe extends CageLayers {
  /** Why a layer is missing, such as `ENOSYS`: the kernel has no such call, or a container's profile hides it. */
  readonly landlockError: string | undefined;
  readonly seccompError: string | undefined;
}

/** What a program in the cage may still do by Landlock. Paths that are not there are passed over. */
export interface CagePaths {
  /** With all below them. */
  readonly read: readonly string[];
  /** To be executed too. */
  readonly run: readonly string[];
}

const PROBE_MS = 10_000;

/** Where libraries, and what they read at their start, are on any distribution; secrets are in none of them. */
const SYSTEM_PATHS = [
  ...['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib', '/usr/share/nodejs', '/usr/share/icu'],
  ...['/usr/share/zoneinfo', '/etc/localtime', '/etc/ld.so.cache', '/etc/ld.so.preload'],
  ...['/etc/ssl/openssl.cnf', '/etc/pki/tls/openssl.cnf', '/etc/crypto-policies'],
  ...['/dev/null', '/dev/urandom', '/proc', '/sys/fs/cgroup'],
];

/** What an installed package, and a clone, have beside the folders of their sources. */
const PACKAGE_NAMES = ['package.json', 'node_modules', 'dist', 'prebuilds'];

/**
 * Tries both layers, in a process of its own.
 *
 * @param mostAbi what to know of Landlock at most
 */
export function probeCage(mostAbi?: number): CageProbe {
  const { stdout, error } = spawnSync(cageProgram, ['--probe', ...(mostAbi === undefined ? [] : [String(mostAbi)])], {
    encoding: 'utf8',
    timeout: PROBE_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const match = /^landlock (\d+) (\d+)\nseccomp (\d+)\n$/.exec(stdout ?? '');
  if (match === null) {
    const reason = `${cageProgram} does not run${error === undefined ? '' : `, ${(error as NodeJS.ErrnoException).code}`}`;
    return { ...NO_CAGE, landlockError: reason, seccompError: reason };
  }
  const [landlock = 0, landlockErrno = 0, seccompErrno = 0] = match.slice(1).map(Number);
  return {
    landlock,
    landlockError: nameOf(landlockErrno),
    seccomp: seccompErrno === 0,
    seccompError: nameOf(seccompErrno),
  };
}

/**
 * What `sstpd-cage` is started with, in front of the program and its arguments.
 *
 * @param drop descriptors that the program does not get
 */
export function cageArguments(layers: CageLayers, paths: CagePaths, drop: readonly number[] = []): string[] {
  const each = (option: string, values: readonly (string | number)[]): string[] =>
    values.flatMap((value) => [option, String(value)]);
  const landlock = ['--landlock', String(layers.landlock), ...each('--run', paths.run), ...each('--read', paths.read)];
  return [
    ...(layers.landlock > 0 ? landlock : []),
    ...(layers.seccomp ? ['--seccomp'] : []),
    ...each('--drop', drop),
    '--',
  ];
}

/**
 * What a worker reads: its program, what the system has for all programs, and what it is to show.
 *
 * @param node the program that runs it
 * @param extra what this configuration needs besides
 */
export function pathsOfWorker(node: string, extra: readonly string[] = []): CagePaths {
  const { loader, libraries } = mappedFiles();
  return { run: [node, ...loader], read: [...SYSTEM_PATHS, ...ownPaths(), ...libraries, ...extra] };
}

/**
 * Not the whole folder of a clone: the data directory may be in it. In an installed package, also what lies beside it in
 * node_modules.
 */
function ownPaths(): string[] {
  const sources = globSync('*/index.ts', { cwd: packageFolder }).map((file) => file.slice(0, -'/index.ts'.length));
  const own = [...PACKAGE_NAMES, ...sources].map((name) => join(packageFolder, name));
  const index = packageFolder.indexOf('/node_modules/');
  return index === -1 ? own : [packageFolder.slice(0, index + '/node_modules'.length), ...own];
}

/** What this process, which has loaded what a worker will, has in its memory: a library may be anywhere. */
function mappedFiles(): { readonly loader: string[]; readonly libraries: string[] } {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const paths = new Set(
    lines.flatMap((line) => /^\S+ r\S+ \S+ \S+ \S+ +(\/.+?)(?: \(deleted\))?$/.exec(line)?.[1] ?? []),
  );
  const isLoader = (path: string): boolean => /\/ld-[^/]*\.so[^/]*$/.test(path);
  const all = [...paths];
  return { loader: all.filter(isLoader), libraries: all.filter((path) => !isLoader(path)) };
}

function nameOf(errno: number): string | undefined {
  return errno === 0 ? undefined : getSystemErrorName(-errno);
}

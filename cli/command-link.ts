/**
 * The command `sstpd` of a clone: two lines of sh in /usr/local/bin that start the clone's own program under the clone's
 * own Node. Who can change one of the folders on the way could have root run anything, so all of them must be root's.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { packageFolder, shellWord } from '../core/index.ts';

const NAME = 'sstpd';
const MODE = 0o755;
/** Two paths of the longest kind, each sign quoted, and more. */
const MOST_BYTES = 64 * 1024;
/** Files by which engines mark the containers that they make: Docker, podman, systemd. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv', '/run/systemd/container'];

/** What tests replace. */
export interface LinkPlaces {
  /** Of the package. */
  readonly clone: string;
  /** Where commands of the machine's administrator are. */
  readonly bin: string;
  /** Marks of a container. */
  readonly marks: readonly string[];
  /** How far up folders are looked at: `/`. */
  readonly top: string;
  readonly uid: number | undefined;
}

const MACHINE: LinkPlaces = {
  clone: packageFolder,
  bin: '/usr/local/bin',
  marks: CONTAINER_MARKS,
  top: '/',
  uid: process.geteuid?.(),
};

/** How the operator calls this program, as printed. */
export interface CommandName {
  /** Words for a shell. */
  readonly words: string;
  /** Why it is not just `sstpd`; undefined if it is, or if nobody need know. */
  readonly remark: string | undefined;
}

/**
 * Makes the command if it may, for root in a clone.
 *
 * @param wanted `run.link`
 * @param path the environment's PATH
 */
export function commandName(wanted: boolean, path: string, places: LinkPlaces = MACHINE): CommandName {
  const sudo = places.uid === 0 ? '' : 'sudo ';
  // An installed package has its command from npm.
  if (!existsSync(join(places.clone, 'cli/main.ts'))) return { words: sudo + NAME, remark: undefined };
  const trouble = wanted && places.uid === 0 ? makeLink(places) : undefined;
  const file = join(places.bin, NAME);
  const text = linkText(places.clone);
  const isThere = text !== undefined && contentOf(file) === text;
  const words = isThere ? (firstIn(path) === file ? NAME : file) : shellWord(join(places.clone, 'bin/sstpd.js'));
  const remark = trouble === undefined ? undefined : `no command ${file}: ${trouble}`;
  return { words: sudo + words, remark };
}

/**
 * Makes the command, or puts right what an earlier start of this clone made.
 * @returns why it could not; undefined if it is there
 */
export function makeLink(places: LinkPlaces = MACHINE): string | undefined {
  const { clone, bin, marks, top } = places;
  if (!existsSync(join(clone, '.git'))) return 'these sources are no clone of the repository';
  if (marks.some((mark) => existsSync(mark)) || process.env.container) return 'this is a container';
  const text = linkText(clone);
  if (text === undefined) return 'the path of the clone has a control character in it';
  for (const path of [join(clone, 'bin/sstpd.js'), join(clone, 'cli/main.ts'), nodeOf(clone), bin]) {
    const fault = firstFault(path, top);
    if (fault !== undefined) return fault;
  }
  // Root imports from each of their folders.
  for (const folder of [clone, join(clone, 'node_modules')]) {
    for (const name of readdirSync(folder)) {
      const fault = faultOf(join(folder, name));
      if (fault !== undefined) return fault;
    }
  }
  const file = join(bin, NAME);
  const present = contentOf(file);
  if (present === text) return undefined;
  if (present !== undefined && cloneOf(present) !== clone) return whose(file, present);
  try {
    write(file, text, present !== undefined);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EEXIST' ? 'such a file is there already' : `it cannot be written (${code ?? String(error)})`;
  }
}

/**
 * Takes the command away, if it is this clone's, or that of one which is gone.
 * @returns what was done, in a sentence
 * @throws {Error} if it is another's, or cannot be removed
 */
export function removeLink(places: LinkPlaces = MACHINE): string {
  const file = join(places.bin, NAME);
  const present = contentOf(file);
  if (present === undefined) return `there is no ${file}`;
  const owner = cloneOf(present);
  const isGone = owner !== undefined && !existsSync(join(owner, 'bin/sstpd.js'));
  if (owner !== places.clone && !isGone) throw new Error(`${file} stays: ${whose(file, present)}`);
  unlinkSync(file);
  return `${file} removed`;
}

/** @returns undefined for a path that does not fit into one line */
function linkText(clone: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(clone)) return undefined;
  return `#!/bin/sh\nexec ${quoted(nodeOf(clone))} ${quoted(join(clone, 'bin/sstpd.js'))} "$@"\n`;
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/** The Node that `npm ci` brought, else the one that runs this: the file itself, past links that lead through other folders. */
function nodeOf(clone: string): string {
  const own = join(clone, 'node_modules/node/bin/node');
  return realpathSync(existsSync(own) ? own : process.execPath);
}

/** Of whose program a file of this form is the command; undefined if it is none. */
function cloneOf(text: string): string | undefined {
  const word = "'((?:[^']|'\\\\'')*)'";
  const match = new RegExp(`^#!/bin/sh\\nexec ${word} ${word} "\\$@"\\n$`).exec(text);
  const program = match?.[2]?.replaceAll("'\\''", "'");
  return program?.endsWith('/bin/sstpd.js') ? dirname(dirname(program)) : undefined;
}

function whose(file: string, text: string): string {
  const owner = cloneOf(text);
  return owner === undefined ? `another ${file} is there already` : `it belongs to the clone in ${owner}`;
}

/** A file's text; undefined if there is nothing. What is no plain file of ours is there, and says nothing. */
function contentOf(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : '';
  }
  try {
    const stats = fstatSync(descriptor);
    return stats.isFile() && stats.size <= MOST_BYTES ? readFileSync(descriptor, 'utf8') : '';
  } finally {
    closeSync(descriptor);
  }
}

/** Whole or not at all, and in nobody else's place: a new name is made by link, which follows and replaces nothing. */
function write(file: string, text: string, replaces: boolean): void {
  const draft = join(dirname(file), `.${NAME}-${randomBytes(8).toString('hex')}`);
  const descriptor = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeSync(descriptor, text);
    fchmodSync(descriptor, MODE); // whatever the umask is
    if (replaces) renameSync(draft, file);
    else linkSync(draft, file);
  } finally {
    closeSync(descriptor);
    if (existsSync(draft)) unlinkSync(draft);
  }
}

/** What is wrong with a path: it or a folder above it is not root's, others may write to it, or it is a detour. */
function firstFault(path: string, top: string): string | undefined {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return `${path} is missing`;
  }
  for (let place = real; ; place = dirname(place)) {
    const fault = faultOf(place);
    if (fault !== undefined) return fault;
    if (place === top || place === dirname(place)) break;
  }
  return real === path ? undefined : `${path} is a symbolic link, or below one`;
}

/** Who else can change what is there; of a link only whose it is. */
function faultOf(place: string): string | undefined {
  const stats = lstatSync(place);
  if (stats.uid !== 0) return `${place} is not root's`;
  const isOpen = (stats.mode & 0o022) !== 0 && !stats.isSymbolicLink();
  return isOpen ? `others may write to ${place} (mode ${(stats.mode & 0o7777).toString(8)})` : undefined;
}

/** The `sstpd` that a shell would start; npm puts folders of packages first, which the operator's shell does not have. */
function firstIn(path: string): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder.startsWith('/') && !folder.endsWith('/.bin'));
  return folders.map((folder) => join(folder, NAME)).find((file) => existsSync(file));
}

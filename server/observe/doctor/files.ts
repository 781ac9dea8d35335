/** The data directory and the files in it: whose they are, and who else may read them. */
import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, fine, problem, type UserIds, warning } from '../../../core/index.ts';
import { closedParent } from '../../host/index.ts';

const OTHERS = 0o077;
/** Certificates are shown to everybody anyway. */
const PUBLIC = /^(?:ca|server)\.pem$/;
/** A start refuses when one of these is open: they are all the passwords. */
const USERS = /^users\.(?:db|key)/;
/** What the server writes while it runs says that it was alive then. */
const MADE_BY_SERVER = /^(?:users\.|ca\.|server\.|first-user\.txt)/;

export interface DataView {
  readonly findings: readonly Finding[];
  readonly newest: { readonly name: string; readonly at: Date } | undefined;
}

/** @param user who the server becomes */
export function examineData(directory: string, user: UserIds): DataView {
  const check = 'data directory';
  const closed = closedParent(directory, user.uid);
  if (closed !== undefined) {
    const text = `${directory} lies in ${closed}, which is closed to user id ${user.uid}, that the server becomes`;
    return only(problem(check, text, 'choose another with --data DIR, or set run.user to root'));
  }
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) return only(fine(check, `${directory} does not exist yet; the first start makes it`));
  if (!stats.isDirectory())
    return only(problem(check, `${directory} is no directory`, 'choose another with --data DIR'));
  const fault = examineDirectory(directory, stats, user);
  if (fault !== undefined) return only(fault);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    return only(problem(check, `${directory} can't be read (${String(error)})`, 'run this as root'));
  }
  const files = names.map((name) => ({ name, stats: lstatSync(join(directory, name)) }));
  const open = files.flatMap(({ name, stats: of }) => examineFile(directory, name, of, user));
  const mode = (stats.mode & 0o777).toString(8);
  const text = `${directory} has mode ${mode} and ${files.length} files, keys and users closed to others`;
  return { findings: open.length > 0 ? open : [fine(check, text)], newest: newestOf(files) };
}

function only(finding: Finding): DataView {
  return { findings: [finding], newest: undefined };
}

function examineDirectory(directory: string, { mode, uid }: Stats, user: UserIds): Finding | undefined {
  const check = 'data directory';
  if ((mode & OTHERS) !== 0) return problem(check, `${directory} is open to other users`, `chmod 700 ${directory}`);
  // What root made, a start hands over.
  if (uid === user.uid || uid === 0) return undefined;
  const fix = `chown -R ${user.uid}:${user.gid} ${directory}, or choose another with --data DIR`;
  return problem(check, `${directory} belongs to user id ${uid}, and the server becomes ${user.uid}`, fix);
}

function examineFile(directory: string, name: string, stats: Stats, user: UserIds): Finding[] {
  const check = 'file modes';
  const path = join(directory, name);
  if (stats.isSocket() || PUBLIC.test(name)) return [];
  if (USERS.test(name) && stats.uid !== user.uid && stats.uid !== 0) {
    return [problem(check, `${path} belongs to user id ${stats.uid}`, `chown ${user.uid}:${user.gid} ${path}`)];
  }
  if ((stats.mode & OTHERS) === 0) return [];
  const text = `${path} is open to other users (mode ${(stats.mode & 0o777).toString(8)})`;
  const fix = `chmod 600 ${path}`;
  return [USERS.test(name) ? problem(check, text, fix) : warning(check, text, fix)];
}

function newestOf(files: readonly { readonly name: string; readonly stats: Stats }[]): DataView['newest'] {
  const made = files.filter(({ name, stats }) => stats.isFile() && MADE_BY_SERVER.test(name));
  const [newest] = made.sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs);
  return newest && { name: newest.name, at: newest.stats.mtime };
}

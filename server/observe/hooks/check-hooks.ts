import { readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Finding, StartError, secretText, type UserIds, warning } from '../../../core/index.ts';
import type { Config } from '../../config/index.ts';
import { closedParent } from '../../host/index.ts';

/** What hooks need, found to be in order. */
export interface CheckedHooks {
  /** Without links: what was looked at is what runs. */
  readonly up: string | undefined;
  readonly down: string | undefined;
  /** With which webhooks are signed. */
  readonly secret: Buffer;
  /** What works, and may not be meant. */
  readonly findings: readonly Finding[];
}

const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;
const EVERYBODY = 0o007;
const LEAST_SECRET_BYTES = 16;
const MOST_SECRET_BYTES = 4096;

/**
 * Looks at the scripts and reads the secret, with the rights of the start.
 *
 * A script may be changed by root alone: not by its group or others, for they would get what the server may do in the
 * network; nor by the account that the server becomes, for then whoever takes over a running server would also have what
 * that account is given at the next start. A server that root did not start has one account for all, and may own its own.
 *
 * @throws {StartError}
 */
export function checkHooks({ hooks }: Pick<Config, 'hooks'>, user: UserIds): CheckedHooks {
  const { secret, findings } =
    hooks.secretFile === undefined ? { secret: Buffer.alloc(0), findings: [] } : readSecret(hooks.secretFile);
  return {
    up: hooks.up === undefined ? undefined : checkScript('hooks.up', hooks.up, user),
    down: hooks.down === undefined ? undefined : checkScript('hooks.down', hooks.down, user),
    secret,
    findings,
  };
}

function checkScript(key: string, path: string, user: UserIds): string {
  const refuse = (what: string): never => {
    throw new StartError(`${key}: ${path} ${what}`);
  };
  const real = reach(() => realpathSync(path), refuse);
  const stats = reach(() => statSync(real), refuse);
  if (!stats.isFile()) refuse('is no file: name an executable, such as a script that begins with #!');
  const closed = closedParent(real, user.uid);
  if (closed !== undefined) refuse(`lies in ${closed}, which is closed to user id ${user.uid}, that sstpd becomes`);
  if (!mayRun(stats, user))
    refuse(`can't be read and run by user id ${user.uid}, that sstpd becomes: chmod 755 ${real}`);
  for (let part = real; ; part = dirname(part)) {
    const { mode, uid } = statSync(part);
    const isShared = (mode & OTHERS_MAY_WRITE) !== 0 && (part === real || (mode & STICKY) === 0);
    if (isShared) refuse(`can be changed by others than root (${part}): chmod go-w ${part}`);
    if (process.geteuid?.() === 0 && uid === user.uid && uid !== 0) {
      refuse(`can be changed by user id ${uid}, that sstpd becomes (${part}): chown root ${part}`);
    }
    if (part === '/') return real;
  }
}

function reach<Result>(look: () => Result, refuse: (what: string) => never): Result {
  try {
    return look();
  } catch (error) {
    return refuse(`can't be looked at (${(error as NodeJS.ErrnoException).code}): name a file that exists`);
  }
}

/** Without any right to pass over modes, which root gives up too. */
function mayRun({ mode, uid, gid }: Stats, user: UserIds): boolean {
  const bits = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode;
  return (bits & 5) === 5;
}

function readSecret(file: string): Pick<CheckedHooks, 'secret' | 'findings'> {
  const refuse = (what: string): never => {
    throw new StartError(`hooks.secretFile: ${file} ${what}`);
  };
  const { bytes, mode } = reach(() => ({ bytes: readFileSync(file), mode: statSync(file).mode }), refuse);
  if ((mode & EVERYBODY) !== 0) refuse(`is open to everybody: chmod 600 ${file}`);
  const read = secretText(bytes);
  if ('fault' in read) return refuse(`cannot be used: ${read.fault}; openssl rand -hex 32 > ${file} makes one`);
  const secret = Buffer.from(read.text, 'utf8');
  if (secret.length >= LEAST_SECRET_BYTES && secret.length <= MOST_SECRET_BYTES) {
    return { secret, findings: findBlanks(file, read.text) };
  }
  return refuse(
    `holds ${secret.length} bytes, ${LEAST_SECRET_BYTES} to ${MOST_SECRET_BYTES} are needed: openssl rand -hex 32 > ${file}`,
  );
}

/** A blank at an end is never seen and seldom meant, and once did not count: receivers may sign without it. */
function findBlanks(file: string, secret: string): Finding[] {
  const ends = [...(/^\s/u.test(secret) ? ['begins'] : []), ...(/\s$/u.test(secret) ? ['ends'] : [])];
  if (ends.length === 0) return [];
  const text = `the secret in ${file} ${ends.join(' and ')} with a blank, which is part of the key that signs`;
  return [warning('hooks.secretFile', text, 'take it out of the file, or give receivers the secret with it')];
}

/** Issuing under the own authority, in a process that ends with it: who serves never has the authority's key in memory. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import {
  CertificateError,
  ensureOwnCertificates,
  guardAuthorityKey,
  type IssuedOwn,
  renewAuthority,
} from '../../certs/index.ts';
import { asUser, programFile, type UserIds } from '../../core/index.ts';
import { lockAuthority } from '../host/index.ts';

export interface IssueRequest {
  /** The data directory. */
  readonly data: string;
  /** What clients dial. */
  readonly names: readonly string[];
  /** Whether an authority that is made is bound to these names. */
  readonly isBound: boolean;
  /** Whether it is served until another authority has issued one, see `readOwnCertificates`. */
  readonly isStopgap: boolean;
  /** Whether the authority is made anew, too. */
  readonly renews: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whose the directory is, if the key is to be root's. */
  readonly owner: UserIds | undefined;
}

export type IssueResult = Pick<IssuedOwn, 'made' | 'why'> & {
  /** Lines for the operator. */
  readonly notes: readonly string[];
};

/**
 * In this process, with its rights.
 *
 * @throws {CertificateError} @throws {StartError} if another one is at it
 */
export function issueHere(request: IssueRequest): IssueResult {
  const { data, names, isBound, isStopgap, renews, now, owner } = request;
  const work = renews ? renewAuthority : ensureOwnCertificates;
  const lock = lockAuthority(data, owner);
  try {
    const { made, why, certificate } = work(data, names, new Date(now), { owner, isBound, isStopgap });
    return { made, ...(why === undefined ? {} : { why }), notes: certificate.notes };
  } finally {
    lock.release();
  }
}

/** In a process of its own, as root where that is what keeps the key from the server. @throws {CertificateError} */
export function issueApart(request: Omit<IssueRequest, 'owner'>, runUser: UserIds): IssueResult {
  const isRoots = canBeRoots(request.data, runUser);
  const isForeign = !isRoots && process.geteuid?.() === 0 && runUser.uid !== 0;
  const input = JSON.stringify({ ...request, owner: isRoots ? runUser : undefined });
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [...process.execArgv, ...NO_DEBUGGER, QUIET, programFile('server/certificates/issuer-main')],
    {
      input,
      encoding: 'utf8',
      timeout: LONGEST_MS,
      ...(isForeign ? { uid: runUser.uid, gid: runUser.gid } : {}),
    },
  );
  if (status === 0) return JSON.parse(stdout) as IssueResult;
  if (status === REFUSED) throw new CertificateError(stderr.trim());
  throw new Error(`the server certificate can't be issued: ${error?.message ?? stderr}`);
}

/** Exit status with a line for the operator. */
export const REFUSED = 3;

/** As it is now: whoever owned the key before. @returns lines for the operator @throws {CertificateError} */
export function guardKey(data: string, runUser: UserIds): string[] {
  if (canBeRoots(data, runUser)) return guardAuthorityKey(data);
  return asUser(runUser, () => guardAuthorityKey(data));
}

/** Root's only if we are root, the server will not be, and root may do here what root usually may. */
export function canBeRoots(data: string, runUser: UserIds): boolean {
  if (process.geteuid?.() !== 0 || runUser.uid === 0) return false;
  try {
    accessSync(data, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Making the key of an authority takes a slow machine seconds. */
const LONGEST_MS = 120_000;
const QUIET = '--disable-warning=ExperimentalWarning';
/** A debugger would run code for everybody on this machine, here as root. */
const NO_DEBUGGER = ['--disable-sigusr1', '--no-inspect', '--no-inspect-brk', '--no-inspect-wait'];

import { readFileSync } from 'node:fs';
import { StartError } from '../../core/index.ts';
import { Capability, dropPrivileges } from '../../tun/index.ts';
import { spareId } from './spare-user.ts';

/** An account to run as. */
export interface RunUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom to become after the start.
 *
 * @param wanted `run.user`: a name, a number, `root` to stay root, or empty for the account `sstpd` if there is one, else
 *   an id for this data directory alone. Only root can become somebody else; anybody else stays who it is.
 * @param data the data directory
 * @throws {StartError} if there is no such account
 */
export function chooseRunUser(
  wanted: string,
  data: string,
  passwd: string = readFileSync('/etc/passwd', 'utf8'),
): RunUser {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return { name: `uid ${uid}`, uid, gid: process.getgid?.() ?? 0 };
  const account = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name, , number]) => name === (wanted || 'sstpd') || (wanted !== '' && number === wanted));
  if (account !== undefined) {
    return { name: account[0] ?? '', uid: Number(account[2]), gid: Number(account[3]) };
  }
  if (wanted === '') {
    const id = spareId(data);
    return { name: `uid ${id}`, uid: id, gid: id };
  }
  if (/^\d+$/.test(wanted)) return { name: `uid ${wanted}`, uid: Number(wanted), gid: Number(wanted) };
  throw new StartError(`run.user: there is no account '${wanted}': useradd --system ${wanted}, or leave the key out`);
}

/** For listeners and for the host's network. */
export const KEPT_CAPABILITIES: readonly number[] = [Capability.NetBindService, Capability.NetAdmin];

/** Becomes `user` with two capabilities at most, root too; child processes have them. There is no way back. */
export function becomeRunUser(user: RunUser): void {
  dropPrivileges({ uid: user.uid, gid: user.gid, keepCapabilities: KEPT_CAPABILITIES });
}

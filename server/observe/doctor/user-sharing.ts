/** Whether another program runs as the user that the server becomes: it could read all that the server can. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, fine, warning } from '../../../core/index.ts';
import type { RunUser } from '../../host/index.ts';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly uid: number;
  readonly name: string;
}

/**
 * @param servers the server that is asked about, if it runs; what they have started is theirs
 * @returns none for a server that is root, and for one that is the only program in its container
 */
export function examineSharing(
  user: RunUser,
  data: string,
  servers: readonly number[],
  processes: readonly Process[] = listProcesses(),
): Finding[] {
  if (user.uid === 0) return [];
  const check = 'user of its own';
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  const isTheirs = (pid: number): boolean => {
    // At most as deep as there are processes: what was read one after the other may hold a ring.
    for (let at = byPid.get(pid), depth = 0; at !== undefined && depth <= byPid.size; depth += 1) {
      if (servers.includes(at.pid)) return true;
      at = byPid.get(at.parent);
    }
    return false;
  };
  const other = processes.find(({ pid, uid }) => uid === user.uid && !isTheirs(pid));
  if (other === undefined) return [fine(check, `nobody else runs as ${user.name}`)];
  const isAccount = !user.name.startsWith('uid ');
  return [
    warning(
      check,
      `${other.name} (pid ${other.pid}) runs as ${user.name} too: it can read the passwords, and end the server`,
      isAccount
        ? 'run.user with an account for each'
        : `stop this server, chown -R 0:0 ${data}, and start it: it gets a user id of its own`,
    ),
  ];
}

function listProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return parseStatus(Number(pid), readFileSync(join('/proc', pid, 'status'), 'utf8'));
      } catch {
        return []; // it has ended
      }
    });
}

function parseStatus(pid: number, status: string): Process {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
  return { pid, parent: Number(field('PPid')), uid: Number(field('Uid')), name: field('Name') };
}

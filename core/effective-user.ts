/**
 * Root that works in a directory of somebody else's, as that somebody: whoever owns a directory can put a link in the
 * place of any file in it, and root would follow it anywhere.
 */

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** Runs `work` with the rights of `user`; without effect for anybody but root. */
export function asUser<Result>(user: UserIds, work: () => Result): Result {
  if (!becomeEffectively(user)) return work();
  try {
    return work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

/** From now on this process has the rights of `user`. @returns false if nothing changed: we are not root, or `user` is */
export function becomeEffectively(user: UserIds): boolean {
  if (process.geteuid?.() !== 0 || user.uid === 0) return false;
  process.setgroups?.([]);
  process.setegid?.(user.gid);
  process.seteuid?.(user.uid);
  return true;
}

import { UserStoreError } from '../../auth/index.ts';
import type { Log } from '../../core/index.ts';
import type { Users } from '../../store/index.ts';

const DAY_MS = 86_400_000;

/**
 * A server that runs for months forgets previous passwords when their time is over, as the start does.
 *
 * @returns ends it
 */
export function forgetOldPasswordsDaily(users: Pick<Users, 'forgetOldPasswords'>, log: Log): () => void {
  const timer = setInterval(() => {
    users.forgetOldPasswords().catch((error: unknown) => {
      // Busy or full now; tomorrow it is tried again.
      if (!(error instanceof UserStoreError)) throw error;
      log.warn('users.old-passwords-kept', { error: error.message });
    });
  }, DAY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

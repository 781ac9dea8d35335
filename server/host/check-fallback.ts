import { opendirSync, statSync } from 'node:fs';
import { asUser, StartError, type UserIds } from '../../core/index.ts';
import type { Config } from '../config/index.ts';

/**
 * Whether the folder of `http.fallback` can be read by whom the server becomes, who reads it anew for each request.
 *
 * @throws {StartError}
 */
export function checkFallback({ http: { fallback } }: Pick<Config, 'http'>, user: UserIds): void {
  if (fallback.kind !== 'directory') return;
  const { path } = fallback;
  try {
    asUser(user, () => {
      // Not access(2), which asks for the real user.
      opendirSync(path).closeSync();
      statSync(`${path}/.`);
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new StartError(
      `http.fallback: user id ${user.uid}, that sstpd becomes, can't read the folder ${path} (${code}): chmod -R a+rX ${path}, and let it pass through the folders above`,
    );
  }
}

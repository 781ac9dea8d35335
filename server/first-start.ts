import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomPassword } from '../auth/index.ts';
import type { Users } from '../store/index.ts';
import type { FirstUser } from './next-steps.ts';

const FIRST_USER = 'vpn';

/**
 * Makes a user with a random password if the store has none.
 *
 * @param isTerminal the password is shown only there; otherwise it goes to a file for its owner alone
 * @returns undefined if there are users
 */
export async function ensureFirstUser(
  users: Pick<Users, 'add' | 'exist'>,
  directory: string,
  isTerminal: boolean,
): Promise<FirstUser | undefined> {
  if (await users.exist()) return undefined;
  const password = randomPassword();
  if (isTerminal) {
    await users.add(FIRST_USER, password);
    return { name: FIRST_USER, password };
  }
  const passwordFile = join(directory, 'first-user.txt');
  writeFileSync(passwordFile, `${FIRST_USER}\n${password}\n`, { mode: 0o600 });
  await users.add(FIRST_USER, password);
  return { name: FIRST_USER, passwordFile };
}

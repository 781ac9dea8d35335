import { randomPassword } from '../auth/index.ts';
import { ask, readAll } from './password.ts';
import { CliError, printable, type Terminal } from './terminal.ts';

export interface NewPassword {
  readonly password: string;
  /** Made here, so it must be shown. */
  readonly isGenerated: boolean;
}

/**
 * A password for a user: from stdin if `fromStdin`, typed twice on a terminal (nothing typed: a random one), else random.
 *
 * @throws {CliError} if what was given is no password
 */
export async function newPassword(terminal: Terminal, fromStdin: boolean): Promise<NewPassword> {
  if (fromStdin) return given(await readAll(terminal.stdin), terminal);
  if (terminal.stdin.isTTY) {
    const [first = '', second = ''] = await ask(terminal, [
      'Password (empty for a random one): ',
      (typed) => (typed[0] === '' ? undefined : 'Again: '),
    ]);
    if (first !== '') {
      if (first !== second) throw new CliError('the two passwords differ; nothing was changed');
      return given(first, terminal);
    }
  }
  return { password: randomPassword(), isGenerated: true };
}

/** White space at an end is often not meant, and many a form or script takes it off, so that the login then fails. */
function given(password: string, terminal: Terminal): NewPassword {
  if (password !== password.trim()) {
    terminal.stderr.write('sstpd: warning: the password begins or ends with white space, which is part of it\n');
  }
  return { password, isGenerated: false };
}

export const WEAK_FLAG = ['--weak', 'take a password too that guessers try first'] as const;

/**
 * @param work sets a password
 * @throws {CliError} with the flag that helps, if the password was refused as a weak one
 */
export async function orWeak<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_USER_PASSWORD_WEAK')) throw error;
    throw new CliError(`${error.message}; choose another, or give --weak to have it all the same`);
  }
}

/** What was done, and the password if nobody knows it yet. */
export function said(text: string, { password, isGenerated }: NewPassword): string {
  return `${printable(text)}\n${isGenerated ? `Password: ${password}\n(random, and shown only now)\n` : ''}`;
}

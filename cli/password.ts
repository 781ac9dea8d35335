import { CliError, EXIT, printable, type Terminal } from './terminal.ts';

export interface NewPassword {
  readonly password: string;
  /** Made here, so it must be shown. */
  readonly isGenerated: boolean;
}

/** Far more than any password; what is longer was piped in by mistake. */
const MOST_BYTES = 65_536;

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
  const { randomPassword } = await import('../auth/index.ts');
  return { password: randomPassword(), isGenerated: true };
}

/** White space at an end is often not meant, and many a form or script takes it off, so that the login then fails. */
function given(password: string, terminal: Terminal): NewPassword {
  if (password !== password.trim()) {
    terminal.stderr.write('sstpd: warning: the password begins or ends with white space, which is part of it\n');
  }
  return { password, isGenerated: false };
}

/** What was done, and the password if nobody knows it yet. */
export function said(text: string, { password, isGenerated }: NewPassword): string {
  return `${printable(text)}\n${isGenerated ? `Password: ${password}\n(random, and shown only now)\n` : ''}`;
}

/** Asks once, without showing what is typed. */
export async function askPassword(terminal: Terminal, question: string): Promise<string> {
  const [password = ''] = await ask(terminal, [question]);
  return password;
}

/** All of a stream as one line, without its line end. */
export async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += bytes.length;
    if (length > MOST_BYTES) throw new CliError('the password is too long');
    chunks.push(bytes);
  }
  return oneLine(Buffer.concat(chunks).toString('utf8'));
}

/** A password as a file or a pipe holds it: the text without the line end that editors and `echo` add. */
export function oneLine(text: string): string {
  const line = text.replace(/\r?\n$/, '');
  if (line === '') throw new CliError('the password is empty');
  if (/[\r\n]/.test(line)) throw new CliError('the password must be a single line');
  return line;
}

type Question = string | ((typed: readonly string[]) => string | undefined);

/** Questions go to stderr, so that stdout can be redirected; readline in raw mode keeps the answers off the screen. */
async function ask(terminal: Terminal, questions: readonly Question[]): Promise<string[]> {
  const { createInterface } = await import('node:readline');
  const { Writable } = await import('node:stream');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: terminal.stdin, output: nowhere, terminal: true, historySize: 0 });
  reader.once('SIGINT', () => reader.close());
  // The iterator keeps lines that arrive together, as when both are pasted.
  const lines = reader[Symbol.asyncIterator]();
  const typed: string[] = [];
  try {
    for (const question of questions) {
      const text = typeof question === 'string' ? question : question(typed);
      if (text === undefined) break;
      terminal.stderr.write(text);
      const line = await lines.next();
      terminal.stderr.write('\n');
      if (line.done) throw new CliError('interrupted; nothing was changed', EXIT.interrupted);
      typed.push(line.value);
    }
    return typed;
  } finally {
    reader.close();
  }
}

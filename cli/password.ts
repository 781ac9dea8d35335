import { CliError, EXIT, type Terminal } from './terminal.ts';

/** Far more than any password; what is longer was piped in by mistake. */
const MOST_BYTES = 65_536;

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

/**
 * Asks on stderr, so that stdout can be redirected; readline in raw mode keeps the answers off the screen. A question
 * that depends on what was typed so far may be none.
 */
export async function ask(terminal: Terminal, questions: readonly Question[]): Promise<string[]> {
  // Loaded only here: `connect` is to start quickly.
  const { createInterface } = process.getBuiltinModule('node:readline');
  const { Writable } = process.getBuiltinModule('node:stream');
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

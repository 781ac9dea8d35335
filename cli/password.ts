import { fs } from '../core/builtins.ts';
import { isMisread, secretText } from '../core/secret-text.ts';
import { cannotRead } from './files.ts';
import { CliError, EXIT, type Terminal } from './terminal.ts';

/** Far more than any password; what is longer was piped in by mistake. */
const MOST_BYTES = 65_536;

/** Asks once, without showing what is typed. */
export async function askPassword(terminal: Terminal, question: string): Promise<string> {
  const [password = ''] = await ask(terminal, [question]);
  return password;
}

/** @throws {CliError} if the file can't be read, or holds no password */
export function passwordFromFile(file: string): string {
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  return passwordOf(bytes, ` in ${file}`);
}

/**
 * Of a variable of the environment, where Node has decoded the bytes.
 *
 * @throws {CliError} if they were no UTF-8
 */
export function passwordFromVariable(name: string, text: string): string {
  if (isMisread(text)) throw notUsable(` in ${name}`, 'it is not UTF-8');
  return text;
}

/**
 * All of a stream as one line, without its line end.
 *
 * @throws {CliError} if it holds no password
 */
export async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += bytes.length;
    if (length > MOST_BYTES) throw new CliError('the password is too long');
    chunks.push(bytes);
  }
  return passwordOf(Buffer.concat(chunks), '');
}

function passwordOf(bytes: Buffer, where: string): string {
  const read = secretText(bytes);
  if ('fault' in read) throw notUsable(where, read.fault);
  return read.text;
}

function notUsable(where: string, fault: string): CliError {
  return new CliError(`the password${where} cannot be used: ${fault}`);
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
      if (isMisread(line.value)) throw notUsable('', 'what was typed is not UTF-8');
      typed.push(line.value);
    }
    return typed;
  } finally {
    reader.close();
  }
}

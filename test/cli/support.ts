import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { main } from '../../cli/main.ts';
import type { Terminal } from '../../cli/terminal.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const PROGRAM: string = new URL('../../bin/sstpd.js', import.meta.url).pathname;

/** Runs the program as a user does, in a process of its own; stdin is not a terminal. */
export async function sstpd(
  args: readonly string[],
  options: { readonly stdin?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  const { PATH, XDG_CACHE_HOME } = process.env;
  const env = { PATH, ...(XDG_CACHE_HOME === undefined ? {} : { XDG_CACHE_HOME }), ...options.env };
  const child = spawn(process.execPath, [PROGRAM, ...args], { env, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => undefined).end(options.stdin ?? '');
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

/** A terminal in memory; what is typed is given as a whole. */
export function fakeTerminal(options: {
  readonly typed?: string | Uint8Array;
  readonly isTTY?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}): {
  terminal: Terminal;
  stdout: () => string;
  stderr: () => string;
} {
  const stdin = new PassThrough();
  stdin.end(options.typed ?? '');
  // Nobody reads before the command is over.
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 2 ** 24 }), new PassThrough({ highWaterMark: 2 ** 24 })];
  const terminal = {
    stdin: Object.assign(stdin, { isTTY: options.isTTY === true }) as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    env: options.env ?? {},
  };
  return { terminal, stdout: () => String(stdout.read() ?? ''), stderr: () => String(stderr.read() ?? '') };
}

/** Runs a command line within this process. */
export async function inProcess(
  args: readonly string[],
  options: Parameters<typeof fakeTerminal>[0] = {},
): Promise<Outcome> {
  const { terminal, stdout, stderr } = fakeTerminal(options);
  const code = await main(args, terminal);
  return { code, stdout: stdout(), stderr: stderr() };
}

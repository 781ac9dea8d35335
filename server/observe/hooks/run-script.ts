import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { LineSplitter } from '../../../core/index.ts';

/** What a script may print in all; then nobody reads, and its next write fails. */
const MOST_OUTPUT_BYTES = 16_384;
const MOST_LINE_LENGTH = 400;
/** What it still printed when it ended arrives within this time, unless a child of its own keeps the pipe open. */
const DRAIN_MS = 200;

export interface ScriptOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** For its standard input. */
  readonly input: string;
  readonly timeoutMs: number;
  /** Kills it. */
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

export type ScriptEnd =
  | { readonly kind: 'ok' }
  | { readonly kind: 'failed'; readonly status: number | null; readonly signal: NodeJS.Signals | null }
  | { readonly kind: 'timeout' }
  /** It could not even be started, or was ended by `signal`. */
  | { readonly kind: 'error'; readonly message: string };

/**
 * Runs a script to its end, in a process group of its own, which is killed when its time is up: without a shell, with this
 * environment and no descriptor besides the three. What it starts in the background outlives it, unless it is killed.
 * Never rejects.
 */
export function runScript(options: ScriptOptions): Promise<ScriptEnd> {
  const { file, args, env, input, timeoutMs, signal, onLine } = options;
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      child = spawn(file, [...args], { env: { ...env }, cwd: '/', stdio: 'pipe', detached: true });
    } catch (error) {
      resolve({ kind: 'error', message: (error as Error).message });
      return;
    }
    let killedBy: ScriptEnd | undefined;
    const kill = (end: ScriptEnd): void => {
      killedBy ??= end;
      killGroup(child);
    };
    const onAbort = (): void => kill({ kind: 'error', message: 'the server stopped' });
    const alarm = setTimeout(() => kill({ kind: 'timeout' }), timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const end = (result: ScriptEnd): void => {
      clearTimeout(alarm);
      signal.removeEventListener('abort', onAbort);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      resolve(killedBy ?? result);
    };
    readLines([child.stdout, child.stderr], onLine);
    child.stdin?.on('error', () => {}); // a script need not read it
    child.stdin?.end(input);
    child.once('error', (error) => end({ kind: 'error', message: error.message }));
    child.once('exit', (status, by) => {
      const result: ScriptEnd = status === 0 ? { kind: 'ok' } : { kind: 'failed', status, signal: by };
      const drained = setTimeout(() => end(result), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(drained);
        end(result);
      });
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it ended in the meantime
  }
}

function readLines(streams: readonly (Readable | null)[], onLine: (line: string) => void): void {
  let left = MOST_OUTPUT_BYTES;
  for (const stream of streams) {
    const lines = new LineSplitter(MOST_LINE_LENGTH, onLine);
    stream?.setEncoding('utf8');
    stream?.on('error', () => {});
    stream?.on('data', (text: string) => {
      const taken = text.slice(0, left);
      left -= taken.length;
      lines.push(taken);
      if (left === 0) for (const each of streams) each?.destroy();
    });
    stream?.once('close', () => lines.finish());
  }
}

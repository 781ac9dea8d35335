/** The commands `ip` and `nft` as child processes: no shell in between, a time limit, one line for each way to fail. */
import { execFile } from 'node:child_process';
import { SYSTEM_ENVIRONMENT, systemCommand } from '../../../core/index.ts';
import { NetworkError } from './network-error.ts';

const TIMEOUT_MS = 10_000;
/** A ruleset of a large container host has some megabytes. */
const MOST_OUTPUT_BYTES = 64 << 20;

export type CommandResult =
  | { readonly kind: 'ok'; readonly stdout: string }
  /** `message` is the first line that the command complained with. */
  | { readonly kind: 'failed'; readonly message: string }
  /** There is no such command, or none that may be run (EACCES is what a closed file gives). */
  | { readonly kind: 'missing' };

/**
 * Runs a command to its end. Never rejects.
 *
 * @param command name of a program of the system, or an absolute path
 * @param input goes to its standard input
 */
export function runCommand(command: string, args: readonly string[], input?: string): Promise<CommandResult> {
  const options = { timeout: TIMEOUT_MS, maxBuffer: MOST_OUTPUT_BYTES, env: SYSTEM_ENVIRONMENT };
  const program = command.startsWith('/') ? command : systemCommand(command);
  return new Promise((resolve) => {
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve({ kind: 'ok', stdout });
      else if (error.code === 'ENOENT' || error.code === 'EACCES') resolve({ kind: 'missing' });
      else resolve({ kind: 'failed', message: complaint(stderr, error) });
    });
    child.stdin?.on('error', () => {}); // a command that fails before it reads its input is reported by its exit status
    child.stdin?.end(input ?? '');
  });
}

/**
 * Runs `ip` and returns what it printed.
 *
 * @param command the program, if it is not the system's
 * @throws {NetworkError} if it is missing or fails
 */
export async function ip(args: readonly string[], input?: string, command = 'ip'): Promise<string> {
  const result = await runCommand(command, args, input);
  switch (result.kind) {
    case 'ok':
      return result.stdout;
    case 'missing':
      throw new NetworkError('the command ip is missing: apt install iproute2');
    case 'failed':
      throw new NetworkError(ipFailure(result.message, args));
    default:
      return result satisfies never;
  }
}

/** Runs `ip -json` and returns the list it printed. @throws {NetworkError} if it is missing, fails or prints something else */
export async function ipJson(args: readonly string[], command?: string): Promise<Record<string, unknown>[]> {
  const text = await ip(['-json', ...args], undefined, command);
  const list = text.trim() === '' ? [] : parseJson(text); // an empty list is printed as nothing at all by some versions
  if (!Array.isArray(list)) throw new NetworkError(`ip ${args.join(' ')} printed no JSON: apt install iproute2`);
  return list.filter(isRecord);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function ipFailure(message: string, args: readonly string[]): string {
  if (/not permitted|permission denied/i.test(message)) {
    return `the network may not be changed (ip: ${message}): run as root or with CAP_NET_ADMIN`;
  }
  if (/busybox|unrecognized option|option "-json" is unknown|invalid option/i.test(message)) {
    return `this is not the ip command of iproute2 (${message}): apt install iproute2, or apk add iproute2`;
  }
  return `ip ${args.join(' ')}: ${message}`;
}

function complaint(stderr: string, error: Error & { killed?: boolean }): string {
  if (error.killed === true) return `no answer within ${TIMEOUT_MS / 1000} s`;
  const first = stderr.split('\n').find((line) => line.trim() !== '');
  return first?.trim() ?? error.message.split('\n')[0] ?? 'failed';
}

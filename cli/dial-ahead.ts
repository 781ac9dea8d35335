import { setTimeout } from 'node:timers/promises';
import { Dial } from '../client/dial.ts';
import { fs } from '../core/builtins.ts';
import { readPem } from './files.ts';
import { passwordFromFile } from './password.ts';
import { parseTarget } from './target.ts';

/** Flags of `connect` without a value. */
const ALONE: readonly string[] = ['--insecure', '--default-route', '--json'];

/** Flags of `connect` whose value can't be wrong, or only in what is looked at here: what it means, or undefined. */
const WITH_VALUE: Readonly<Record<string, (value: string) => Promise<string | undefined> | string | undefined>> = {
  '--user': (name) => name,
  '--password-file': (file) => (isFile(file) ? passwordFromFile(file) : undefined),
  '--ca': (file) => (isFile(file) ? readPem(file) : undefined),
  '--tun': (name) => name,
  '--route': async (network) => ((await import('./network.ts')).isNetwork(network) ? network : undefined),
};

/** A server that does not answer must not keep the command line from being read. */
const GREETING_MS = 100;

/**
 * Begins to connect for `connect HOST --user NAME ...`, before what reads a command line is loaded, which takes a quarter
 * of the time to the first packet. Nothing is sent if the line may be wrong, or a password must be typed.
 *
 * @returns when the ClientHello is out, or a little later; undefined if connecting is left to the command
 */
export async function dialAhead(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Dial | undefined> {
  const [command, host = '', ...words] = args;
  const target = command === 'connect' ? parseTarget(host) : undefined;
  const flags = target === undefined ? undefined : await readFlags(words);
  if (target === undefined || !flags?.has('--user')) return;
  if (!flags.has('--password-file') && !env.SSTPD_PASSWORD) return;
  if (flags.has('--ca') && flags.has('--insecure')) return;
  const dial = new Dial({ ...target, caPem: flags.get('--ca'), insecure: flags.has('--insecure') });
  await Promise.race([dial.greeted, setTimeout(GREETING_MS)]);
  return dial;
}

/** @returns the flags that are there and what their values mean; undefined if a word may be wrong, or is not known here */
async function readFlags(words: readonly string[]): Promise<Map<string, string> | undefined> {
  const found = new Map<string, string>();
  for (let i = 0; i < words.length; i += 1) {
    const flag = words[i] ?? '';
    const meaning = ALONE.includes(flag) ? '' : await meaningOf(flag, words[++i] ?? '-');
    if (meaning === undefined) return;
    found.set(flag, meaning);
  }
  return found;
}

async function meaningOf(flag: string, value: string): Promise<string | undefined> {
  if (!Object.hasOwn(WITH_VALUE, flag) || value.startsWith('-')) return;
  try {
    return await WITH_VALUE[flag]?.(value);
  } catch {
    return; // what is wrong is the command's to say
  }
}

/** What a pipe has said it does not say again, to the command. */
function isFile(file: string): boolean {
  return fs.statSync(file).isFile();
}

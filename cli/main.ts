/** The start of the `sstpd` command. What it loads comes before the first packet of `connect`, so it is next to nothing. */
import { dialAhead } from './dial-ahead.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs one command line.
 *
 * @param args without the names of Node and of the program
 * @param cacheFolder that nobody else can write to, for what may be lost; undefined if there is none
 * @returns the exit status; nothing is thrown
 */
export async function main(
  args: readonly string[],
  terminal: Terminal = process,
  cacheFolder?: string,
): Promise<number> {
  const ahead = await dialAhead(args, terminal.env);
  try {
    const { runCommand } = await import('./program.ts');
    return await runCommand(args, terminal, { cacheFolder, ahead });
  } finally {
    ahead?.destroy();
  }
}

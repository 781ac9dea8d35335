/** What a file of a subcommand has to know of the program that it becomes part of. */
import type { Command } from 'commander';
import type { Dial } from '../client/dial.ts';
import type { Terminal } from './terminal.ts';

/** A subcommand's work; its number is the exit status, none is success. */
export type Run = (work: () => Promise<number | undefined>) => Promise<void>;

/** What only some commands ask for. */
export interface RunContext {
  /** Nobody else can write to it; for what may be lost. */
  readonly cacheFolder: string | undefined;
  /** To the server that `connect` is to connect to: see dial-ahead.ts. */
  readonly ahead: Dial | undefined;
}

/** Puts a subcommand into the program. */
export type AddCommand = (program: Command, terminal: Terminal, run: Run, context: RunContext) => void;

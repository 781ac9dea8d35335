import { isOperatorError, placeCommands, UndoStack } from '../core/index.ts';
import type { Config, Origins } from './config/index.ts';
import type { LogSink } from './log/index.ts';
import { type CommandName, nextSteps } from './next-steps.ts';
import { start } from './start.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly origins: Origins;
  /** How the operator calls this program. */
  readonly command: CommandName;
  readonly stdout: LogSink;
  readonly stderr: LogSink;
}

/**
 * Runs the server until SIGINT, SIGTERM or SIGHUP. What was set up is taken back in reverse order, also when the start
 * fails half-way.
 *
 * @returns the exit status: 0 after a signal; 1 if it could not start, with one line on stderr, or if it broke down
 */
export async function serve(options: ServeOptions): Promise<number> {
  const { stdout, stderr } = options;
  const undo = new UndoStack();
  const ending = new Ending();
  try {
    const running = await start({ ...options, undo, fail: (error) => ending.fail(error) });
    stdout.write(nextSteps(running.summary, options.command));
    const { log } = running;
    const end = await ending.wait();
    if (end.kind === 'fault') log.error('server.fault', { error: end.error.stack ?? end.error.message });
    else log.info('server.stopping', { signal: end.signal, sessions: running.sessions() });
    const remarks = await undo.run();
    for (const remark of remarks) log.info('server.undone', { remark });
    log.info('server.stopped');
    return end.kind === 'fault' ? 1 : 0;
  } catch (error) {
    await undo.run();
    if (!isOperatorError(error)) throw error;
    stderr.write(`sstpd: ${placeCommands(error.message, options.config.data)}\n`);
    return 1;
  } finally {
    ending.release();
  }
}

type End = { readonly kind: 'signal'; readonly signal: string } | { readonly kind: 'fault'; readonly error: Error };

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Waits for the first reason to stop. Until `release` no signal ends the process by itself, so nothing is left behind. */
class Ending {
  readonly #first: Promise<End>;
  #resolve: (end: End) => void = () => {};
  readonly #onSignal = (signal: string): void => this.#resolve({ kind: 'signal', signal });
  readonly #onFault = (error: unknown): void => this.fail(error instanceof Error ? error : new Error(String(error)));

  constructor() {
    this.#first = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    process.on('uncaughtException', this.#onFault);
    process.on('unhandledRejection', this.#onFault);
  }

  wait(): Promise<End> {
    return this.#first;
  }

  fail(error: Error): void {
    this.#resolve({ kind: 'fault', error });
  }

  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    process.off('uncaughtException', this.#onFault);
    process.off('unhandledRejection', this.#onFault);
  }
}

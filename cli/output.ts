import { EXIT, type Terminal } from './terminal.ts';

/**
 * Sees to it that all of a command's output has left before the process ends, which would drop what the reader of a
 * pipe has not taken yet: a pipe holds 64 KiB.
 */
export class Output {
  readonly #terminal: Terminal;
  #lost: NodeJS.ErrnoException | undefined;

  /** From now on an error of standard output or standard error is not thrown. */
  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.stdout.on('error', (error) => {
      // A reader that has seen enough (`| head`) is no failure.
      if (!isClosedPipe(error)) this.#lost ??= error;
    });
    // There is no other place where this could be said.
    terminal.stderr.on('error', () => undefined);
  }

  /**
   * Waits as long as the readers take; a signal ends the process meanwhile.
   *
   * @param status what the command wants to end with
   * @returns the same, but a failure where output was lost other than by a reader that left
   */
  async settle(status: number): Promise<number> {
    const { stdout, stderr } = this.#terminal;
    await Promise.all([allWritten(stdout), allWritten(stderr)]);
    if (this.#lost === undefined) return status;
    stderr.write(`sstpd: not all of the output could be written: ${this.#lost.code ?? this.#lost.message}\n`);
    await allWritten(stderr);
    return status === EXIT.ok ? EXIT.failed : status;
  }
}

/** For a command that writes without end: aborted when nobody reads its standard output any more. */
export function readerLeft(terminal: Terminal): AbortSignal {
  const left = new AbortController();
  terminal.stdout.on('error', () => left.abort());
  return left.signal;
}

function isClosedPipe(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE' || error.code === 'ECONNRESET';
}

/** Writes are carried out in their order, and their callbacks come too when they fail. */
function allWritten(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

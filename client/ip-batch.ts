import { type ChildProcess, spawn } from 'node:child_process';
import { SYSTEM_ENVIRONMENT, systemCommand } from '../core/index.ts';

/**
 * A process of `ip -batch` (iproute2). It carries out each line as it comes, so it can be started long before there is
 * anything to do: that takes longer than the work.
 */
export class IpBatch {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<Error | undefined>;

  constructor() {
    this.#child = spawn(systemCommand('ip'), ['-batch', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: SYSTEM_ENVIRONMENT,
    });
    // It may have given up already; `end` tells why.
    this.#child.stdin?.on('error', () => undefined);
    let stderr = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error));
      this.#child.once('close', (status) => resolve(status === 0 ? undefined : this.#failure(stderr)));
    });
  }

  /** @param words of one `ip` command, without white space in them */
  add(...words: readonly string[]): void {
    this.#lines.push(words.join(' '));
    this.#child.stdin?.write(`${words.join(' ')}\n`);
  }

  /** Waits until all is done. The first failure is the last thing that was tried. @throws {Error} in one line */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    const error: NodeJS.ErrnoException | undefined = await this.#ended;
    if (error?.code === 'ENOENT') throw new Error("the command 'ip' is missing: apt install iproute2");
    if (error !== undefined) throw error;
  }

  /** `ip` counts the lines: "Command failed -:2". */
  #failure(stderr: string): Error {
    const line = this.#lines[Number(/^Command failed -:(\d+)$/m.exec(stderr)?.[1]) - 1] ?? '';
    const words = stderr
      .replace(/^Command failed .*$/m, '')
      .trim()
      .replace(/\s*\n\s*/g, ' ');
    return new Error(`ip ${line}: ${words || 'failed'}`);
  }
}

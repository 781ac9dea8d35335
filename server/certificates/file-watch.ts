import { stat } from 'node:fs/promises';

/**
 * Whether files have changed, looked at again and again rather than watched: what renews them may write in place, rename,
 * or turn a link somewhere up the path, and network file systems tell of none of it.
 */
export class FileWatch {
  readonly #files: readonly string[];
  /** How the files looked when they were last read. */
  #read = '';
  /** How they looked the last time, if that is not the same. */
  #changing: string | undefined;

  constructor(files: readonly string[]) {
    this.#files = files;
  }

  /** They are as they should be. */
  async begin(): Promise<void> {
    this.#read = await this.#state();
  }

  /** Once for each change, when they look the same twice in a row: one may be half-written, or another still to come. */
  async changed(): Promise<boolean> {
    const state = await this.#state();
    const isSettled = state === this.#changing;
    this.#changing = state === this.#read || isSettled ? undefined : state;
    if (state === this.#read || !isSettled) return false;
    this.#read = state;
    return true;
  }

  async #state(): Promise<string> {
    return (await Promise.all(this.#files.map(stateOf))).join('; ');
  }
}

async function stateOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

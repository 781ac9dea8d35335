import { accessSync, constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { loadCertificateFiles, type ServerCertificate } from '../../certs/index.ts';
import type { CertificateSource } from './source.ts';

const EVERY_MS = 2_000;

/**
 * The operator's files. They are looked at again and again rather than watched: what renews them may write in place,
 * rename, or turn a link somewhere up the path, and network file systems tell of none of it.
 */
export class FilesSource implements CertificateSource {
  readonly everyMs: number = EVERY_MS;
  readonly files: { readonly cert: string; readonly key: string };
  /** How the files looked when they were last read. */
  #read = '';
  /** How they looked the last time, if that is not the same. */
  #changing: string | undefined;
  #served: ServerCertificate | undefined;

  constructor(cert: string, key: string) {
    this.files = { cert, key };
  }

  /** With the rights of now. @throws {CertificateError} */
  async load(now: Date): Promise<ServerCertificate> {
    this.#read = await this.#state();
    this.#served = loadCertificateFiles(this.files.cert, this.files.key, now);
    return this.#served;
  }

  /**
   * To be called with the rights that are left for the rest of the run.
   *
   * @returns a file that can't be read with them, so that a renewed one would not be taken
   */
  async begin(): Promise<string | undefined> {
    const unreadable = [this.files.cert, this.files.key].find((file) => !isReadable(file));
    // Hidden now, not changed.
    if (unreadable !== undefined) this.#read = await this.#state();
    return unreadable;
  }

  /** Files that look the same twice in a row: one of them may be half-written, or the other still to come. */
  async look(now: Date): Promise<ServerCertificate | undefined> {
    const state = await this.#state();
    const isSettled = state === this.#changing;
    this.#changing = state === this.#read || isSettled ? undefined : state;
    if (state === this.#read || !isSettled) return undefined;
    this.#read = state;
    const fresh = loadCertificateFiles(this.files.cert, this.files.key, now);
    const before = this.#served;
    if (fresh.certificatePem === before?.certificatePem && fresh.keyPem === before.keyPem) return undefined;
    this.#served = fresh;
    return fresh;
  }

  async #state(): Promise<string> {
    return `${await stateOf(this.files.cert)}; ${await stateOf(this.files.key)}`;
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

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

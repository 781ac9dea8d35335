import { accessSync, constants } from 'node:fs';
import { loadCertificateFiles, type ServerCertificate } from '../../certs/index.ts';
import { FileWatch } from './file-watch.ts';
import type { CertificateSource } from './source.ts';

const EVERY_MS = 2_000;

/** The operator's files. */
export class FilesSource implements CertificateSource {
  readonly everyMs: number = EVERY_MS;
  readonly files: { readonly cert: string; readonly key: string };
  readonly #watch: FileWatch;
  #served: ServerCertificate | undefined;

  constructor(cert: string, key: string) {
    this.files = { cert, key };
    this.#watch = new FileWatch([cert, key]);
  }

  /** With the rights of now. @throws {CertificateError} */
  async load(now: Date): Promise<ServerCertificate> {
    await this.#watch.begin();
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
    if (unreadable !== undefined) await this.#watch.begin();
    return unreadable;
  }

  async look(now: Date): Promise<ServerCertificate | undefined> {
    if (!(await this.#watch.changed())) return undefined;
    const fresh = loadCertificateFiles(this.files.cert, this.files.key, now);
    const before = this.#served;
    if (fresh.certificatePem === before?.certificatePem && fresh.keyPem === before.keyPem) return undefined;
    this.#served = fresh;
    return fresh;
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

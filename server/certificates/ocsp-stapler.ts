import { X509Certificate } from 'node:crypto';
import { CertificateError, certificateBlocks, type ServerCertificate } from '../../certs/index.ts';
import { type OcspAnswer, ocspRequest, ocspResponder, RevokedError, readOcspResponse } from '../../certs/ocsp.ts';
import type { Log } from '../../core/index.ts';

// Not through certs/index.ts: workers need that too, and would load the messages of OCSP for nothing.

const REQUEST_MS = 15_000;
/** Larger than any response with its certificates. */
const MOST_BYTES = 65_536;
const LEAST_WAIT_MS = 60_000;
const MOST_WAIT_MS = 12 * 3_600_000;
const FIRST_RETRY_MS = 300_000;
const LONGEST_RETRY_MS = 3_600_000;

export interface StaplerOptions {
  readonly log: Log;
  /** Told of the response to staple from now on; undefined: of none. */
  readonly changed: (der: Buffer | undefined) => void;
}

/** Keeps a fresh OCSP response for one certificate: asks at half of its life, and goes on with it until its end. */
export class OcspStapler {
  readonly #options: StaplerOptions;
  readonly #leaf: X509Certificate;
  readonly #issuer: X509Certificate;
  readonly #responder: string;
  #answer: OcspAnswer | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  private constructor(leaf: X509Certificate, issuer: X509Certificate, responder: string, options: StaplerOptions) {
    this.#leaf = leaf;
    this.#issuer = issuer;
    this.#responder = responder;
    this.#options = options;
  }

  /** @returns undefined if the certificate names no responder, or its issuer is not in the chain */
  static for(certificate: ServerCertificate, options: StaplerOptions): OcspStapler | undefined {
    const { leaf, certificatePem } = certificate;
    const responder = ocspResponder(leaf);
    if (responder === undefined) return undefined;
    const issuerPem = certificateBlocks(certificatePem)[1];
    if (issuerPem !== undefined) return new OcspStapler(leaf, new X509Certificate(issuerPem), responder, options);
    options.log.warn('certificate.no-staple', { responder, error: 'the chain does not hold the issuer' });
    return undefined;
  }

  /** Asks now, and again in time until `stop`. */
  async begin(): Promise<void> {
    const waitMs = await this.refresh();
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.begin(), waitMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Asks once; a failure is told once until there is an answer. @returns milliseconds until it should be asked again */
  async refresh(): Promise<number> {
    try {
      const der = await this.#ask();
      const now = new Date();
      const answer = readOcspResponse(der, this.#leaf, this.#issuer, now);
      if (this.#isStopped) return LEAST_WAIT_MS;
      this.#answer = answer;
      this.#failures = 0;
      this.#options.log.info('certificate.stapled', { responder: this.#responder, until: answer.nextUpdate });
      this.#options.changed(answer.der);
      const halfway = (answer.thisUpdate.getTime() + answer.nextUpdate.getTime()) / 2;
      return Math.min(Math.max(halfway - now.getTime(), LEAST_WAIT_MS), MOST_WAIT_MS);
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): number {
    const { message, cause } = error as Error;
    const causeText = cause instanceof Error && !(error instanceof CertificateError) ? `: ${cause.message}` : '';
    if (this.#failures === 0 && !this.#isStopped) {
      const why = `${message}${causeText}`.slice(0, 500);
      this.#options.log.warn('certificate.no-staple', { responder: this.#responder, error: why });
    }
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LONGEST_RETRY_MS);
    this.#failures += 1;
    const endsAt = this.#answer?.nextUpdate.getTime();
    if (endsAt === undefined) return waitMs;
    const leftMs = endsAt - Date.now();
    if (leftMs > 0 && !(error instanceof RevokedError)) return Math.min(waitMs, leftMs);
    this.#answer = undefined;
    if (!this.#isStopped) this.#options.changed(undefined);
    return waitMs;
  }

  /** RFC 6960 appendix A.1. */
  async #ask(): Promise<Buffer> {
    const response = await fetch(this.#responder, {
      method: 'POST',
      headers: { 'Content-Type': 'application/ocsp-request', Accept: 'application/ocsp-response' },
      body: new Uint8Array(ocspRequest(this.#leaf, this.#issuer)),
      signal: AbortSignal.timeout(REQUEST_MS),
      redirect: 'error',
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new CertificateError(`the OCSP responder answered with HTTP status ${response.status}`);
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body) {
      length += chunk.length;
      if (length > MOST_BYTES) throw new CertificateError('the OCSP response is too large');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

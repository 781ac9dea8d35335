// Needs: openssl
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type CertificateAuthority, createAuthority, issueServerCertificate } from '../../certs/index.ts';
import type { Log } from '../../core/index.ts';
import {
  type Admitted,
  createServerTls,
  type ListenAddress,
  type ServerCertificateHashes,
  type TlsConnectionInfo,
  type TlsFailure,
  TlsListener,
  type TlsListenerOptions,
  type TlsServerContext,
} from '../../tls/index.ts';

export const authority: CertificateAuthority = createAuthority({ commonName: 'test CA', now: new Date() });

/** A certificate for 127.0.0.1 and vpn.test, each call another. */
export function certificate(): { certificatePem: string; keyPem: string } {
  const leaf = issueServerCertificate({ authority, names: ['vpn.test', '127.0.0.1'], now: new Date() });
  return { certificatePem: leaf.certificatePem + authority.certificatePem, keyPem: leaf.keyPem };
}

export function serverContext(minVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.2'): TlsServerContext {
  return createServerTls(certificate(), { minVersion });
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

export interface Connected {
  readonly socket: TLSSocket;
  readonly info: TlsConnectionInfo;
  readonly hashes: ServerCertificateHashes;
  readonly ticket: Ticket;
}

/** For whoever is let in at once, and stays. */
export const LET_IN: Pick<Admitted, 'whenCounted' | 'whenTurnedAway' | 'silent'> = {
  whenCounted: (then) => then(),
  whenTurnedAway: () => {},
  silent: () => {},
};

/** What the harness admits with: numbered, so that a mix-up shows. */
export interface Ticket extends Admitted {
  readonly number: number;
}

export interface Failed {
  readonly error: Error;
  readonly failure: TlsFailure;
}

/** A listener on 127.0.0.1 whose callbacks can be awaited, closed at the end of the file. */
export class Harness {
  readonly listener: TlsListener<Ticket>;
  readonly admitted: string[] = [];
  readonly connections: Queue<Connected> = new Queue();
  readonly failures: Queue<Failed> = new Queue();
  /** Numbers of the tickets that were closed. */
  readonly closes: Queue<number> = new Queue();
  address: ListenAddress = { address: '', family: 'IPv4', port: 0 };

  constructor(context: TlsServerContext, options: Partial<TlsListenerOptions<Ticket>> = {}) {
    this.listener = new TlsListener({
      context,
      handshakeTimeoutMs: 10_000,
      admit: (remoteAddress) => {
        const number = this.admitted.push(remoteAddress);
        return { ...LET_IN, number, close: () => this.closes.push(number) };
      },
      onConnection: (socket, info, hashes, ticket) => {
        socket.resume();
        this.connections.push({ socket, info, hashes, ticket });
      },
      onTlsError: (error, failure) => this.failures.push({ error, failure }),
      log: silentLog,
      ...options,
    });
    after(async () => {
      await this.listener.close();
      for (const { socket } of this.connections.all) socket.destroy();
    });
  }

  async start(): Promise<this> {
    this.address = await this.listener.listen({ host: '127.0.0.1', port: 0 });
    return this;
  }
}

/** What callbacks deliver, to be awaited one by one. */
export class Queue<T> {
  readonly all: T[] = [];
  readonly #ready: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  push(value: T): void {
    this.all.push(value);
    const next = this.#waiting.shift();
    if (next === undefined) this.#ready.push(value);
    else next(value);
  }

  next(): Promise<T> {
    const value = this.#ready.shift();
    return value === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(value);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'sstpd-tls-'));

/** The test CA as a file, for `openssl s_client -CAfile`. */
export const caFile: string = join(folder, 'ca.pem');
writeFileSync(caFile, authority.certificatePem);
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `openssl s_client` until it ends; all that it printed. */
export function sClient(port: number, ...args: string[]): Promise<{ code: number | null; text: string }> {
  const all = ['s_client', '-connect', `127.0.0.1:${port}`, ...args];
  return new Promise((resolve, reject) => {
    // Standard input ends at once: s_client says what was negotiated, then closes.
    const child = spawn('openssl', all, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.on('data', (chunk) => {
      text += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text }));
  });
}

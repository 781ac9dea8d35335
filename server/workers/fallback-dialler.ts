import { connect, type Socket } from 'node:net';
import type { Fallback } from '../site/index.ts';
import { AskedCalls } from './calls.ts';
import { MOST_DIALS, type ToWorker } from './messages.ts';

/** As long as the other server may be silent. */
const DIAL_MS = 30_000;

/**
 * Connects to the other server of `http.fallback` for a worker, which can't: it looks the name up, dials, and hands the
 * connected socket over. Where to is the configuration's to say, never the worker's.
 */
export class FallbackDialler {
  readonly #place: { readonly host: string; readonly port: number } | undefined;
  readonly #answer: (message: Extract<ToWorker, { kind: 'dialled' }>, socket?: Socket) => void;
  readonly #underWay = new AskedCalls<Socket>(MOST_DIALS);

  constructor(fallback: Fallback, answer: (message: Extract<ToWorker, { kind: 'dialled' }>, socket?: Socket) => void) {
    this.#place = fallback.kind === 'proxy' ? placeOf(new URL(fallback.url)) : undefined;
    this.#answer = answer;
  }

  /** @throws {Error} if it makes no sense; then the worker is not to be trusted any more */
  dial(call: number): void {
    const place = this.#place;
    if (place === undefined) throw new Error('there is no other server to dial');
    const socket = this.#underWay.open(call, () => connect({ ...place, noDelay: true }));
    const fail = (error: NodeJS.ErrnoException): void => {
      socket.destroy();
      if (!this.#underWay.close(call)) return;
      this.#answer({ kind: 'dialled', call, error: error.code ?? 'EIO' });
    };
    socket.setTimeout(DIAL_MS, () => fail(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    socket.on('error', fail);
    socket.once('connect', () => {
      this.#underWay.close(call);
      socket.setTimeout(0);
      this.#answer({ kind: 'dialled', call, error: undefined }, socket);
    });
  }

  /** The worker is gone. */
  close(): void {
    for (const socket of this.#underWay.end()) socket.destroy();
  }
}

function placeOf({ protocol, hostname, port }: URL): { readonly host: string; readonly port: number } {
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? usual : Number(port) };
}

import { connect, type Socket } from 'node:net';
import type { Fallback } from '../site/index.ts';
import type { ToWorker } from './messages.ts';

/** As long as the other server may be silent. */
const DIAL_MS = 30_000;
/** Above what an honest worker asks for at a time. */
const MOST_AT_A_TIME = 128;

/**
 * Connects to the other server of `http.fallback` for a worker, which can't: it looks the name up, dials, and hands the
 * connected socket over. Where to is the configuration's to say, never the worker's.
 */
export class FallbackDialler {
  readonly #place: { readonly host: string; readonly port: number } | undefined;
  readonly #answer: (message: Extract<ToWorker, { kind: 'dialled' }>, socket?: Socket) => void;
  readonly #underWay = new Map<number, Socket>();

  constructor(fallback: Fallback, answer: (message: Extract<ToWorker, { kind: 'dialled' }>, socket?: Socket) => void) {
    this.#place = fallback.kind === 'proxy' ? placeOf(new URL(fallback.url)) : undefined;
    this.#answer = answer;
  }

  /** @throws {Error} if it makes no sense; then the worker is not to be trusted any more */
  dial(number: number): void {
    if (this.#place === undefined) throw new Error('there is no other server to dial');
    if (this.#underWay.has(number)) throw new Error(`${number} was dialled twice`);
    if (this.#underWay.size === MOST_AT_A_TIME) throw new Error('more is dialled than an honest worker asks for');
    const socket = connect({ ...this.#place, noDelay: true });
    this.#underWay.set(number, socket);
    const fail = (error: NodeJS.ErrnoException): void => {
      socket.destroy();
      if (!this.#underWay.delete(number)) return;
      this.#answer({ kind: 'dialled', dial: number, error: error.code ?? 'EIO' });
    };
    socket.setTimeout(DIAL_MS, () => fail(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    socket.on('error', fail);
    socket.once('connect', () => {
      this.#underWay.delete(number);
      socket.setTimeout(0);
      this.#answer({ kind: 'dialled', dial: number, error: undefined }, socket);
    });
  }

  /** The worker is gone. */
  close(): void {
    for (const socket of this.#underWay.values()) socket.destroy();
    this.#underWay.clear();
  }
}

function placeOf({ protocol, hostname, port }: URL): { readonly host: string; readonly port: number } {
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? usual : Number(port) };
}

import type { Socket } from 'node:net';
import { Calls } from './calls.ts';
import { MOST_DIALS, type ToSupervisor, type ToWorker } from './messages.ts';

/** A worker's way to the other server of `http.fallback`: the supervisor dials and hands the socket over. */
export class RemoteDialler {
  readonly #send: (message: ToSupervisor) => void;
  readonly #calls = new Calls<Socket>(MOST_DIALS);

  constructor(send: (message: ToSupervisor) => void) {
    this.#send = send;
  }

  /** Rejects with an error that has a `code`, such as ECONNREFUSED. */
  dial(): Promise<Socket> {
    return this.#calls.ask((call) => this.#send({ kind: 'dial', call }));
  }

  /** @param socket undefined if it was lost on the way: the other server has ended it already */
  dialled({ call, error }: Extract<ToWorker, { kind: 'dialled' }>, socket: Socket | undefined): void {
    if (socket !== undefined) {
      if (!this.#calls.answer(call, socket)) socket.destroy();
      return;
    }
    const code = error ?? 'ECONNRESET';
    this.#calls.refuse(call, Object.assign(new Error(`the other server can not be reached (${code})`), { code }));
  }
}

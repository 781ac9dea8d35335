import type { Socket } from 'node:net';
import type { ToSupervisor, ToWorker } from './messages.ts';

/** A worker's way to the other server of `http.fallback`: the supervisor dials and hands the socket over. */
export class RemoteDialler {
  readonly #send: (message: ToSupervisor) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<Socket>>();
  #last = 0;

  constructor(send: (message: ToSupervisor) => void) {
    this.#send = send;
  }

  /** Rejects with an error that has a `code`, such as ECONNREFUSED. */
  dial(): Promise<Socket> {
    this.#last += 1;
    const waiting = Promise.withResolvers<Socket>();
    this.#waiting.set(this.#last, waiting);
    this.#send({ kind: 'dial', dial: this.#last });
    return waiting.promise;
  }

  /** @param socket undefined if it was lost on the way: the other server has ended it already */
  dialled({ dial, error }: Extract<ToWorker, { kind: 'dialled' }>, socket: Socket | undefined): void {
    const waiting = this.#waiting.get(dial);
    this.#waiting.delete(dial);
    if (socket !== undefined && waiting !== undefined) waiting.resolve(socket);
    else {
      socket?.destroy();
      const code = error ?? 'ECONNRESET';
      waiting?.reject(Object.assign(new Error(`the other server can not be reached (${code})`), { code }));
    }
  }
}

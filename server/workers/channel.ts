/**
 * The two ends of what supervisor and worker say to each other over a pair of sockets that a worker is born with. What a
 * worker says is JSON, read by `spoken.ts`; what the supervisor says is trusted, and in V8's own format.
 */
import type { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { FrameReader, frame } from './frames.ts';
import type { ToSupervisor, ToWorker } from './messages.ts';
import { bytesOf } from './spoken.ts';

/** The descriptor of a worker's end of the pair of sockets between it and the supervisor. */
export const CHANNEL_FD = 3;

/**
 * Messages that are read of one worker in a second; each KiB of them counts as one more. Above what one processor brings
 * of logins, or of connections that an attacker opens and closes: what comes faster waits in the worker.
 */
const MOST_PER_SECOND = 20_000;
const BURST = MOST_PER_SECOND;
const COUNTED_BYTES = 1_024;

/** As long as it has not taken so much, nothing more is read of a worker: whatever it says has an answer. */
const PAUSE_BYTES = 1_048_576;
/** What it is told of others' doing comes besides. */
const MOST_UNREAD_BYTES = 16_777_216;

export interface WorkerChannelOptions {
  /** One message; throws if it makes no sense. */
  read(body: Buffer): void;
  /** It is not to be trusted any more: nothing is read after this. */
  fault(error: unknown): void;
  /** It says more than is read of it. */
  slowed(): void;
}

/** The supervisor's end. Whatever a worker does to it costs that worker alone. */
export class WorkerChannel {
  /** Resolved when all has been read that the worker said before it ended, or nothing more is to be read. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #options: WorkerChannelOptions;
  #isFaulty = false;
  #allowance = BURST;
  #filledAt = performance.now();

  constructor(socket: Socket, options: WorkerChannelOptions) {
    this.#socket = socket;
    this.#options = options;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {}); // it is gone, which its process says
    const frames = new FrameReader();
    socket.on('data', (chunk) => this.#read(frames.push(chunk), chunk.length / COUNTED_BYTES));
  }

  send(message: ToWorker): void {
    const socket = this.#socket;
    if (!socket.writable) return; // if it is gone, its process says so
    socket.write(frame(serialize(message)));
    if (socket.writableLength > MOST_UNREAD_BYTES) this.#onFault(new Error('it does not read what it is told'));
  }

  /** Message by message: each may have an answer, and with too many of them unread the rest has to wait. */
  #read(bodies: Generator<Buffer>, bytesCost: number): void {
    const socket = this.#socket;
    let cost = bytesCost;
    try {
      while (!socket.destroyed) {
        if (socket.writableLength > PAUSE_BYTES) {
          socket.pause();
          socket.once('drain', () => this.#read(bodies, cost));
          return;
        }
        const next = bodies.next();
        if (next.done === true) break;
        cost += 1;
        this.#options.read(next.value);
      }
    } catch (error) {
      this.#onFault(error);
      return;
    }
    const ms = this.#spend(cost);
    if (ms === 0) {
      if (socket.isPaused()) socket.resume();
      return;
    }
    socket.pause();
    setTimeout(() => socket.resume(), ms);
    this.#options.slowed();
  }

  /** @returns for how long nothing more is to be read */
  #spend(cost: number): number {
    const now = performance.now();
    const filled = this.#allowance + ((now - this.#filledAt) / 1_000) * MOST_PER_SECOND;
    this.#allowance = Math.min(BURST, filled) - cost;
    this.#filledAt = now;
    return this.#allowance >= 0 ? 0 : (-this.#allowance / MOST_PER_SECOND) * 1_000;
  }

  #onFault(error: unknown): void {
    if (this.#isFaulty || this.#socket.destroyed) return;
    this.#isFaulty = true;
    // Before its end of the pair closes, by which an honest worker would end itself.
    this.#options.fault(error);
    this.#socket.destroy();
  }
}

/** The worker's end. */
export class SupervisorChannel {
  readonly #socket: Socket;

  constructor(socket: Socket, options: { receive(message: ToWorker): void; ended(): void }) {
    this.#socket = socket;
    const frames = new FrameReader();
    socket.on('data', (chunk) => {
      for (const body of frames.push(chunk)) options.receive(deserialize(body) as ToWorker);
    });
    socket.on('error', () => {});
    socket.once('close', () => options.ended());
  }

  /** What is said in one turn of the loop leaves together. @param done when it has left */
  send(message: ToSupervisor, done?: () => void): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(frame(bytesOf(message)), done);
  }
}

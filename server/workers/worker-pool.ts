import { closeSync } from 'node:fs';
import type { SessionView, WorkerView } from '../../admin/index.ts';
import { type Log, StartError } from '../../core/index.ts';
import { type ListenAddress, listenError } from '../../tls/index.ts';
import {
  type BoundSocket,
  bindSocket,
  type CageLayers,
  deviceGone,
  isDevicePresent,
  type TunDescriptor,
} from '../../tun/index.ts';
import type { TlsMaterial } from '../certificates/material.ts';
import { placesOf } from '../config/derived.ts';
import type { Config } from '../config/index.ts';
import type { Plane } from '../connections/index.ts';
import { addReports, countsOnly, makeReport, type Report } from '../observe/reported.ts';
import { WorkerProcess, type WorkerProcessOptions } from './worker-process.ts';

/** A little more than what disconnecting everybody in order may take. */
const STOP_MS = 8_000;
/** How long a worker may take to be ready, on a machine that is starting much else. */
const START_MS = 60_000;
/** One that ran for so long was not broken from the start. */
const STEADY_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** What a worker has counted since its last report is lost when it crashes. */
const REPORT_EVERY_MS = 2_000;

export interface WorkerPoolOptions extends Omit<WorkerProcessOptions, 'setup' | 'device' | 'sockets'> {
  readonly config: Config;
  /** What the workers start in. */
  readonly cage: CageLayers;
  readonly setup: Omit<WorkerProcessOptions['setup'], 'worker' | 'mostQueuedBytes'>;
  /** One for each worker; they outlive it. */
  readonly devices: readonly TunDescriptor[];
  readonly log: Log;
  /** Takes the lines of the workers' own logs. */
  readonly relay: WorkerProcessOptions['relay'];
  /** To be told of what no restart mends. */
  readonly fail: (error: Error) => void;
}

/** A place in the pool: the worker that is there now, and how the last ones did. */
interface Place {
  readonly index: number;
  readonly device: TunDescriptor;
  worker: WorkerProcess | undefined;
  startedAt: number;
  quickEnds: number;
  restart: NodeJS.Timeout | undefined;
  /** What the workers counted that were there before. */
  counted: Report;
}

/** The workers, each with a TUN device of its own, on ports that they share. One that ends is replaced. */
export class WorkerPool implements Plane {
  readonly #options: WorkerPoolOptions;
  readonly #places: readonly Place[];
  /** What the listeners are bound to, once that is known: port 0 is another one each time. */
  #ports: readonly { readonly host: string; readonly port: number }[] = [];
  #tls: TlsMaterial;
  #isStopping = false;
  #restarts = 0;
  #asking: NodeJS.Timeout | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#tls = options.setup.tls;
    this.#places = options.devices.map((device, index) => ({
      index,
      device,
      worker: undefined,
      startedAt: 0,
      quickEnds: 0,
      restart: undefined,
      counted: makeReport(),
    }));
  }

  get workers(): WorkerView[] {
    return this.#places.map(({ worker, device }) => ({ pid: worker?.pid ?? 0, device: device.name }));
  }

  get cage(): CageLayers {
    return this.#options.cage;
  }

  /** Workers that were started in the place of another. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Starts the workers as the user that this process is: others can't bind the same port later.
   *
   * @throws {ListenError} @throws {StartError}
   */
  async listen(): Promise<ListenAddress[]> {
    const [first = []] = await Promise.all(this.#places.map((place) => this.#begin(place)));
    this.#asking = setInterval(() => void this.#refreshReports(), REPORT_EVERY_MS);
    return [...first];
  }

  async sessions(): Promise<SessionView[]> {
    const lists = await Promise.all(this.#places.map(({ worker }) => worker?.sessions() ?? []));
    return lists.flat().sort((a, b) => a.connectedAt.localeCompare(b.connectedAt));
  }

  /** Of each place, with what was counted there before; fresh from the workers that answer soon. */
  async reports(): Promise<ReadonlyMap<string, Report>> {
    await this.#refreshReports();
    return new Map(
      this.#places.map(({ index, worker, counted }) => [
        `worker-${index}`,
        worker === undefined ? counted : addReports([counted, worker.lastReport]),
      ]),
    );
  }

  async #refreshReports(): Promise<void> {
    await Promise.all(this.#places.map(({ worker }) => worker?.refreshReport()));
  }

  /** Resolved when all workers show it; those that start later do so from the beginning. */
  async setTls(tls: TlsMaterial): Promise<void> {
    this.#tls = tls;
    await Promise.all(this.#places.map(({ worker }) => worker?.setTls(tls)));
  }

  /** Disconnects everybody in order, by force after 8 s. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#asking);
    await Promise.all(
      this.#places.map(async ({ worker, restart }) => {
        clearTimeout(restart);
        if (worker === undefined) return;
        worker.stop();
        const timer = setTimeout(() => worker.kill(), STOP_MS);
        await worker.exited;
        clearTimeout(timer);
      }),
    );
  }

  async #begin(place: Place): Promise<readonly ListenAddress[]> {
    const worker = this.#start(place);
    try {
      return await worker.ready;
    } catch (error) {
      throw new StartError(`worker ${place.index} did not start: ${(error as Error).message}`);
    }
  }

  /** @throws {ListenError} @throws {Error} what the system has against another process */
  #start(place: Place): WorkerProcess {
    place.startedAt = performance.now();
    const { config, devices, setup, program, control, admission, onAttempt, log, relay } = this.#options;
    const worker = new WorkerProcess({
      program,
      setup: {
        ...setup,
        tls: this.#tls,
        worker: place.index,
        mostQueuedBytes: Math.floor(config.limits.queuesBytes / devices.length),
      },
      device: { ...place.device, mtu: config.network.mtu },
      sockets: this.#bind(),
      control,
      admission,
      onAttempt,
      log,
      relay,
    });
    place.worker = worker;
    const timer = setTimeout(() => worker.kill(), START_MS);
    void worker.exited.then(() => clearTimeout(timer));
    void worker.ready.then(
      () => {
        clearTimeout(timer);
        log.info('worker.ready', { worker: place.index, pid: worker.pid, device: place.device.name });
      },
      () => {},
    );
    void worker.exited.then((exit) => {
      place.worker = undefined;
      place.counted = addReports([place.counted, countsOnly(worker.lastReport)]);
      if (this.#isStopping) return;
      const { failure, unspawned, ...rest } = exit;
      if (unspawned !== undefined) {
        this.#startLater(place, unspawned);
        return;
      }
      log.error('worker.ended', { worker: place.index, pid: worker.pid, failure, ...rest });
      const why = isDevicePresent(place.device.name) ? failure : deviceGone(place.device.name, undefined).message;
      if (why !== undefined) this.#options.fail(new StartError(why));
      else this.#startAgain(place);
    });
    return worker;
  }

  /** The other workers serve on meanwhile: that the system has no room for one is no reason to end them too. */
  #startLater(place: Place, error: string): void {
    const seconds = this.#startAgain(place) / 1_000;
    this.#options.log.error('worker.not-started', { worker: place.index, error, nextTryInSeconds: seconds });
  }

  /** At once, unless it is not the first time: then a little later each time. @returns how much later, in ms */
  #startAgain(place: Place): number {
    const wasSteady = performance.now() - place.startedAt >= STEADY_MS;
    place.quickEnds = wasSteady ? 0 : place.quickEnds + 1;
    const waitMs = place.quickEnds <= 1 ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (place.quickEnds - 2), LONGEST_WAIT_MS);
    place.restart = setTimeout(() => {
      try {
        if (this.#start(place).pid !== 0) this.#restarts += 1;
      } catch (error) {
        this.#startLater(place, (error as Error).message);
      }
    }, waitMs);
    return waitMs;
  }

  #bind(): BoundSocket[] {
    const { config, setup } = this.#options;
    const wanted = this.#ports.length > 0 ? this.#ports : placesOf(config);
    const bound: ReturnType<typeof bindPlace>[] = [];
    try {
      for (const { host, port } of wanted) bound.push(bindPlace(host, port, setup.congestionControl));
    } catch (error) {
      for (const { socket } of bound) closeSync(socket.fd);
      throw error;
    }
    if (this.#ports.length === 0) this.#ports = bound.map(({ host, socket }) => ({ host, port: socket.port }));
    return bound.map(({ socket }) => socket);
  }
}

/** @param host undefined is every address, IPv4 alone where the machine has no IPv6 */
function bindPlace(
  host: string | undefined,
  port: number,
  congestionControl: string,
): { readonly host: string; readonly socket: BoundSocket } {
  const first = host ?? '::';
  try {
    return { host: first, socket: bindSocket(first, port, congestionControl) };
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    const withoutIpv6 = error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL';
    if (host === undefined && withoutIpv6) return bindPlace('0.0.0.0', port, congestionControl);
    throw listenError(error, host, port);
  }
}

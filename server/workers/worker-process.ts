import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { AttemptView, SessionView } from '../../admin/index.ts';
import type { Log } from '../../core/index.ts';
import type { ListenAddress } from '../../tls/index.ts';
import { type BoundSocket, withoutCapabilities } from '../../tun/index.ts';
import type { Admission } from '../admission/index.ts';
import type { TlsMaterial } from '../certificates/material.ts';
import type { LocalControl, SessionTraffic } from '../control/index.ts';
import { KEPT_CAPABILITIES, workerEnvironment } from '../host/index.ts';
import { LineReader, type LogLine, readLogLine } from '../log/index.ts';
import { acceptReport, makeReport, type Report } from '../observe/reported.ts';
import { CallError, Calls } from './calls.ts';
import { CHANNEL_FD, WorkerChannel } from './channel.ts';
import { FallbackDialler } from './fallback-dialler.ts';
import { FormError } from './forms.ts';
import type { ToSupervisor, ToWorker, WorkerSetup } from './messages.ts';
import { PROGRAM_FD, type WorkerProgram } from './program.ts';
import { readerOf } from './spoken.ts';
import { WorkerDesk } from './worker-desk.ts';

const DEVICE_FD = 4;
/** A worker that does not answer is left out of a list. */
const LIST_MS = 5_000;
/** One whose event loop stands still serves nobody, yet the kernel goes on giving it connections. */
const ALIVE_MS = 10_000;
const MOST_UNANSWERED = 3;
/** Whoever is asked for its list or its report meanwhile gets nothing: an honest one has answered long ago. */
const MOST_CALLS = 256;
/** Longer than one takes that is not ended for standing still. */
const TLS_MS = (MOST_UNANSWERED + 2) * ALIVE_MS;
/** What it says now has to come so soon, else what it said last counts. */
const REPORT_MS = 500;
/** For what it wrote last, of a worker that has ended. */
const LAST_WORDS_MS = 2_000;
/** Of a line that is none of its log. */
const MOST_WORDS = 1_024;

export interface WorkerProcessOptions {
  readonly program: WorkerProgram;
  /** All but the descriptors. */
  readonly setup: Omit<WorkerSetup, 'device' | 'sockets'>;
  readonly device: { readonly fd: number; readonly name: string; readonly mtu: number; readonly flags: number };
  /** Belong to the worker; this process closes its copies. */
  readonly sockets: readonly BoundSocket[];
  readonly control: LocalControl;
  readonly admission: Admission;
  readonly onAttempt: (attempt: AttemptView) => void;
  readonly log: Log;
  /** Takes the lines of the worker's own log. */
  readonly relay: (line: LogLine) => void;
}

/** How a worker ended. */
export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** There is no process: what the system had against one. Another time it may not. */
  readonly unspawned: string | undefined;
  /** What it could not even start for; another one would fail the same way. */
  readonly failure: string | undefined;
  /** What it said it could not go on for, once the network had spoken to it: whether that is so is not its to judge. */
  readonly complaint: string | undefined;
  /** Sessions that ended with it. */
  readonly sessions: number;
}

/** One worker from its start to its end. What it had of users and addresses is returned then, however it ended. */
export class WorkerProcess {
  readonly exited: Promise<WorkerExit>;
  /** Rejects if the worker ends first. */
  readonly ready: Promise<readonly ListenAddress[]>;
  readonly #child: ChildProcess;
  readonly #channel: WorkerChannel;
  readonly #options: WorkerProcessOptions;
  readonly #desk: WorkerDesk;
  /** For one that is not ready yet: the newest. */
  #tls: TlsMaterial;
  #report = makeReport();
  readonly #lists = new Calls<readonly SessionView[]>(MOST_CALLS);
  readonly #reports = new Calls<Report>(MOST_CALLS);
  readonly #tlsCalls = new Calls(MOST_CALLS);
  readonly #aliveCalls = new Calls(MOST_UNANSWERED);
  #refreshing: Promise<void> | undefined;
  #asking: NodeJS.Timeout | undefined;
  #failure: string | undefined;
  #complaint: string | undefined;
  #unspawned: string | undefined;
  #isServing = false;
  readonly #dialler: FallbackDialler;
  #isReady: (listening: readonly ListenAddress[]) => void = () => {};

  constructor(options: WorkerProcessOptions) {
    this.#options = options;
    this.#tls = options.setup.tls;
    const { control, admission, setup: known } = options;
    this.#desk = new WorkerDesk({
      control,
      admission,
      device: options.device.name,
      mostConnections: known.config.limits.connections * 2,
      send: (message) => this.#send(message),
    });
    this.#dialler = new FallbackDialler(options.setup.config.http.fallback, (message, socket) =>
      this.#dialled(message, socket),
    );
    this.#child = launch(options);
    const output = this.#readOutput();
    const read = readerOf(known.worker);
    this.#channel = new WorkerChannel(channelOf(this.#child), {
      read: (body) => this.#handle(read(body)),
      fault: (error) => this.#onFault(error),
      slowed: () => options.log.warn('worker.slowed', { pid: this.pid, worker: known.worker }),
    });
    this.exited = this.#watch(output);
    this.ready = new Promise((resolve, reject) => {
      this.#isReady = resolve;
      void this.exited.then(({ code, signal, failure, unspawned }) =>
        reject(new Error(failure ?? unspawned ?? `it ended with ${signal ?? `status ${code}`} before it was ready`)),
      );
    });
    this.ready.catch(() => {}); // whoever waits for it hears of it
    const { setup, device, sockets, program } = options;
    const firstSocket = PROGRAM_FD + program.descriptors.length;
    this.#send({
      kind: 'start',
      setup: {
        ...setup,
        device: { fd: DEVICE_FD, mtu: device.mtu, flags: device.flags },
        sockets: sockets.map((_, index) => firstSocket + index),
      },
    });
  }

  /** 0 if it could not even be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Those that it tells of soon. */
  async sessions(): Promise<readonly SessionView[]> {
    const known = new Map<string, SessionView>();
    // What the supervisor knows of a session is not the worker's to say.
    const part = (sessions: readonly SessionView[]): void => {
      for (const session of sessions) {
        const checked = this.#desk.checked(session);
        if (checked !== undefined) known.set(session.id, checked);
      }
    };
    await this.#lists.ask((call) => this.#send({ kind: 'list', call }), { ms: LIST_MS, part }).then(part, () => {});
    return [...known.values()];
  }

  /** What it said last. */
  get lastReport(): Report {
    return this.#report;
  }

  /** Asks it; `lastReport` is new when this resolves, if it answers soon. */
  refreshReport(): Promise<void> {
    if (!this.#isServing) return Promise.resolve();
    this.#refreshing ??= this.#reports
      .ask((call) => this.#send({ kind: 'report?', call }), { ms: REPORT_MS })
      .then(
        () => {},
        () => {},
      )
      .finally(() => {
        this.#refreshing = undefined;
      });
    return this.#refreshing;
  }

  /** One that comes late counts all the same. */
  #takeReport({ call, report }: Extract<ToSupervisor, { kind: 'report' }>): void {
    this.#report = acceptReport(report, this.#report);
    this.#reports.answer(call, report);
  }

  /** Sessions of others are not its to speak of. */
  #takeTraffic(traffic: readonly SessionTraffic[]): void {
    this.#options.control.noteTraffic(traffic.filter(({ id }) => this.#desk.has(id)));
  }

  /**
   * Resolved when its new connections get it, or when it has ended. One that is starting gets the newest when it is ready.
   * One that does not say so holds up nobody else's for ever.
   */
  async setTls(tls: TlsMaterial): Promise<void> {
    this.#tls = tls;
    try {
      await this.ready;
      await this.#tlsCalls.ask((call) => this.#send({ kind: 'tls', call, tls: this.#tls }), { ms: TLS_MS });
    } catch (error) {
      const { pid } = this;
      if (error instanceof CallError && error.code !== 'ended') this.#options.log.error('worker.tls-not-set', { pid });
    }
  }

  /** Disconnects its clients in order, then it ends. */
  stop(): void {
    this.#send({ kind: 'stop' });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #askWhetherAlive(): void {
    void this.#aliveCalls
      .ask((call) => this.#send({ kind: 'alive?', call }))
      .catch((error) => {
        if (!(error instanceof CallError) || error.code !== 'too-many') return;
        this.#options.log.error('worker.stuck', { pid: this.pid, seconds: (MOST_UNANSWERED * ALIVE_MS) / 1_000 });
        this.kill();
      });
  }

  /** @returns once both are read to their end, or it takes too long after its own */
  #readOutput(): Promise<void> {
    const { stdout, stderr, pid } = this.#child;
    const { log, relay, setup } = this.#options;
    const { worker } = setup;
    // Of a crash, or of who took it over: a line of the log says whose words they are.
    const words = (text: string): void => {
      if (text !== '') log.warn('worker.output', { worker, pid, text: text.slice(0, MOST_WORDS) });
    };
    const lines = (text: string): void => {
      const line = readLogLine(text);
      if (line === undefined) words(text);
      else relay(withWorker(line, worker));
    };
    const readers = [stdout && new LineReader(stdout, lines), stderr && new LineReader(stderr, words)];
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        for (const reader of readers) reader?.finish();
        resolve();
      };
      let timer: NodeJS.Timeout | undefined;
      this.#child.once('exit', () => {
        timer = setTimeout(finish, LAST_WORDS_MS);
      });
      this.#child.once('close', finish);
    });
  }

  #watch(output: Promise<void>): Promise<WorkerExit> {
    return new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        clearInterval(this.#asking);
        const { sessions } = this.#desk;
        this.#desk.close();
        this.#dialler.close();
        for (const calls of [this.#lists, this.#reports, this.#tlsCalls, this.#aliveCalls]) calls.end();
        const [unspawned, failure, complaint] = [this.#unspawned, this.#failure, this.#complaint];
        resolve({ code, signal, unspawned, failure, complaint, sessions });
      };
      // What it had said before it ended comes first.
      this.#child.once('exit', (code, signal) => {
        void Promise.all([this.#channel.closed, output]).then(() => end(code, signal));
      });
      this.#child.once('error', (error) => {
        if (this.#child.pid !== undefined) return; // of a signal, or of a socket that did not reach it
        this.#unspawned = `no process can be started: ${error.message}`;
        end(null, null);
      });
    });
  }

  #send(message: ToWorker): void {
    this.#channel.send(message);
  }

  /** A socket goes the way that Node has for it, which is there for nothing else. */
  #dialled(message: Extract<ToWorker, { kind: 'dialled' }>, socket: Socket | undefined): void {
    if (socket === undefined) this.#send(message);
    else if (this.#child.connected) this.#child.send(message, socket, () => {});
    else socket.destroy();
  }

  /** A worker talks to the network. If what it says makes no sense, it is not to be trusted any more. */
  #onFault(error: unknown): void {
    this.kill();
    this.#options.log.error('worker.fault', {
      pid: this.pid,
      worker: this.#options.setup.worker,
      error: textOf(error),
    });
  }

  #handle(message: ToSupervisor): void {
    switch (message.kind) {
      case 'ready':
        this.#isReady(message.listening);
        this.#isServing = true;
        this.#asking ??= setInterval(() => this.#askWhetherAlive(), ALIVE_MS);
        break;
      case 'failed':
        if (this.#isServing) this.#complaint = message.message;
        else this.#failure = message.message;
        break;
      case 'dial':
        this.#dialler.dial(message.call);
        break;
      case 'tls-set':
        this.#tlsCalls.answer(message.call);
        break;
      case 'alive':
        this.#aliveCalls.answer(message.call);
        break;
      case 'traffic':
        this.#takeTraffic(message.traffic);
        break;
      case 'report':
        this.#takeReport(message);
        break;
      case 'attempt':
        this.#desk.checkAttempt(message.attempt);
        this.#options.onAttempt(message.attempt);
        break;
      case 'listed':
        if (message.isLast) this.#lists.answer(message.call, message.sessions);
        else this.#lists.part(message.call, message.sessions);
        break;
      default:
        this.#desk.receive(message);
    }
  }
}

/** What a worker has said is told in one line; of a fault of ours, where it was. */
function textOf(error: unknown): string {
  if (error instanceof FormError || error instanceof RangeError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Whatever it says who it is. */
function withWorker({ level, time, worker: _said, ...rest }: LogLine, worker: number): LogLine {
  return { level, time, ...{ worker }, ...rest };
}

/** A process that could not be started has none. */
function channelOf(child: ChildProcess): Socket {
  // Node leaves `stdio` out where it has no descriptor left.
  const channel = (child.stdio as ChildProcess['stdio'] | undefined)?.[CHANNEL_FD];
  return channel instanceof Socket ? channel : new Socket().destroy();
}

/** In its cage and without capabilities from its first instruction on. */
function launch({ program, setup, device, sockets }: WorkerProcessOptions): ChildProcess {
  const takesSockets = setup.config.http.fallback.kind === 'proxy';
  const descriptors = [device.fd, ...program.descriptors, ...sockets.map(({ fd }) => fd)];
  try {
    return withoutCapabilities(KEPT_CAPABILITIES, () =>
      spawn(program.command, [...program.args], {
        stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...descriptors, ...(takesSockets ? (['ipc'] as const) : [])],
        env: workerEnvironment(setup.config.http),
        serialization: 'json',
      }),
    );
  } finally {
    for (const { fd } of sockets) closeSync(fd);
  }
}

/** A worker: one process with a TUN device, the listeners and their connections, and no rights. */
import { Socket } from 'node:net';
import type { AttemptView, SessionView } from '../../admin/index.ts';
import { isOperatorError, systemClock } from '../../core/index.ts';
import { adoptTunPath, confine, dropPrivileges } from '../../tun/index.ts';
import { DataPlane } from '../connections/index.ts';
import { createLog, processLog } from '../log/index.ts';
import { addReports, ProcessMonitor, type Report } from '../observe/reported.ts';
import { CHANNEL_FD, SupervisorChannel } from './channel.ts';
import { MOST_IN_PART, type ToSupervisor, type ToWorker, type WorkerSetup } from './messages.ts';
import { RemoteAdmission } from './remote-admission.ts';
import { RemoteControl } from './remote-control.ts';
import { RemoteDialler } from './remote-dialler.ts';

/** The supervisor's signals: it passes on what a worker has to know. A terminal and systemd send them to all. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** For a reader of the log that is slow; the supervisor waits for a worker that stops. */
const LAST_LINES_MS = 500;

/** Serves until the supervisor says stop, or is gone. */
export function runWorker(): void {
  for (const signal of SIGNALS) process.on(signal, () => {});
  // A log that nobody reads, or that has no room, ends no sessions.
  process.stdout.on('error', () => {});
  const early: ToWorker[] = [];
  let receive = (message: ToWorker): void => {
    if (message.kind !== 'start') process.exit(1);
    receive = (next) => void early.push(next);
    const serving = (serve: (message: ToWorker) => void): void => {
      receive = serve;
      for (const next of early.splice(0)) serve(next);
    };
    const giveUp = (error: unknown): void => giveUpOver(channel, error);
    void start(message.setup, { send: (said) => channel.send(said), serving, giveUp }).catch(giveUp);
  };
  const channel = new SupervisorChannel(new Socket({ fd: CHANNEL_FD, readable: true, writable: true }), {
    receive: (message) => receive(message),
    // Without the supervisor nobody can log in, and its successor wants the port.
    ended: () => process.exit(1),
  });
}

interface Supervisor {
  send(message: ToSupervisor): void;
  /** From now on what it says goes there. */
  serving(serve: (message: ToWorker) => void): void;
  giveUp(error: unknown): void;
}

async function start(setup: WorkerSetup, { send, serving, giveUp }: Supervisor): Promise<void> {
  const { config, worker, runUser, device, sockets } = setup;
  dropPrivileges({ ...runUser, keepCapabilities: [] });
  // The supervisor reads it, and gives it the form that the operator wants.
  const limited = processLog(createLog({ ...config.log, format: 'json' }, process.stdout, config.data), systemClock);
  const { log } = limited;
  const monitor = new ProcessMonitor(limited);
  const onFault = (error: unknown): void => {
    log.error('worker.fault', { error: error instanceof Error ? error.stack : String(error) });
    leave(1);
  };
  process.on('uncaughtException', onFault);
  process.on('unhandledRejection', onFault);

  const tun = adoptTunPath(device, {
    isolate: config.network.isolate,
    mostBytes: setup.mostQueuedBytes,
    onFailure: giveUp,
  });
  for (const { network, own: ours } of setup.networks) tun.addNetwork(network, ours);
  const control = new RemoteControl(send);
  const admission = new RemoteAdmission(config.limits, send);
  const dialler = new RemoteDialler(send);
  const { tls, portalKey, congestionControl } = setup;
  const onAttempt = (attempt: AttemptView): void => send({ kind: 'attempt', attempt });
  const plane = await DataPlane.prepare({
    config,
    tun,
    control,
    admission,
    tls,
    portalKey,
    congestionControl,
    log,
    onAttempt,
    worker,
    dialFallback: () => dialler.dial(),
  });
  // Sockets come by a channel of Node's own, which is there with `http.fallback` another server alone.
  process.on('message', (message: Extract<ToWorker, { kind: 'dialled' }>, handle: unknown) => {
    dialler.dialled(message, handle instanceof Socket ? handle : undefined);
  });
  serving((message) => {
    switch (message.kind) {
      case 'start':
        break;
      case 'counted':
        admission.counted(message.ticket, message.refusal);
        break;
      case 'turned-away':
        admission.turnedAway(message.ticket, message.why);
        break;
      case 'portal-answered':
        control.portalAnswered(message);
        break;
      case 'dialled':
        dialler.dialled(message, undefined);
        break;
      case 'held':
      case 'judged':
      case 'leased':
      case 'chosen':
      case 'policy':
      case 'replace':
      case 'disconnect':
        control.receive(message);
        break;
      case 'list':
        void plane.sessions().then((sessions) => sendList(send, message.call, sessions));
        break;
      case 'report?':
        sendReport(send, message.call, addReports([monitor.report(), plane.report()]));
        break;
      case 'tls':
        void plane.setTls(message.tls).then(() => send({ kind: 'tls-set', call: message.call }));
        break;
      case 'alive?':
        send({ kind: 'alive', call: message.call });
        break;
      case 'stop':
        void plane.stop().then(() => {
          limited.stop();
          tun.close();
          leave(0);
        });
        break;
      default:
        message satisfies never;
    }
  });
  const listening = await plane.listen(sockets.map((fd) => ({ fd })));
  // Before the first client is spoken to: all that it needs is loaded and open.
  if (setup.confine !== undefined) confine(setup.confine);
  send({ kind: 'ready', listening });
}

/** Ends the process when the last lines of the log have left, which `process.exit` would drop, or a little later. */
function leave(status: number): void {
  process.stdout.write('', () => process.exit(status));
  setTimeout(() => process.exit(status), LAST_LINES_MS);
}

function sendList(send: Supervisor['send'], call: number, sessions: readonly SessionView[]): void {
  for (const { part, isLast } of parts(sessions)) send({ kind: 'listed', call, sessions: part, isLast });
}

function sendReport(send: Supervisor['send'], call: number, { traffic, ...report }: Report): void {
  for (const { part } of parts(traffic)) if (part.length > 0) send({ kind: 'traffic', traffic: part });
  send({ kind: 'report', call, report: { ...report, traffic: [] } });
}

/** At least one, the last of which says so. */
function* parts<Item>(items: readonly Item[]): Generator<{ readonly part: readonly Item[]; readonly isLast: boolean }> {
  for (let at = 0; at === 0 || at < items.length; at += MOST_IN_PART) {
    yield { part: items.slice(at, at + MOST_IN_PART), isLast: at + MOST_IN_PART >= items.length };
  }
}

/** A fault of ours is a crash, after which another worker may do better; what an operator must mend is not. */
function giveUpOver(channel: SupervisorChannel, error: unknown): void {
  if (!isOperatorError(error)) throw error;
  channel.send({ kind: 'failed', message: error.message }, () => process.exit(1));
}

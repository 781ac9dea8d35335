import { asUser, type Finding, type Log, systemClock, type UndoStack } from '../core/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { CertificateKeeper } from './certificates/index.ts';
import type { Claimed } from './claim.ts';
import type { Config } from './config/index.ts';
import { forgetOldPasswordsDaily } from './control/index.ts';
import { createLog, type LogLine, type LogSink, processLog } from './log/index.ts';
import { examineStart, Watch } from './observe/index.ts';
import { openDevices, type TunDevices } from './planes.ts';

/** What a server has open: devices, its log with those that look on, certificates and the store. */
export interface Opened {
  readonly tuns: TunDevices;
  readonly log: Log;
  /** Takes the lines of a worker's own log. */
  readonly relay: (line: LogLine) => void;
  readonly watch: Watch;
  readonly certificates: CertificateKeeper;
  readonly store: Store;
  /** What the doctor found of what is open. */
  readonly findings: readonly Finding[];
}

/** What is opened goes on `undo`. @param fail to be told that a device is gone @throws an operator error */
export async function open(options: {
  readonly config: Config;
  readonly claimed: Claimed;
  readonly stdout: LogSink;
  readonly undo: UndoStack;
  readonly fail: (error: Error) => void;
}): Promise<Opened> {
  const { config, claimed, stdout, undo, fail } = options;
  const { runUser, checkedHooks, cage } = claimed;
  const tuns = openDevices(config, runUser.uid, cage, fail);
  undo.push(() => tuns.close());
  const stream = createLog(config.log, stdout, config.data);
  const lines = processLog(stream, systemClock);
  const { log } = lines;
  undo.push(() => lines.stop());
  const watch = new Watch({ config, checkedHooks, runUser, log, lines });
  undo.push(() => watch.stop());
  const certificates = await CertificateKeeper.load(config, runUser, log);
  const store = await asUser(runUser, () => openStore(config.data, { keep: config.users.keep }));
  undo.push(() => store.close());
  undo.push(forgetOldPasswordsDaily(store.users, log));

  const common = await examineStart({
    config,
    certificate: certificates.first,
    names: certificates.names,
    runUser,
    tokens: await store.tokens.list(),
  });
  const findings = cage.finding.result === 'ok' ? common : [...common, cage.finding];
  for (const { check, text, fix } of [...checkedHooks.findings, ...findings])
    log.warn('doctor.finding', { check, text, fix });
  return { tuns, log, relay: (line) => stream.relay(line), watch, certificates, store, findings };
}

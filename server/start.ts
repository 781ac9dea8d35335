import { adminSocketPath } from '../admin/index.ts';
import type { Log, UndoStack } from '../core/index.ts';
import { type Administered, administer } from './administer.ts';
import { Bound } from './bound.ts';
import { isNameOf } from './certificates/material.ts';
import { type Claimed, claim } from './claim.ts';
import type { Config, Origins } from './config/index.ts';
import { type Connected, connect } from './connect.ts';
import { ensureFirstUser } from './first-start.ts';
import { becomeRunUser } from './host/index.ts';
import type { LogSink } from './log/index.ts';
import type { StartSummary } from './next-steps.ts';
import { asRemark, examineRevocationLater, openMetrics } from './observe/index.ts';
import { type Opened, open } from './open.ts';
import { type PreparedHost, prepareHost } from './prepare-host.ts';

export interface StartOptions {
  readonly config: Config;
  readonly origins: Origins;
  readonly stdout: LogSink;
  /** What is made is put here. */
  readonly undo: UndoStack;
  /** To be told of the loss of something that the server can't do without. */
  readonly fail: (error: Error) => void;
}

export interface RunningServer {
  readonly summary: StartSummary;
  readonly log: Log;
  /** How many there are. */
  sessions(): number;
}

/**
 * Starts the server in an order that leaves nothing half-done: what can be missing is checked before anything is made.
 * At the end the process is an unprivileged user.
 *
 * @throws an operator error (`isOperatorError`): one line that says what is missing and what mends it
 */
export async function start(options: StartOptions): Promise<RunningServer> {
  const { config, undo } = options;
  const bound = new Bound(config);
  const claimed = await claim(config, undo);
  const opened = await open({ ...options, claimed });
  const host = await prepareHost({ config, claimed, opened, undo });
  const connected = await connect({ ...options, claimed, opened, host, bound });
  const administered = await administer({ ...options, claimed, opened, host, connected, bound });
  const parts = { claimed, opened, host, connected, administered };
  // Nothing below needs root, and what is in the data directory is the run user's to change.
  becomeRunUser(claimed.runUser);
  const remarks = await listen(options, bound, parts);
  return report(options, bound, parts, remarks);
}

interface Parts {
  readonly claimed: Claimed;
  readonly opened: Opened;
  readonly host: PreparedHost;
  readonly connected: Connected;
  readonly administered: Administered;
}

/** What there is to tell of the listeners. */
interface Listening {
  /** Of the admin page; undefined without one. */
  readonly adminUrl: string | undefined;
  /** Lines about the certificate that the operator should read. */
  readonly remarks: readonly string[];
}

/** For clients first, then for operators. @throws {ListenError} @throws {StartError} */
async function listen({ config, undo }: StartOptions, bound: Bound, parts: Parts): Promise<Listening> {
  const { log, watch, certificates } = parts.opened;
  const { plane } = parts.connected;
  const { admin, network, metrics } = parts.administered;
  bound.take(await plane.listen());
  const remarks = await certificates.begin(
    async (material) => {
      network?.setTls(material);
      await plane.setTls(material);
    },
    (renewal) => watch.renewed(renewal),
  );
  undo.push(() => certificates.stop());
  const served = await admin.listen(adminSocketPath(config.data));
  undo.push(() => served.close());
  const adminUrl = await network?.listen();
  const isOwnName = (name: string): boolean => isNameOf(name, config, certificates.material);
  await openMetrics(config, { metrics: () => metrics.text(), isOwnName, log, undo });
  return { adminUrl, remarks };
}

/** It serves: says so in the log, and to its operator. */
async function report(
  { config, stdout }: StartOptions,
  bound: Bound,
  { claimed, opened, host, connected, administered }: Parts,
  { adminUrl, remarks }: Listening,
): Promise<RunningServer> {
  const { log, certificates, store, tuns, findings } = opened;
  const { control, workers, facts } = connected;
  const { listening, port } = bound;
  const user = await ensureFirstUser(store.users, config.data, stdout.isTTY === true);
  log.info('server.started', {
    listening,
    admin: adminUrl ?? 'off',
    data: config.data,
    tun: tuns.names.join(', '),
    runsAs: claimed.runUser.name,
    workers: workers?.workers.length ?? 0,
  });
  claimed.keepDirectory();
  void examineRevocationLater(certificates.first, log);
  const summary: StartSummary = {
    data: config.data,
    listening,
    names: certificates.names,
    port,
    pool: claimed.plan.cidr,
    portal: config.portal.enabled ? config.portal : undefined,
    client: facts(user?.name ?? 'NAME'),
    ca: certificates.ca,
    user,
    admin: adminUrl === undefined ? undefined : { url: adminUrl, hasAccount: await administered.hasAccount() },
    remarks: [...host.remarks, ...connected.remarks, ...remarks, ...findings.map(asRemark)],
  };
  return { summary, log, sessions: () => control.count };
}

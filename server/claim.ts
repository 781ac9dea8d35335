import { StartError, type UndoStack } from '../core/index.ts';
import { probeAdminListener } from './admin-listener.ts';
import type { Config } from './config/index.ts';
import { probeListeners } from './connections/index.ts';
import {
  type AddressPlan,
  becomeRunUser,
  type Cage,
  checkFallback,
  chooseRunUser,
  claimDataDirectory,
  closedParent,
  lockDataDirectory,
  missingRight,
  planAddresses,
  planCage,
  type RunUser,
  readRights,
} from './host/index.ts';
import { type CheckedHooks, checkHooks, probeMetricsListener } from './observe/index.ts';

/** What a start has made sure of before it makes anything but the data directory. */
export interface Claimed {
  /** Whom to become when all is set up. */
  readonly runUser: RunUser;
  readonly checkedHooks: CheckedHooks;
  readonly cage: Cage;
  readonly plan: AddressPlan;
  /** A data directory that is new stays from now on, however the server ends. */
  keepDirectory(): void;
}

/** Rights, directory, ports and addresses: all that can be missing. @throws an operator error */
export async function claim(config: Config, undo: UndoStack): Promise<Claimed> {
  const runUser = checkRights(config);
  // Capabilities of the program file do not reach `ip` and `nft` by themselves; root narrows its own at the end.
  if (process.getuid?.() !== 0) becomeRunUser(runUser);
  checkFallback(config, runUser);
  const checkedHooks = checkHooks(config, runUser);
  const cage = planCage(config);
  const directory = claimDataDirectory(config.data, runUser);
  let isKept = false;
  undo.push(() => {
    if (!isKept) directory.discard();
  });
  const lock = lockDataDirectory(config.data, runUser);
  undo.push(() => lock.release());
  await probeListeners(config);
  await probeAdminListener(config);
  await probeMetricsListener(config);
  const plan = await planAddresses(config);
  const keepDirectory = (): void => {
    isKept = true;
  };
  return { runUser, checkedHooks, cage, plan, keepDirectory };
}

/** @returns whom to become when all is set up */
function checkRights(config: Config): RunUser {
  const runUser = chooseRunUser(config.run.user, config.data);
  const missing = missingRight(readRights(), runUser.uid);
  if (missing !== undefined) throw new StartError(missing);
  const closed = closedParent(config.data, runUser.uid);
  if (closed === undefined) return runUser;
  throw new StartError(
    `data directory ${config.data} lies in ${closed}, which is closed to the user that sstpd becomes (${runUser.name}): ` +
      'choose another with --data DIR, or set run.user to root',
  );
}

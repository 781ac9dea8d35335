/** Whether workers carry the connections or, for tests, this process itself. */
import { closeSync } from 'node:fs';
import { type Offload, openTunDescriptor, openTunPath, type TunDescriptor, type TunPath } from '../tun/index.ts';
import type { Admission } from './admission/index.ts';
import type { Config } from './config/index.ts';
import { DataPlane, type DataPlaneOptions, type Plane } from './connections/index.ts';
import type { LocalControl } from './control/index.ts';
import { type Cage, deviceCount, deviceName } from './host/index.ts';
import { locateWorker, WorkerPool, type WorkerPoolOptions, type WorkerProgram } from './workers/index.ts';

/** The TUN devices of a server. */
export type TunDevices = {
  readonly names: readonly string[];
  readonly offload: Offload;
  /** Removes the devices. */
  close(): void;
} & (
  | { readonly kind: 'one-process'; readonly path: TunPath }
  | { readonly kind: 'workers'; readonly descriptors: readonly TunDescriptor[]; readonly program: WorkerProgram }
);

/**
 * One device for each worker, or the one of this process.
 *
 * @param uid who will start the workers @param cage what they start in
 * @param fail to be told that the device is gone
 * @throws {TunError}
 */
export function openDevices(
  config: Pick<Config, 'network' | 'run' | 'limits'>,
  uid: number,
  cage: Cage,
  fail: (error: Error) => void,
): TunDevices {
  const { tun: name, mtu, offload, isolate } = config.network;
  const count = deviceCount(config);
  if (config.run.workers === 0) {
    const mostBytes = config.limits.queuesBytes;
    const opened = openTunPath({ name, mtu, offload, isolate, mostBytes, onFailure: fail });
    const { path } = opened;
    return { kind: 'one-process', names: [path.name], offload: opened.offload, path, close: () => path.close() };
  }
  const descriptors: TunDescriptor[] = [];
  const program = locateWorker(uid, cage);
  const close = (): void => {
    for (const { fd } of descriptors.splice(0)) closeSync(fd);
    program.close();
  };
  try {
    for (let i = 0; i < count; i += 1) descriptors.push(openTunDescriptor({ name: deviceName(name, i), mtu, offload }));
  } catch (error) {
    close();
    throw error;
  }
  const names = descriptors.map((device) => device.name);
  return { kind: 'workers', names, offload: descriptors[0]?.offload ?? 'none', descriptors, program, close };
}

/** Whoever carries the connections. */
export interface PreparedPlane {
  readonly plane: Plane;
  /** The same, if it is workers. */
  readonly workers: WorkerPool | undefined;
}

/** What both kinds of plane need. */
export interface PlaneParts
  extends Pick<DataPlaneOptions, 'config' | 'tls' | 'portalKey' | 'congestionControl' | 'log'> {
  readonly runUser: WorkerPoolOptions['setup']['runUser'];
  readonly networks: WorkerPoolOptions['setup']['networks'];
  readonly cage: Cage;
  readonly control: LocalControl;
  readonly admission: Admission;
  readonly fail: (error: Error) => void;
  readonly onAttempt: DataPlaneOptions['onAttempt'];
  readonly relay: WorkerPoolOptions['relay'];
}

/** Loads what is to be loaded while that is allowed; `listen` comes later. @throws {TlsContextError} */
export async function preparePlane(devices: TunDevices, parts: PlaneParts): Promise<PreparedPlane> {
  const { config, control, admission, tls, portalKey, congestionControl, log, runUser, networks, fail, onAttempt } =
    parts;
  const { layers, opensFiles } = parts.cage;
  switch (devices.kind) {
    case 'one-process': {
      const tun = devices.path;
      const common = { config, tun, control, admission, tls, portalKey, congestionControl, log, onAttempt };
      return { plane: await DataPlane.prepare({ ...common, worker: 0 }), workers: undefined };
    }
    case 'workers': {
      const workers = new WorkerPool({
        config,
        cage: layers,
        program: devices.program,
        devices: devices.descriptors,
        setup: {
          ...{ config, runUser, networks, tls, portalKey, congestionControl },
          confine: layers.seccomp ? { opensFiles } : undefined,
        },
        control,
        admission,
        log,
        relay: parts.relay,
        onAttempt,
        fail,
      });
      return { plane: workers, workers };
    }
    default:
      return devices satisfies never;
  }
}

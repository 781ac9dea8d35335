import { listenForMetrics } from '../../../admin/index.ts';
import type { Log, UndoStack } from '../../../core/index.ts';
import { type ListenError, listenError, listenErrorOf, probeForLater } from '../../../tls/index.ts';
import type { Config } from '../../config/index.ts';

/** Whether the address can be had, before anything is made. @throws {ListenError} naming the key */
export async function probeMetricsListener({ metrics }: Pick<Config, 'metrics'>): Promise<void> {
  await probeForLater(metrics.listen, ofMetrics);
}

/** Serves the metrics where `metrics.listen` says, if it does. @throws {ListenError} naming the key */
export async function openMetrics(
  { metrics: { listen, hosts } }: Pick<Config, 'metrics'>,
  options: {
    readonly metrics: () => Promise<string>;
    /** Of a DNS name in lower case, whether it is of the key `hosts` or of a certificate. */
    readonly isOwnName: (name: string) => boolean;
    readonly log: Log;
    readonly undo: UndoStack;
  },
): Promise<void> {
  if (listen === undefined) return;
  const { metrics, log, undo } = options;
  const { host, port } = listen;
  const named = new Set(hosts.map((name) => name.toLowerCase()));
  // Nobody answers for a name without a dot but this network: containers call each other so.
  const isOwnName = (name: string): boolean => !name.includes('.') || named.has(name) || options.isOwnName(name);
  const listener = await listenForMetrics({ host, port, metrics, isOwnName, log }).catch((error) =>
    Promise.reject(ofMetrics(listenError(error, host, port))),
  );
  undo.push(() => listener.close());
  log.info('metrics.listening', { host, port: listener.port });
}

function ofMetrics(error: ListenError): ListenError {
  return listenErrorOf('metrics.listen', '--metrics ADDR:PORT', error);
}

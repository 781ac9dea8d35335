import { Counters } from '../../datapath/index.ts';
import type { TunPath } from '../../tun/index.ts';
import type { Config } from '../config/index.ts';
import type { SessionTraffic } from '../control/index.ts';
import { makeReport, type Report } from '../observe/reported.ts';
import type { ConnectionTable } from './connection-table.ts';

export interface PlaneReportOptions {
  readonly table: ConnectionTable;
  readonly tun: TunPath;
  readonly floodDrops: number;
  readonly config: Pick<Config, 'metrics' | 'hooks'>;
}

/** What the connections of one process have carried, and what waits in them. One look at each; nothing per packet. */
export function planeReport({ table, tun, floodDrops, config }: PlaneReportOptions): Report {
  const withTraffic = wantsTraffic(config);
  const sessions = new Map<string, { stage: string; method: string; count: number }>();
  const traffic: SessionTraffic[] = [];
  const levels = { queuedBytes: 0, queuedBytesMost: 0, unsentBytes: 0, unsentBytesMost: 0 };
  const carried = new Counters();
  carried.add(table.carried);
  for (const connection of table.all()) {
    const { unsentBytes, tunnel } = connection;
    levels.unsentBytes += unsentBytes;
    levels.unsentBytesMost = Math.max(levels.unsentBytesMost, unsentBytes);
    if (tunnel === undefined) continue;
    const { counters, queuedBytes } = tunnel.load;
    carried.add(counters);
    levels.queuedBytes += queuedBytes;
    levels.queuedBytesMost = Math.max(levels.queuedBytesMost, queuedBytes);
    if (withTraffic) traffic.push({ id: connection.id, bytesIn: counters.bytesIn, bytesOut: counters.bytesOut });
    if (!connection.isTunnel) continue;
    const { stage, method = 'none' } = tunnel;
    const key = `${stage} ${method}`;
    const counted = sessions.get(key) ?? { stage, method, count: 0 };
    counted.count += 1;
    sessions.set(key, counted);
  }
  const device = tun.isOpen ? tun.totals : undefined;
  return makeReport({
    counts: {
      ...carried,
      floodDrops,
      deviceReads: device?.reads ?? 0,
      deviceWrites: device?.writes ?? 0,
      deviceDropsWrite: device?.writeDrops ?? 0,
      deviceDropsUnknown: device?.dropsUnknown ?? 0,
      deviceDropsGroup: device?.dropsGroup ?? 0,
      deviceDropsMalformed: device?.dropsMalformed ?? 0,
    },
    levels: { ...levels, queueMemory: device?.memory ?? 0 },
    sessions: [...sessions.values()],
    traffic,
  });
}

/** Whether anybody has to know how much each single session has carried. */
function wantsTraffic({ metrics, hooks }: Pick<Config, 'metrics' | 'hooks'>): boolean {
  return metrics.users || hooks.up !== undefined || hooks.down !== undefined || hooks.webhooks.length > 0;
}

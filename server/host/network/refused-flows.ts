/** What the limit of flows in our nftables table has refused. */
import { isRecord, parseJson, runCommand } from './command.ts';
import { CROWDED_SETS, REFUSED_COUNTER } from './firewall.ts';

export interface RefusedFlows {
  /** Since the table was made. */
  readonly packets: number;
  /** Clients with refusals of late: IPv4 addresses, and the first address of each /64. */
  readonly clients: readonly string[];
}

/** @returns undefined if there is no such limit, or nft does not say */
export async function readRefusedFlows(table: string): Promise<RefusedFlows | undefined> {
  const [counter] = await list('counter', table, REFUSED_COUNTER);
  if (typeof counter?.packets !== 'number') return undefined;
  if (counter.packets === 0) return { packets: 0, clients: [] };
  const sets = await Promise.all(CROWDED_SETS.map((name) => list('set', table, name)));
  return { packets: counter.packets, clients: sets.flat().flatMap(({ elem }) => elements(elem)) };
}

async function list(kind: 'counter' | 'set', table: string, name: string): Promise<Record<string, unknown>[]> {
  const result = await runCommand('nft', ['-j', 'list', kind, 'inet', table, name]);
  const listed = result.kind === 'ok' ? parseJson(result.stdout) : undefined;
  const entries = isRecord(listed) && Array.isArray(listed.nftables) ? listed.nftables.filter(isRecord) : [];
  return entries.map((entry) => entry[kind]).filter(isRecord);
}

/** As nft prints a set: `"192.0.2.1"`, or `{"elem": {"val": "192.0.2.1", "expires": 119}}`. */
function elements(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item) => {
    const value = isRecord(item) && isRecord(item.elem) ? item.elem.val : item;
    return typeof value === 'string' ? [value] : [];
  });
}

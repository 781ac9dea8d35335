/** Runs inside a network namespace: keeps a table that others may change, and prints the log as JSON. */
import { execFileSync } from 'node:child_process';
import type { Log } from '../../../core/index.ts';
import { TableKeeper } from '../../../server/network/table-keeper.ts';

const print = (msg: string, fields?: object): void => console.log(JSON.stringify({ msg, ...fields }));
const log: Log = { debug: print, info: print, warn: print, error: print, child: () => log };
const input = `table inet kept {
  set names { type ifname; elements = { "one", "two" }; }
  set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }
  counter seen { }
  chain guard { type filter hook forward priority filter; iifname @names ip daddr @nets counter name seen drop; }
}`;
execFileSync('nft', ['-f', '-'], { input });
const keeper = new TableKeeper({ table: 'kept', log, forwarding: [], mayOwn: false });
for (const line of keeper.take()) print('line', { line });
console.log('ready');
setInterval(() => {}, 60_000);

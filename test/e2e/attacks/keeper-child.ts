/**
 * Runs inside a network namespace: keeps a table that others may change, and prints the log as JSON. With the argument
 * `unheard` an address is added after each of two changes by others, before their news can be read.
 */
import { execFileSync } from 'node:child_process';
import { type Log, parseIpv4 } from '../../../core/index.ts';
import { TableKeeper } from '../../../server/host/network/table-keeper.ts';

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
if (process.argv[2] === 'unheard') {
  for (const [change, address] of [
    ['flush ruleset', '192.0.2.1'],
    ['insert rule inet kept guard accept', '192.0.2.2'],
  ] as const) {
    execFileSync('nft', [change]);
    keeper.changeAddress('add', 'nets', parseIpv4(address) ?? 0);
  }
}
console.log('ready');
setInterval(() => {}, 60_000);

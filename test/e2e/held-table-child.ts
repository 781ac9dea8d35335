/**
 * Runs inside a network namespace: has nft make the table `kept` by each script of the first argument, and puts what is read
 * of it in its place; then adds and removes addresses in a set, by nft and by ourselves. Prints JSON, one line for each.
 */
import { execFileSync } from 'node:child_process';
import { digestOf, TableHolder } from '../../tun/index.ts';

interface Tasks {
  readonly tables: readonly string[];
  readonly addresses: readonly { readonly change: 'add' | 'delete'; readonly text: string; readonly number: number }[];
}

const { tables, addresses } = JSON.parse(process.argv[2] ?? '') as Tasks;
const nft = (input: string): string => execFileSync('nft', ['-f', '-'], { input, encoding: 'utf8' });
const list = (): string => execFileSync('nft', ['-s', 'list', 'table', 'inet', 'kept'], { encoding: 'utf8' });
const say = (fields: object): void => console.log(JSON.stringify(fields));

for (const [number, table] of tables.entries()) {
  const holder = new TableHolder();
  nft(`table inet kept {\n${table}\n}\n`);
  const before = { list: list(), digest: digestOf(holder.read('kept') ?? { table: '', messages: [] }) };
  const parts = holder.read('kept');
  // Over the one that is there, and again where there is none.
  for (const removes of [false, true]) {
    if (removes) nft('flush ruleset');
    if (parts !== undefined) holder.put(parts, { owned: false });
    const after = { list: list(), digest: digestOf(holder.read('kept') ?? { table: '', messages: [] }) };
    say({ number, removes, before, after });
  }
  nft('flush ruleset');
  holder.close();
}

const holder = new TableHolder();
const SET = `table inet kept {\nset nets { type ipv4_addr; flags interval; elements = { 10.86.0.0/24 }; }\n}\n`;
const after = (change: (one: Tasks['addresses'][number]) => void): string[] => {
  nft(SET);
  const lists = addresses.map((one) => {
    change(one);
    return list();
  });
  nft('flush ruleset');
  return lists;
};
const byNft = after(({ change, text }) => nft(`${change} element inet kept nets { ${text} }\n`));
const byUs = after(({ change, number }) => holder.changeAddress(change, 'kept', 'nets', number));
for (const [i, one] of addresses.entries()) say({ ...one, byNft: byNft[i], byUs: byUs[i] });
say({ msg: 'done' });
process.exit(0);

/**
 * The table of all keys in docs/configuration.md, made from the schema. `node docs/config-table.ts` prints it,
 * `node docs/config-table.ts --write` puts it between the markers of that page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describeSchema } from '../server/config/index.ts';

/** The page that shows the table. */
export const PAGE: URL = new URL('configuration.md', import.meta.url);
export const BEGIN = '<!-- configuration table: made by docs/config-table.ts -->';
export const END = '<!-- end of the configuration table -->';

type Row = ReturnType<typeof describeSchema>[number];

/** When a change takes effect. */
const EFFECT: Readonly<Record<Row['applies'], string>> = {
  start: 'at start',
  'new-connections': 'for new connections',
  now: 'at once',
};

/** One line per key, in the order of the schema, under a heading; ends in a line feed. */
export function configTable(rows: readonly Row[] = describeSchema()): string {
  const lines = rows.map(({ key, type, default: initial, flag, doc, applies }) => {
    const names = flag === undefined ? code(key) : `${code(key)}<br>${code(flag)}`;
    return `| ${names} | ${shownDefault(initial)} | ${prose(doc)} | ${prose(type)} | ${EFFECT[applies]} |`;
  });
  return ['| key, flag | default | what it is | allowed | takes effect |', '|---|---|---|---|---|', ...lines, ''].join(
    '\n',
  );
}

/**
 * @returns `text` with `table` in place of what stands between the markers
 * @throws {Error} if there is not exactly one pair of markers
 */
export function putTable(text: string, table: string): string {
  const [before, inside, ...more] = text.split(BEGIN);
  const [, after, ...rest] = inside?.split(END) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || rest.length > 0) {
    throw new Error(`there must be one "${BEGIN}" and behind it one "${END}"`);
  }
  return `${before}${BEGIN}\n\n${table}\n${END}${after}`;
}

/** @param initial undefined: it must be given */
function shownDefault(initial: string | undefined): string {
  if (initial === undefined) return 'must be given';
  return initial === '' ? 'empty' : code(initial);
}

/** A backtick would end the span and a bar the cell; no key, flag or default has the first. */
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

/** Text that Markdown shows as it is. */
function prose(text: string): string {
  return text.replace(/[\\`*_<|[\]]/g, '\\$&');
}

if (import.meta.main) {
  if (process.argv[2] === '--write') writeFileSync(PAGE, putTable(readFileSync(PAGE, 'utf8'), configTable()));
  else process.stdout.write(configTable());
}

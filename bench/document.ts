/** docs/performance.md and its plots, made from the kept summary: the tables between its markers, one plot per figure. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge } from './limits.ts';
import { SCENARIOS, type Scenario } from './options.ts';
import { drawPlots, writePlots } from './plots.ts';
import { limitRows, tablesOf } from './report.ts';
import type { Results } from './results.ts';

export const SUMMARY: string = join(import.meta.dirname, 'results/summary.json');
export const PAGE: string = join(import.meta.dirname, '../docs/performance.md');
export const PLOTS: string = join(import.meta.dirname, '../docs/plots');

export function readSummary(): Results | undefined {
  return existsSync(SUMMARY) ? (JSON.parse(readFileSync(SUMMARY, 'utf8')) as Results) : undefined;
}

/** The newer results; of scenarios, lines and changes that it did not measure, the older ones. */
export function takeOver(older: Results | undefined, newer: Results): Results {
  if (older === undefined) return newer;
  // Nothing is judged by the floor and the floods: a run that gets new ones is still one run.
  const took = { ...older.took, ...newer.took };
  if (Object.keys(newer.took).every((part) => part === 'floor' || part === 'floods')) {
    const has = (part: string): boolean => newer.took[part] !== undefined;
    const left = [...older.left.filter(({ scenario }) => !has(scenario)), ...newer.left];
    const floods = has('floods') ? newer.floods : older.floods;
    return {
      ...older,
      ...{ took, left, floor: has('floor') ? newer.floor : older.floor },
      ...(floods === undefined ? {} : { floods }),
    };
  }
  const has = (part: Scenario): boolean => newer.took[part] !== undefined;
  const kept = Object.fromEntries(SCENARIOS.filter((part) => !has(part)).map((part) => [part, older[part]]));
  const isOld = ({ scenario }: Results['left'][number]): boolean =>
    SCENARIOS.some((part) => scenario === part && !has(part));
  const left = [...older.left.filter(isOld), ...newer.left];
  const merged = { lines: { ...older.lines, ...newer.lines }, changes: { ...older.changes, ...newer.changes } };
  const isPieced = SCENARIOS.some((part) => !has(part)) || newer.options.seconds !== undefined;
  return { ...newer, ...merged, ...kept, isPieced, took, left };
}

/** Writes page and plots. @throws {Error} if there is no summary */
export function renderDocuments(results: Results | undefined): void {
  if (results === undefined) throw new Error('there is no bench/results/summary.json');
  writeFileSync(PAGE, putBlocks(readFileSync(PAGE, 'utf8'), results));
  const drawn = new Set(writePlots(results, PLOTS));
  for (const file of readdirSync(PLOTS)) if (!drawn.has(file)) rmSync(join(PLOTS, file));
}

const BLOCK = /<!-- bench: ([a-z]+) -->\n.*?<!-- end of bench -->/gs;

/**
 * @returns the text with what the results say between each `<!-- bench: NAME -->` and the next `<!-- end of bench -->`
 * @throws {Error} for a name that is none
 */
export function putBlocks(text: string, results: Results): string {
  return text.replaceAll(BLOCK, (_, name: string) => {
    return `<!-- bench: ${name} -->\n\n${block(name, results)}\n\n<!-- end of bench -->`;
  });
}

/** A scenario's tables and plots, or `machine`, `limits`, `udp`. */
function block(name: string, results: Results): string {
  if (name === 'machine') return machine(results);
  if (name === 'limits') return limits(results);
  if (name !== 'udp' && !SCENARIOS.some((part) => part === name))
    throw new Error(`docs/performance.md: no part ${name}`);
  const tables = tablesOf(results).filter((table) => table.name === name);
  const plots = drawPlots(results).filter((plot) => plot.part === name);
  const failed = results.left.filter(({ scenario, isFailure }) => isFailure && scenario.startsWith(name));
  if (tables.length === 0 && plots.length === 0) return 'Not measured in this run.';
  return [
    ...tables.map(({ title, rows }) => `${title}:\n\n${markdown(rows)}`),
    ...failed.map(({ vpn, why }) => `${inMarkdown(vpn)}: failed: ${inMarkdown(why)}`),
    ...plots.map(({ file, title }) => `![${title}](plots/${file})`),
  ].join('\n\n');
}

/** Limits are for a complete run on a quiet machine. */
function limits(results: Results): string {
  const judged = judge(results);
  const shown = results.isPieced === true ? judged.map((one) => ({ ...one, verdict: 'not judged' as const })) : judged;
  return markdown(limitRows(shown));
}

function machine({ date, machine: host, took, isPieced }: Results): string {
  // Floods may be of another day, which their table names.
  const { floods = 0, ...others } = took;
  const taken = Object.values(others).length > 0 ? others : { floods };
  const minutes = Math.round(Object.values(taken).reduce((sum, one) => sum + one, 0) / 60);
  const busy = Math.round(host.busyBefore * 100);
  return [
    `Measured on ${date.slice(0, 10)}: Linux ${host.kernel}, Node ${host.node}, ${host.cores} cores (${host.cpu}).`,
    isPieced === true
      ? 'Put together from several runs, some of them shortened, on a machine that was busy at times: each table is of one run.'
      : `It took ${minutes} minutes; ${busy} % of the processors were busy with other things before the first measurement.`,
  ].join('\n');
}

function markdown([header = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${header.map((_, i) => inMarkdown(cells[i] ?? '')).join(' | ')} |`;
  return [line(header), `|${header.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

function inMarkdown(text: string): string {
  return text.replace(/[\\`*_<|[\]]/g, '\\$&');
}

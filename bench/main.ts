/** `npm run bench`: figures as ratios to references of the same run, because absolute ones are the machine's. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingOf } from '../packaging/debian-packages.mjs';
import { Bench } from './bench.ts';
import { readSummary, renderDocuments, SUMMARY, takeOver } from './document.ts';
import { Lab } from './lab.ts';
import { judge, type Limit } from './limits.ts';
import { type BenchOptions, readOptions, USAGE } from './options.ts';
import { writePlots } from './plots.ts';
import { OTHER_CORE } from './processes.ts';
import { printReport } from './report.ts';
import type { Results } from './results.ts';

const RESULTS = join(import.meta.dirname, 'results');

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  if (options.onlyRenders) {
    renderDocuments(readSummary());
    return 0;
  }
  if (process.getuid?.() !== 0) {
    console.error('the bench makes network namespaces and needs root');
    return 1;
  }
  const missing = missingOf(['run', 'bench']).map(([what, name]) => `needs ${what}: apt install ${name}`);
  if (missing.length > 0) {
    console.error(missing.join('\n'));
    return 1;
  }
  execFileSync('taskset', ['-a', '-c', '-p', String(OTHER_CORE), String(process.pid)], { stdio: 'ignore' });
  const lab = await Lab.make();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      lab.closeNow();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  }
  try {
    const results = await new Bench(lab, options).run();
    return conclude(results, options);
  } finally {
    lab.closeNow();
  }
}

/** Everything goes to results/, which git ignores but for the summary that the documentation shows. */
function conclude(results: Results, { isQuick, isKept }: BenchOptions): number {
  const judged = judge(results);
  const limits = isQuick ? judged.map((limit): Limit => ({ ...limit, verdict: 'not judged' })) : judged;
  printReport(results, limits, (text) => console.log(text));
  mkdirSync(RESULTS, { recursive: true });
  const name = isQuick ? 'quick.json' : `${results.date.replaceAll(':', '-').slice(0, 19)}.json`;
  writeJson(join(RESULTS, name), { limits, ...results });
  const plots = writePlots(results, join(RESULTS, 'plots'));
  console.log(`\nbench/results/${name}, ${plots.length} plots in bench/results/plots`);
  if (isKept) {
    writeJson(SUMMARY, takeOver(readSummary(), results));
    renderDocuments(readSummary());
    console.log('bench/results/summary.json, docs/performance.md and docs/plots are of this run now');
  }
  if (isQuick) console.log('--quick: these figures mean nothing');
  console.log(`It took ${Math.round(process.uptime())} s.`);
  const hasFailed = results.left.some(({ isFailure }) => isFailure);
  return hasFailed || limits.some(isBroken) ? 1 : 0;
}

function isBroken({ verdict }: Limit): boolean {
  return verdict === 'NOT HELD';
}

function writeJson(file: string, value: unknown): void {
  // Six decimals are more than the figures are good for.
  const round = (_: string, one: unknown): unknown => (typeof one === 'number' ? Math.round(one * 1e6) / 1e6 : one);
  writeFileSync(file, `${JSON.stringify(value, round, 2)}\n`);
}

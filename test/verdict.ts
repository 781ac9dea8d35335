/** What `npm test` says at its end. */
import type { Counts } from './support/count-reporter.ts';

/** A file of tests that this machine cannot run, for want of these programs, rights and devices. */
export interface LeftOut {
  readonly file: string;
  readonly lacking: readonly string[];
}

/** A line for each set of what lacks, with the files that need it. */
export function describeLeftOut(leftOut: readonly LeftOut[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { file, lacking } of leftOut) {
    const names = lacking.join(', ');
    groups.set(names, [...(groups.get(names) ?? []), file]);
  }
  return [...groups].map(([names, files]) => `LEFT OUT for want of ${names}: ${files.join(' ')}`);
}

/** All of it in one line, for people and for programs. */
export function lastLine(runs: readonly Counts[], leftOut: readonly LeftOut[]): string {
  const sum = (key: keyof Counts): number => runs.reduce((total, counts) => total + counts[key], 0);
  const counts = `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`;
  const names = [...new Set(leftOut.flatMap(({ lacking }) => lacking))];
  const files = leftOut.length === 1 ? '1 file' : `${leftOut.length} files`;
  return `${counts}, ${files} left out${names.length === 0 ? '' : ` for want of ${names.join(', ')}`}`;
}

/**
 * `node test/each-alone.ts FILE…`: each test of these files in a run of its own, for one that needs what another left
 * behind fails only then. Long, and needs what the files need.
 */
import { spawnSync } from 'node:child_process';

/** @param pattern of names; all unless given */
function run(file: string, pattern?: string): { passed: string[]; failed: string[]; output: string } {
  const chosen = pattern === undefined ? [] : [`--test-name-pattern=${pattern}`];
  const { stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...chosen, file], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const names = (word: string): string[] =>
    [...stdout.matchAll(new RegExp(`^${word} \\d+ - (.*?)$`, 'gm'))]
      .map(([, name = '']) => name.replaceAll('\\#', '#').replaceAll('\\\\', '\\'))
      .filter((name) => !/ # SKIP/i.test(name));
  return { passed: names('ok'), failed: names('not ok'), output: stdout };
}

const faults: string[] = [];
let count = 0;
for (const file of process.argv.slice(2)) {
  const all = run(file);
  for (const name of all.failed) faults.push(`${file}: together with the others: ${name}\n${all.output}`);
  for (const name of [...all.passed, ...all.failed]) {
    const alone = run(file, `^${name.replace(/[$()*+.?[\]\\^{|}]/g, '\\$&')}$`);
    const isFine = alone.failed.length === 0 && alone.passed.includes(name);
    count += 1;
    console.log(`${isFine ? 'ok    ' : 'FAILED'} ${file}: ${name}`);
    if (!isFine) faults.push(`${file}: alone: ${name}\n${alone.output}`);
  }
}
for (const fault of faults) console.log(`\n${fault}`);
console.log(`\n${count} tests alone, ${faults.length} failures`);
process.exitCode = faults.length === 0 && count > 0 ? 0 : 1;

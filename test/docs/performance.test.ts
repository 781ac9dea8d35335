/** docs/performance.md and its plots are what the kept summary makes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAGE, PLOTS, putBlocks, readSummary } from '../../bench/document.ts';
import { drawPlots } from '../../bench/plots.ts';

const page = readFileSync(PAGE, 'utf8');
const summary = readSummary() ?? assert.fail('bench/results/summary.json is missing: run "npm run bench -- --peers"');

test('the tables are those of bench/results/summary.json: run "npm run bench -- --render"', () => {
  assert.equal(page, putBlocks(page, summary));
});

test('so are the plots, and each is shown on the page', () => {
  const plots = drawPlots(summary);
  assert.deepEqual(readdirSync(PLOTS).sort(), plots.map(({ file }) => file).sort());
  for (const { file, svg } of plots) {
    assert.equal(readFileSync(join(PLOTS, file), 'utf8'), svg, file);
    assert.ok(page.includes(`](plots/${file})`), file);
  }
});

test('the page has a place for each part of the results, and each was measured', () => {
  const parts = [
    'machine',
    'single',
    'udp',
    'floor',
    'small',
    'many',
    'lines',
    'changes',
    'flows',
    'slow',
    'connect',
    'sessions',
  ];
  for (const part of [...parts, 'limits']) assert.ok(page.includes(`<!-- bench: ${part} -->`), part);
  assert.doesNotMatch(page, /Not measured in this run/);
});

test('another figure makes another page', () => {
  const other = structuredClone(summary);
  const [first] = Object.values(other.single);
  assert.ok(first !== undefined);
  (first.tcp.down as { mbits: number }).mbits *= 2;
  assert.notEqual(page, putBlocks(page, other));
});

test('a part that does not exist is refused', () => {
  assert.throws(() => putBlocks('<!-- bench: nothing -->\n<!-- end of bench -->', summary), /no part nothing/);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BEGIN, configTable, END, PAGE, putTable } from '../../docs/config-table.ts';
import { describeSchema } from '../../server/index.ts';

const page = readFileSync(PAGE, 'utf8');

test('the table in docs/configuration.md is what the schema makes: run "node docs/config-table.ts --write"', () => {
  assert.equal(page, putTable(page, configTable()));
});

test('each key has one row, in the order of the schema', () => {
  const keys = [...configTable().matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]);
  assert.deepEqual(
    keys,
    describeSchema().map(({ key }) => key),
  );
});

test('a row shows key, flag, default, text and what is allowed, with the signs of Markdown escaped', () => {
  const row = {
    key: 'a.b',
    type: "'x_y' or [Z]",
    default: '',
    env: 'SSTPD_A_B',
    flag: '--b <C|D>',
    doc: 'One | *two*.',
    applies: 'start' as const,
  };
  assert.equal(
    configTable([row, { ...row, flag: undefined, default: '5' }]),
    [
      '| key, flag | default | what it is | allowed | takes effect |',
      '|---|---|---|---|---|',
      "| `a.b`<br>`--b <C\\|D>` | empty | One \\| \\*two\\*. | 'x\\_y' or \\[Z\\] | at start |",
      "| `a.b` | `5` | One \\| \\*two\\*. | 'x\\_y' or \\[Z\\] | at start |",
      '',
    ].join('\n'),
  );
});

test('the table takes the place of what stands between the markers, and of nothing else', () => {
  assert.equal(putTable(`a\n${BEGIN}\nold\n${END}\nb`, 'new\n'), `a\n${BEGIN}\n\nnew\n\n${END}\nb`);
});

test('a text without exactly one pair of markers in their order is refused', () => {
  for (const text of ['', BEGIN, END, `${END}${BEGIN}`, `${BEGIN}${END}${END}`, `${BEGIN}${BEGIN}${END}`]) {
    assert.throws(() => putTable(text, 'new\n'), /there must be one/, JSON.stringify(text));
  }
});

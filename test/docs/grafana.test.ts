/** The dashboard and the alerts: as they are made, and each expression in them is PromQL about metrics that exist. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Panel } from '@grafana/schema';
import { dashboardText, FILE, makeDashboard } from '../../docs/grafana/dashboard.ts';
import { alertExpressions, dashboardExpressions, metricsIn } from '../support/promql.ts';

test('the file is what the generator makes: run "node docs/grafana/dashboard.ts --write"', () => {
  assert.equal(readFileSync(FILE, 'utf8'), dashboardText());
});

test('each expression is PromQL, and speaks of metrics of ours alone', () => {
  const all = [...dashboardExpressions(), ...alertExpressions()];
  assert.ok(all.length > 40, `only ${all.length}`);
  for (const expr of all) {
    const names = metricsIn(expr);
    assert.ok(names.length > 0, expr);
    for (const name of names) assert.match(name, /^sstp_/, expr);
  }
});

test('what is no PromQL is found', () => {
  for (const expr of ['sum(sstp_sessions', 'rate(sstp_bytes_total[5m]', 'sum by (a (x)', 'x{a=~"b}']) {
    assert.throws(() => metricsIn(expr), /is no PromQL/, expr);
  }
});

test('panels have ids and places of their own', () => {
  const panels = makeDashboard().panels ?? [];
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { gridPos = assert.fail(), title } of panels as Panel[]) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x} ${y}`), title);
        taken.add(`${x} ${y}`);
      }
    }
  }
});

test('each metric that the page names is on the dashboard, but those of users; and the other way round', () => {
  const page = readFileSync('docs/metrics.md', 'utf8');
  const named = new Set([...page.matchAll(/`(sstp_\w+)`/g)].map((match) => match[1] ?? ''));
  const shown = new Set(
    dashboardExpressions()
      .flatMap(metricsIn)
      .map((name) => name.replace(/_bucket$/, '')),
  );
  for (const name of shown) assert.ok(named.has(name), `${name} is not in docs/metrics.md`);
  for (const name of named)
    assert.ok(shown.has(name) || name.startsWith('sstp_user_'), `${name} is not on the dashboard`);
});

/** What the dashboard and the alerts ask of Prometheus. */
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { load } from 'js-yaml';

const DASHBOARD = 'docs/grafana/sstpd-dashboard.json';
export const ALERTS = 'docs/grafana/alerts.yml';

/** Of all panels; what Grafana puts in is put in. */
export function dashboardExpressions(): string[] {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
  };
  return panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*')),
  );
}

export function alertExpressions(): string[] {
  const { groups } = load(readFileSync(ALERTS, 'utf8')) as {
    groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
  };
  return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
}

/** The metrics that an expression names. @throws {Error} if it is no PromQL */
export function metricsIn(expr: string): string[] {
  const names: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new Error(`${expr} is no PromQL, from ${from} on: ${expr.slice(from)}`);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') names.push(expr.slice(from, to));
    },
  });
  return names;
}

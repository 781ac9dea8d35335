/** SVG, readable on light and dark ground and without telling red from green: bars, and lines over time. */
import { short } from './limits.ts';

export interface BarChart {
  readonly title: string;
  readonly unit: string;
  /** One bar of each group for each series. */
  readonly series: readonly string[];
  readonly groups: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** Panels below each other over the same time. */
export interface TimeChart {
  readonly title: string;
  readonly seconds: number;
  /** Borders between phases, with what each is. */
  readonly phases: readonly { readonly title: string; readonly from: number }[];
  readonly series: readonly string[];
  readonly panels: readonly {
    readonly unit: string;
    /** For each series its points as [seconds, value]; a negative value is a gap. */
    readonly points: readonly (readonly (readonly [number, number])[])[];
  }[];
}

const WIDTH = 760;
const LEFT = 190;
const RIGHT = 90;
const TOP = 64;
const BAR = 14;
const GAP = 12;
/** Told apart also by who sees no difference between red and green, and on light and dark ground. */
const COLOURS = ['#3b7dd8', '#e08a1e', '#8a5cc2', '#2f9e8f'];
const LEGEND_STEP = 130;

export function drawBars({ title, unit, series, groups }: BarChart): string {
  const most = Math.max(...groups.flatMap(({ values }) => values), Number.MIN_VALUE);
  const scale = (WIDTH - LEFT - RIGHT) / most;
  const step = series.length * BAR + GAP;
  const height = TOP + groups.length * step + GAP;
  const legend = legendOf(series, LEFT);
  const bars = groups.flatMap(({ name, values }, g) => {
    const top = TOP + g * step;
    const label = `<text x="${LEFT - 8}" y="${top + (series.length * BAR) / 2 + 4}" text-anchor="end">${inXml(name)}</text>`;
    return [label, ...values.map((value, i) => bar(value, top + i * BAR, value * scale, COLOURS[i] ?? '#888'))];
  });
  return picture(`${title} (${unit})`, height, [...legend, ...bars]);
}

function bar(value: number, y: number, width: number, colour: string): string {
  const w = Math.max(1, width).toFixed(1);
  const text = `<text x="${(LEFT + Number(w) + 5).toFixed(1)}" y="${y + 11}" font-size="11">${short(value)}</text>`;
  return `<rect x="${LEFT}" y="${y + 1}" width="${w}" height="${BAR - 2}" fill="${colour}"/>${text}`;
}

function inXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const PANEL = 150;
const PANEL_STEP = 204;
const AXIS = 60;
const MARGIN = 20;

export function drawOverTime({ title, seconds, phases, series, panels }: TimeChart): string {
  const x = (at: number): number => AXIS + (at / seconds) * (WIDTH - AXIS - MARGIN);
  const first = TOP + 34;
  const names = phases.map(({ title: name, from }) => text(x(from) + 5, TOP + 6, inXml(name), 'class="quiet"'));
  const parts = panels.flatMap(({ unit, points }, p) => {
    const top = first + p * PANEL_STEP;
    const most = niceMost(Math.max(1, ...points.flat().map(([, value]) => value)));
    const y = (value: number): number => top + PANEL * (1 - value / most);
    const grid = [0, 0.5, 1].flatMap((share) => [
      `<line class="grid" x1="${AXIS}" y1="${y(most * share)}" x2="${WIDTH - MARGIN}" y2="${y(most * share)}"/>`,
      text(AXIS - 6, y(most * share) + 4, short(most * share), 'text-anchor="end"'),
    ]);
    const borders = phases
      .slice(1)
      .map(({ from }) => `<line class="border" x1="${x(from)}" y1="${top}" x2="${x(from)}" y2="${top + PANEL}"/>`);
    const ticks = Array.from({ length: Math.floor(seconds / 5) + 1 }, (_, i) =>
      text(x(i * 5), top + PANEL + 16, `${i * 5} s`, 'text-anchor="middle" class="quiet"'),
    );
    const lines = points.map((own, i) => {
      const path = own
        .map(([at, value], k) => {
          const isStart = k === 0 || (own[k - 1]?.[1] ?? -1) < 0;
          return value < 0 ? '' : `${isStart ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
        })
        .join('');
      return `<path d="${path}" fill="none" stroke="${COLOURS[i]}" stroke-width="2"/>`;
    });
    return [...grid, ...borders, ...ticks, ...lines, text(12, top - 10, inXml(unit), 'class="quiet"')];
  });
  const height = first + panels.length * PANEL_STEP;
  return picture(title, height, [...legendOf(series, AXIS), ...names, ...parts]);
}

/** 1, 2 or 5 times a power of ten. */
function niceMost(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5, 10].find((one) => one * power >= most) ?? 10) * power;
}

function legendOf(series: readonly string[], left: number): string[] {
  return series.map((name, i) => {
    const x = left + i * LEGEND_STEP;
    return `<rect x="${x}" y="38" width="10" height="10" fill="${COLOURS[i]}"/>${text(x + 15, 47, inXml(name), '')}`;
  });
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${content}</text>`;
}

const STYLE = [
  'text{fill:#222}.quiet{fill:#666}.ground{fill:#fff}.grid{stroke:#ddd}.border{stroke:#888;stroke-dasharray:4 3}',
  '@media(prefers-color-scheme:dark){text{fill:#ddd}.quiet{fill:#999}.ground{fill:#161b22}.grid{stroke:#333}}',
].join('');

function picture(title: string, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img">
<title>${inXml(title)}</title>
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
<text x="12" y="22" font-size="15" font-weight="bold">${inXml(title)}</text>
${parts.join('\n')}
</svg>
`;
}

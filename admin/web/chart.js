/** Throughput of the last five minutes: two lines that differ in colour, weight and dashes. */
import { element, fill, setText, shape } from './element.js';
import { pointsOf, topOf } from './scale.js';
import { formatRate } from './text.js';

/** @import { Sample } from './rates.js' */

const SPAN_MS = 300_000;
const HEIGHT = 160;
/** Room for the words at the axes. */
const LEFT = 76;
const BOTTOM = 22;
const RIGHT = 8;
const TOP = 10;
const MINUTES = [5, 4, 3, 2, 1, 0];

export class Chart {
  #title = element('h2', { class: 'chart-title' });
  #drawing = shape('svg', { role: 'img', class: 'drawing' });
  #down = element('strong', {}, '\u2013');
  #up = element('strong', {}, '\u2013');
  /** @type {readonly Sample[]} */
  #samples = [];
  #observer = new ResizeObserver(() => this.#draw());

  constructor() {
    const legend = element(
      'p',
      { class: 'legend' },
      element('span', { class: 'key down' }, sampleLine('down'), 'To clients ', this.#down),
      element('span', { class: 'key up' }, sampleLine('up'), 'From clients ', this.#up),
    );
    this.element = element(
      'div',
      { class: 'chart' },
      element('div', { class: 'chart-head' }, this.#title, legend),
      this.#drawing,
    );
    this.#observer.observe(this.element);
  }

  /**
   * @param {string} title
   * @param {readonly Sample[]} samples
   */
  show(title, samples) {
    this.#samples = samples;
    setText(this.#title, title);
    const newest = samples.at(-1);
    setText(this.#down, newest === undefined ? '\u2013' : formatRate(newest.toClients));
    setText(this.#up, newest === undefined ? '\u2013' : formatRate(newest.fromClients));
    const highest = formatRate(highestOf(samples));
    const now = `now ${this.#down.textContent} to clients and ${this.#up.textContent} from clients`;
    this.#drawing.setAttribute('aria-label', `${title}: ${now}; highest in the last five minutes ${highest}`);
    this.#draw();
  }

  close() {
    this.#observer.disconnect();
  }

  #draw() {
    const outer = this.element.clientWidth;
    if (outer === 0) return;
    const width = Math.max(outer - LEFT - RIGHT, 50);
    const height = HEIGHT - TOP - BOTTOM;
    const top = topOf(highestOf(this.#samples));
    const frame = { width, height, spanMs: SPAN_MS, top };
    const down = pointsOf(this.#samples, ({ toClients }) => toClients, frame);
    const up = pointsOf(this.#samples, ({ fromClients }) => fromClients, frame);
    this.#drawing.setAttribute('viewBox', `0 0 ${outer} ${HEIGHT}`);
    fill(
      this.#drawing,
      shape(
        'g',
        { transform: `translate(${LEFT} ${TOP})` },
        ...levels(width, height, top),
        ...minutes(width, height),
        shape('path', { class: 'area', d: areaOf(down, height) }),
        shape('path', { class: 'line down', d: pathOf(down) }),
        shape('path', { class: 'line up', d: pathOf(up) }),
      ),
    );
  }
}

/** @param {'down' | 'up'} kind */
function sampleLine(kind) {
  return shape(
    'svg',
    { class: 'sample', viewBox: '0 0 24 8', 'aria-hidden': 'true' },
    shape('path', { class: `line ${kind}`, d: 'M1 4H23' }),
  );
}

/** @param {readonly Sample[]} samples */
function highestOf(samples) {
  return samples.reduce((highest, { fromClients, toClients }) => Math.max(highest, fromClients, toClients), 0);
}

/** @param {number} width @param {number} height @param {number} top */
function levels(width, height, top) {
  return [0, 0.5, 1].flatMap((part) => {
    const y = height * (1 - part);
    return [
      shape('line', { class: part === 0 ? 'axis' : 'grid', x1: 0, x2: width, y1: y, y2: y }),
      shape(
        'text',
        { class: 'word', x: -10, y: y + 4, 'text-anchor': 'end' },
        formatRate(top * part).replace('.0 ', ' '),
      ),
    ];
  });
}

/** @param {number} width @param {number} height */
function minutes(width, height) {
  const marks = width < 320 ? [5, 0] : MINUTES;
  return marks.map((minute) =>
    shape(
      'text',
      {
        class: 'word',
        x: width - (minute * 60_000 * width) / SPAN_MS,
        y: height + 18,
        'text-anchor': minute === 0 ? 'end' : minute === 5 ? 'start' : 'middle',
      },
      minute === 0 ? 'now' : `\u2212${minute} min`,
    ),
  );
}

/** @param {readonly [number, number][]} points */
function pathOf(points) {
  return points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
}

/** @param {readonly [number, number][]} points @param {number} height */
function areaOf(points, height) {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return '';
  return `${pathOf(points)}L${last[0]} ${height}L${first[0]} ${height}Z`;
}
